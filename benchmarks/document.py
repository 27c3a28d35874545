"""``docs/performance.md`` and its plots, made of the figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import report

_HEAD = """# Performance

Made by `make bench`; do not edit. Every table names the command that repeats it, and every measurement has a broker of
its own. Compare figures within a table: they are of one run on one machine, which broker, sender and worker share.
"""
_FORMATS = ("png", "svg")
_OURS = "#1f6f8b"
_OTHERS = "#b8b8b8"


def write(found: Mapping[str, Any], folder: Path) -> None:
    """Write the document and its plots.

    Args:
        found: What was found, by kind, each with the machine it was found on.
        folder: Where to.
    """
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "fraud_stream"  # the same figures give the same file
    parts = [_HEAD, *(_part(kind, one, folder) for kind, one in found.items())]
    (folder / "performance.md").write_text("\n".join(parts))


def _part(kind: str, one: Mapping[str, Any], folder: Path) -> str:
    lines = [part for table in report.tables(kind, one["found"]) for part in _markdown(table)]
    if kind in _PLOTS:
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        _PLOTS[kind](figure.add_subplot(), one["found"])
        for suffix in _FORMATS:
            figure.savefig(folder / "plots" / f"{kind}.{suffix}", dpi=120, metadata=_NO_DATE[suffix])
        lines += [f"![{kind}](plots/{kind}.svg)", ""]
    machine = "; ".join(report.machine_lines(one["machine"]))
    return "\n".join([*lines, f"<sub>On {one['broker']}; {machine}.</sub>", ""])


_NO_DATE = {"png": {"Software": None}, "svg": {"Date": None}}


def _markdown(table: report.Table) -> list[str]:
    lines = [f"## {table.title}", "", f"`.venv/bin/python -m benchmarks {table.command}`", ""]
    lines += [_row(table.columns), _row(["---", *["---:"] * (len(table.columns) - 1)])]
    lines += [*map(_row, table.rows), ""]
    return [*lines, *(line for note in table.notes for line in (note, ""))]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plot_peers(axes: Axes, found: Sequence[Mapping[str, Any]]) -> None:
    ordered = sorted(found, key=lambda one: -float(one["run"]["cpu_us_per_transaction"]))
    names = [one["name"] for one in ordered]
    cost = [one["run"]["cpu_us_per_transaction"] for one in ordered]
    bars = axes.barh(names, cost, color=[_OURS if name.startswith("fraud_stream") else _OTHERS for name in names])
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set_xscale("log")
    axes.set_xlabel("CPU microseconds a transaction (logarithmic)")
    axes.spines[["top", "right"]].set_visible(False)


def _plot_latency(axes: Axes, found: Sequence[Mapping[str, Any]]) -> None:
    for name in dict.fromkeys(one["name"] for one in found):
        mine = [one for one in found if one["name"] == name]
        color = _OURS if name.startswith("fraud_stream") else _OTHERS
        for what, style in (("p50", "-"), ("p999", ":")):
            rates = [one["rate"] for one in mine]
            values = [one["to_alert"][what] for one in mine]
            label = f"{name}, {'median' if what == 'p50' else 'p99.9'}"
            axes.plot(rates, values, style, marker="o", color=color, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("transactions a second")
    axes.set_ylabel("milliseconds from send to alert")
    axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)


def _plot_customers(axes: Axes, found: Sequence[Mapping[str, Any]]) -> None:
    sizes = [one["customers"] for one in found]
    axes.plot(sizes, [one["run"]["cpu_us_per_transaction"] for one in found], "-", marker="o", color=_OURS)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("customers")
    axes.set_ylabel("CPU microseconds a transaction")
    axes.spines[["top", "right"]].set_visible(False)


_PLOTS = {"peers": _plot_peers, "latency": _plot_latency, "customers": _plot_customers}
