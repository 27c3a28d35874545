"""The figures as JSON for programs and as tables for people."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from benchmarks.contest import ONLY_PARSES
from benchmarks.drift import PATIENCE, RUNS
from benchmarks.figures import Run
from benchmarks.latency import RAISED_EVERY
from fraud_stream.terminal import print_table

#: What is asked of this application.
LEAST_THROUGHPUT = 20.0
MOST_CPU, CPU_AIM = 100.0, 60.0
MOST_PREDICT = 20.0
MOST_MODEL = 20.0
MOST_DRIFT = 0.5
LEAST_BACKTEST = 200_000.0
MOST_P999 = 250.0
LEAST_AGAINST_PYTHON, AIM_AGAINST_PYTHON = 3.0, 5.0
MOST_TAKE_OVER, MOST_RECOVERY = 10.0, 15.0
#: With a load average above this something else was running.
_BUSY = 0.5
Found = Mapping[str, Any]


class Table(NamedTuple):
    """Figures for people.

    Attributes:
        title: What they are of.
        columns: Names of the columns.
        rows: Cells.
        notes: What is to be said of them.
        command: What repeats them.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, ...]]
    notes: Sequence[str]
    command: str

    def show(self) -> None:
        """Print it."""
        print_table(f"\n{self.title}", self.columns, self.rows)
        for note in self.notes:
            click.echo(note)


def plain(value: Any) -> Any:
    """Figures as JSON, with what follows from them."""
    if isinstance(value, Run):
        derived = {"transactions_per_second": value.rate, "cpu_us_per_transaction": value.cpu_each}
        return {**value._asdict(), **derived}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(one) for name, one in value._asdict().items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def show_machine(machine: Found) -> None:
    """Print what it is measured on."""
    for line in machine_lines(machine):
        click.echo(line)


def machine_lines(machine: Found) -> list[str]:
    """What it was measured on."""
    load = machine["load_average"]
    warning = ": something else is running, so trust the ratios and no figure" if load > _BUSY else ""
    return [
        f"{machine['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, {machine['python']}",
        ", ".join(f"{name} {number}" for name, number in machine["packages"].items()),
        f"load average {load:.2f} when it began{warning}",
    ]


def tables(kind: str, found: Any) -> list[Table]:
    """What a kind of measurement has found."""
    return _TABLES[kind](found)


def _throughput(found: Found) -> list[Table]:
    naive, ours, better = found["naive"], found["ours"], found["advantage"]
    columns = ("contestant", "transactions", "wall s", *_RUN, "labels learnt", "alerts")
    rows = [
        ("naive Faust agent", *_sizes(naive), *_run(naive), _n(found["naive_learnt"]), _n(found["naive_alerts"])),
        ("fraud_stream", *_sizes(ours), *_run(ours), _n(found["learnt"]), _n(found["alerts"])),
    ]
    notes = [
        f"throughput {better['throughput']:.1f} times the naive one (asked: {LEAST_THROUGHPUT:.0f}), CPU a transaction "
        f"{better['cpu']:.1f} times less; {ours['cpu_us_per_transaction']:.0f} us a transaction (asked: at most "
        f"{MOST_CPU:.0f}; aim: {CPU_AIM:.0f})",
        f"fraud_stream: all tables and rules; {found['by_model']:,} transactions scored by the model",
    ]
    return [Table("Everything on, against a naive Faust agent that does the same", columns, rows, notes, "throughput")]


def _peers(found: Sequence[Found]) -> list[Table]:
    columns = ("program", "transactions", "wall s", *_RUN, "memory MB", "alerts")
    rows = [
        (one["name"], *_sizes(one["run"]), *_run(one["run"]), f"{one['memory'] / 1e6:,.0f}", _n(one["alerts"]))
        for one in found
    ]
    return [Table("The same work by several programs", columns, rows, _against(found), "peers")]


