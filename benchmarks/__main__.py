"""``python -m benchmarks``: throughput and CPU against a naive Faust agent, and the latency from send to alert."""

from pathlib import Path
from typing import Any

import click

from benchmarks import latency, machine, report, throughput
from fraud_stream.errors import FraudStreamError
from fraud_stream.options import FiniteRange
from fraud_stream.terminal import as_json

_KINDS = ("throughput", "latency")
_COUNT = click.IntRange(1)
_SECONDS = FiniteRange(0, min_open=True)


@click.command()
@click.argument("what", nargs=-1, type=click.Choice(_KINDS))
@click.option("--transactions", type=_COUNT, default=150_000, show_default=True, help="fraud_stream takes in so many.")
@click.option("--naive-transactions", type=_COUNT, default=10_000, show_default=True, help="The naive agent: so many.")
@click.option("--rate", type=_SECONDS, default=1_000.0, show_default=True, help="Latency: transactions a second.")
@click.option("--seconds", type=_SECONDS, default=8.0, show_default=True, help="Latency: measure for so long.")
@click.option("--warm-up", type=_SECONDS, default=5.0, show_default=True, help="Latency: send for so long before.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here.")
def main(what: tuple[str, ...], file: Path | None, **amounts: Any) -> None:
    """Measure WHAT, throughput or latency; without it both.

    Each has a broker of its own, in memory, and a worker as shipped: all tables, the rules of faust.conf, the model,
    labels joined and learnt.
    """
    found: dict[str, Any] = {"machine": machine.describe()}
    report.show_machine(found["machine"])
    try:
        for kind in what or _KINDS:
            found[kind] = _MEASURE[kind](amounts)
    except FraudStreamError as error:
        raise click.ClickException(str(error)) from None
    if file is not None:
        file.write_text(as_json(found) + "\n")


def _throughput(amounts: dict[str, Any]) -> dict[str, Any]:
    contest = throughput.measure(amounts["transactions"], amounts["naive_transactions"])
    report.show_contest(contest)
    return report.contest_as_json(contest)


def _latency(amounts: dict[str, Any]) -> dict[str, Any]:
    found = latency.measure(amounts["rate"], amounts["seconds"], amounts["warm_up"])
    report.show_latencies(found)
    return report.latencies_as_json(found)


_MEASURE = {"throughput": _throughput, "latency": _latency}

if __name__ == "__main__":
    main()
