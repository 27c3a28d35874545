"""``python -m benchmarks``: what this application costs, how fast it is, and how others compare."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from benchmarks import (
    backtest,
    contest,
    crowd,
    drift,
    growth,
    latency,
    machine,
    model,
    predict,
    recovery,
    report,
    throughput,
)
from benchmarks.document import write
from benchmarks.stage import BROKERS
from fraud_stream.errors import FraudStreamError
from fraud_stream.options import FiniteRange
from fraud_stream.terminal import as_json

_COUNT = click.IntRange(1)
_SECONDS = FiniteRange(0, min_open=True)
#: The second is 70 % of the greatest rate that a worker keeps up with.
_RATES = (1_000.0, 4_000.0, 5_000.0, 10_000.0)
_SIZES = (1_000, 10_000, 100_000, 1_000_000)


class Amounts(NamedTuple):
    """How much is measured."""

    broker: str
    transactions: int
    naive_transactions: int
    rate: tuple[float, ...]
    seconds: float
    warm_up: float
    customers: tuple[int, ...]
    workers: tuple[int, ...]
    runs: int
    records: int
    stream: float
    asked: float


def _throughput(amounts: Amounts) -> Any:
    found = throughput.measure(amounts.broker, amounts.transactions, amounts.naive_transactions)
    return {**report.plain(found), "advantage": found.advantage._asdict()}


def _peers(amounts: Amounts) -> Any:
    return report.plain(contest.measure(amounts.transactions, amounts.transactions // 4))


def _latency(amounts: Amounts) -> Any:
    programs = [contest.EVERYTHING, *([contest.kafka_streams()] if amounts.broker == "kafka" else [])]
    plan = amounts.seconds, amounts.warm_up
    return [
        report.plain(latency.measure(amounts.broker, program, rate, *plan))
        for rate in amounts.rate
        for program in programs
    ]


def _predict(amounts: Amounts) -> Any:
    return report.plain(
        predict.measure(amounts.broker, amounts.stream, amounts.seconds, amounts.warm_up, amounts.asked)
    )


def _customers(amounts: Amounts) -> Any:
    return report.plain(growth.measure(amounts.customers, amounts.transactions))


def _workers(amounts: Amounts) -> Any:
    return report.plain(crowd.measure_throughput(amounts.workers, amounts.transactions))


def _takeover(amounts: Amounts) -> Any:
    return [report.plain(crowd.measure_take_over(1_000.0, 8.0)) for _ in range(amounts.runs)]


def _recovery(amounts: Amounts) -> Any:
    return report.plain(recovery.measure(amounts.records))


def _model(amounts: Amounts) -> Any:
    return report.plain(model.measure(amounts.transactions))


def _drift(amounts: Amounts) -> Any:
    return report.plain(drift.measure(amounts.transactions))


def _backtest(amounts: Amounts) -> Any:
    return report.plain(backtest.measure(amounts.broker, amounts.transactions))


_MEASURE: Mapping[str, Callable[[Amounts], Any]] = {
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
#: What can be measured on the embedded broker.
_ANYWHERE = ("throughput", "latency", "predict", "model", "drift", "backtest")


@click.command()
@click.argument("what", nargs=-1, type=click.Choice(list(_MEASURE)))
@click.option("--broker", type=click.Choice(list(BROKERS)), default="kafka", show_default=True, help="Measure on it.")
@click.option("--transactions", type=_COUNT, default=150_000, show_default=True, help="Take in so many.")
@click.option("--naive-transactions", type=_COUNT, default=10_000, show_default=True, help="The naive agent: so many.")
@click.option("--rate", type=_SECONDS, multiple=True, default=_RATES, help="Latency at.")
@click.option("--seconds", type=_SECONDS, default=15.0, show_default=True, help="Latency: measure for so long.")
@click.option("--warm-up", type=_SECONDS, default=30.0, show_default=True, help="Latency: send for so long before.")
@click.option("--customers", type=_COUNT, multiple=True, default=_SIZES, help="Growth: at.")
@click.option("--workers", type=click.IntRange(1, 4), multiple=True, default=(1, 2, 4), help="Workers: so many.")
@click.option("--runs", type=_COUNT, default=3, show_default=True, help="Take-over: so often.")
@click.option("--records", type=_COUNT, default=1_000_000, show_default=True, help="Recovery: of so many.")
@click.option("--stream", type=_SECONDS, default=2_000.0, show_default=True, help="Predict: transactions a second.")
@click.option("--asked", type=_SECONDS, default=predict.ASKED, show_default=True, help="Predict: questions a second.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Keep the figures here, by kind.")
@click.option("--write", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write performance.md here.")
def main(what: tuple[str, ...], file: Path | None, folder: Path | None, **amounts: Any) -> None:
    """Measure WHAT; without it everything.

    Each measurement has a broker of its own, Apache Kafka (Java 17 and Maven) unless told otherwise, and workers as
    shipped: all tables, the rules of faust.conf, the model, labels joined and learnt.
    """
    found = _known(file)
    here = machine.describe()
    report.show_machine(here)
    chosen = Amounts(**amounts)
    kinds = what or (tuple(_MEASURE) if chosen.broker == "kafka" else _ANYWHERE)
    _check(kinds, chosen)
    for kind in kinds:
        found[kind] = {"machine": here, "broker": chosen.broker, "found": _measured(kind, chosen)}
        for table in report.tables(kind, found[kind]["found"]):
            table.show()
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(as_json(found) + "\n")
    if folder is not None:
        write(found, folder)


def _known(file: Path | None) -> dict[str, Any]:
    if file is None or not file.exists():
        return {}
    try:
        known: dict[str, Any] = msgspec.json.decode(file.read_bytes(), type=dict)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{file} holds no figures: {error}") from None
    return known


def _check(kinds: tuple[str, ...], amounts: Amounts) -> None:
    elsewhere = [kind for kind in kinds if kind not in _ANYWHERE]
    if elsewhere and amounts.broker != "kafka":
        asked = " and ".join(elsewhere)
        raise click.UsageError(f"{asked}: measured on Kafka only; on the embedded broker: {', '.join(_ANYWHERE)}")


def _measured(kind: str, amounts: Amounts) -> Any:
    try:
        return _MEASURE[kind](amounts)
    except FraudStreamError as error:
        raise click.ClickException(f"{kind}: {error}") from None


if __name__ == "__main__":
    main()