def _against(found: Sequence[Found]) -> list[str]:
    cpu = {one["name"]: one["run"]["cpu_us_per_transaction"] for one in found}
    ours = cpu["fraud_stream without its model"]
    others = [name for name in cpu if not name.startswith("fraud_stream") and not name.endswith(ONLY_PARSES)]
    ratios = (f"{name} {cpu[name] / ours:.2f}" for name in others)
    return [
        f"CPU a transaction, as a multiple of fraud_stream's without its model: {', '.join(ratios)} "
        f"(asked: {LEAST_AGAINST_PYTHON:.0f} of each in Python; aim: {AIM_AGAINST_PYTHON:.0f})"
    ]


def _latency(found: Sequence[Found]) -> list[Table]:
    columns = (
        "program",
        "transactions/s",
        "alerts",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "sender p99.9",
        "CPU us",
    )
    rows = [_latency_row(one) for one in found]
    notes = [
        f"From the moment a transaction was to be sent until a reader had its alert. Every {RAISED_EVERY}th amount is "
        f"raised above 1,000. {sum(one['missing'] or 0 for one in found)} alerts of fraud_stream missing.",
        f"asked: p99.9 under {MOST_P999:.0f} ms at 70 % of the greatest rate that this machine keeps up with",
        f"send to decision, p99.9: {', '.join(_decisions(found))}",
    ]
    return [Table("Latency from send to alert, open loop, one worker", columns, rows, notes, "latency")]


def _latency_row(one: Found) -> tuple[str, ...]:
    spread = one["to_alert"]
    times = (f"{spread[key]:,.1f}" for key in ("p50", "p99", "p999", "longest"))
    rest = f"{one['sender']['p999']:.1f}", f"{one['worker']['cpu_us_per_transaction']:.0f}"
    return one["name"], f"{one['rate']:,.0f}", _n(spread["size"]), *times, *rest


def _decisions(found: Sequence[Found]) -> list[str]:
    return [f"{one['to_decision']['p999']:,.1f} ms at {one['rate']:,.0f}/s" for one in found if one["to_decision"]]


def _customers(found: Sequence[Found]) -> list[Table]:
    columns = ("customers", "of them seen", "payments of each", *_RUN, "memory a customer", "changelog a transaction")
    rows = [
        (
            _n(one["customers"]),
            _n(one["seen"]),
            f"{one['transactions'] / one['seen']:,.1f}",
            *_run(one["run"]),
            f"{one['memory'] / one['seen']:,.0f} bytes",
            f"{one['changelog'] / one['transactions']:,.0f} bytes",
        )
        for one in found
    ]
    return [Table("Growth with the number of customers", columns, rows, [_PENDING], "customers")]


_PENDING = (
    "Every payment waits for its label here, in memory: with many payments a customer that is nearly all of the memory."
)


def _workers(found: Sequence[Found]) -> list[Table]:
    columns = ("workers", "transactions", "wall s", *_RUN)
    rows = [(str(one["workers"]), *_sizes(one["run"]), *_run(one["run"])) for one in found]
    return [Table("Several workers on this machine, which the broker shares", columns, rows, [], "workers")]


def _takeover(found: Sequence[Found]) -> list[Table]:
    rows = [(str(n), f"{one['seconds']:.2f}", f"{one['usual']:.2f}") for n, one in enumerate(found, 1)]
    notes = [f"asked: under {MOST_TAKE_OVER:.0f} s; [broker] session_timeout, 6 s as shipped, decides most of it"]
    columns = ("run", "longest wait after kill -9, s", "longest wait before, s")
    return [Table("Take-over from a killed worker, 1,000 transactions a second", columns, rows, notes, "takeover")]


def _recovery(found: Found) -> list[Table]:
    columns = ("changelog records", "MB", "start to ready, s", "the same with nothing to read, s")
    row = _n(found["records"]), f"{found['megabytes']:,.0f}", f"{found['seconds']:.1f}", f"{found['empty']:.1f}"
    notes = [
        f"asked: 1,000,000 in under {MOST_RECOVERY:.0f} s. The worker before was killed; the first figure holds what "
        "is left of its session of 6 s too",
    ]
    return [Table("Recovery of a worker with an empty memory", columns, [row], notes, "recovery")]


def _model(found: Found) -> list[Table]:
    columns = ("transactions", "to score, us", "to learn, us", "both, us", "to evaluate, us", "state, bytes")
    costs = found["score"], found["learn"], found["score"] + found["learn"], found.get("evaluate", math.nan)
    row = _n(found["transactions"]), *(f"{us:.1f}" for us in costs), _n(found["state"])
    return [
        Table(
            "The online model alone, CPU a transaction", columns, [row], [f"asked: at most {MOST_MODEL:.0f}"], "model"
        )
    ]


def _drift(found: Found) -> list[Table]:
    columns = ("stream", "change", "found after, median", "longest", f"not within {_n(PATIENCE)}")
    rows = [
        (one["stream"], f"x{one['times']:g}", _n(one["median"]), _n(one["longest"]), str(one["missed"]))
        for one in found["delays"]
    ]
    wrong = ", ".join(f"{name} {count}" for name, count in found["false_alarms"].items())
    notes = [
        f"transactions, labels or frauds of the stream; {RUNS} runs each",
        f"false alarms in {_n(found['numbers'])} numbers of each stream without change: {wrong}",
        f"CPU: {found['cpu']:.2f} us a transaction that is decided and labelled; asked: at most {MOST_DRIFT}",
    ]
    return [Table("How soon a drift is found", columns, rows, notes, "drift")]


def _predict(found: Found) -> list[Table]:
    columns = ("questions/s", "transactions/s", "answers", "p50, ms", "p99", "p99.9", "longest", "not answered")
    answers = found["answers"]
    times = (f"{answers[name]:.1f}" for name in ("p50", "p99", "p999", "longest"))
    row = f"{found['asked']:,.0f}", f"{found['rate']:,.0f}", _n(answers["size"]), *times, _n(found["refused"])
    decided = found["worker"]["transactions_per_second"]
    cores = found["worker"]["cpu_us_per_transaction"] * decided / 1e6
    notes = [
        "one question is one payment with its customer's live windows; an open loop: each counts from when it was due",
        f"the worker decided {decided:,.0f} transactions a second meanwhile, and took {cores:.0%} of a core for both",
        f"asked: p99 under {MOST_PREDICT:.0f} ms",
    ]
    return [Table("POST /predict while the stream runs", columns, [row], notes, "predict")]


def _backtest(found: Found) -> list[Table]:
    columns = ("history", "transactions", "wall s", *_RUN)
    sources = {"columns in memory": "columns", "the topic scored": "scored", "the topic labelled": "labelled"}
    rows = [(name, *_sizes(found[key]), *_run(found[key])) for name, key in sources.items()]
    notes = [
        f"{found['rules']} rules, which name {found['features']} features; CPU of this process, in which librdkafka "
        f"reads; a record on scored has {found['record_bytes']:,.0f} bytes",
        f"asked: {LEAST_BACKTEST:,.0f} a second over columns",
    ]
    return [Table("A rule judged on history", columns, rows, notes, "backtest")]


_RUN = ("transactions/s", "CPU us/transaction")
_TABLES: Mapping[str, Callable[[Any], list[Table]]] = {
    "throughput": _throughput,
    "peers": _peers,
    "latency": _latency,
    "predict": _predict,
    "customers": _customers,
    "workers": _workers,
    "takeover": _takeover,
    "recovery": _recovery,
    "model": _model,
    "drift": _drift,
    "backtest": _backtest,
}


def _sizes(run: Found) -> tuple[str, str]:
    return _n(run["transactions"]), f"{run['seconds']:.2f}"


def _run(run: Found) -> tuple[str, str]:
    return f"{run['transactions_per_second']:,.0f}", f"{run['cpu_us_per_transaction']:,.1f}"


def _n(number: int) -> str:
    return f"{number:,}"
