"""``python -m benchmarks.replay FILE``: the same payments offline and through broker and worker at full speed.

The labels are on their topic before their time, as the whole file is replayed within minutes: each says when it became
known, and counts from then on only.  So what the worker says of the test must be as good as what `fraud-stream
evaluate` says of it.
"""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.material import Keyed
from benchmarks.stage import BROKERS, Stage, stage
from benchmarks.topics import Filler, Progress, wait_for_quiet
from fraud_stream.commands.evaluate import COLUMNS, labelled
from fraud_stream.domain.intake import Intake
from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.measures import Quality, quality, without_known_cards
from fraud_stream.evaluation.prequential import Judged, Payment, Prequential
from fraud_stream.files.mapping import load_mapping
from fraud_stream.options import Moment, Span
from fraud_stream.reading import read_all
from fraud_stream.records import Label
from fraud_stream.terminal import print_table

Row = NDArray[np.float64]


class Trial(NamedTuple):
    """What is compared.

    Attributes:
        begin: Its first event time, seconds since 1970.
        end: The first behind it.
        delay: Seconds from a payment to its label.
    """

    begin: float
    end: float
    delay: float


class _Transaction(msgspec.Struct):
    transaction_id: str
    timestamp: float


class _Scored(msgspec.Struct):
    """What is read of a decision here."""

    transaction: _Transaction
    features: dict[str, float]
    score: float | None


class Comparison(NamedTuple):
    """What came of it.

    Attributes:
        offline: The online model's quality offline; None where it cannot be told.
        stream: In the stream.
        features_differ: The share of the test's payments of which a feature is another one in the stream.
    """

    offline: Quality | None
    stream: Quality | None
    features_differ: float


def compare(place: Stage, payments: Sequence[Payment], test: Trial) -> Comparison:
    """The features and the quality of the online model in the test, offline and in the stream.

    Args:
        place: The broker.
        payments: All payments in order of time, before the test too; none twice.
        test: What is compared.
    """
    said = stream(place, payments, test)
    prequential = Prequential(place.settings, test.delay, with_challenger=False)
    differ, found = [], []
    for part in prequential.scored(payments):
        found += part.scores["online"].tolist()
        inside = [n for n, one in enumerate(part.payments) if test.begin <= one.transaction.timestamp < test.end]
        differ += [_differs(said[part.payments[n].transaction.transaction_id], part.rows[n]) for n in inside]
    scores = {"offline": np.array(found), "stream": np.array([_score(said, one) for one in payments])}
    tested = without_known_cards(_judged(payments, scores), test.begin, test.end, test.delay)
    return Comparison(quality(tested, "offline"), quality(tested, "stream"), float(np.mean(differ)))


def _differs(said: tuple[float | None, Row], row: Row) -> bool:
    return not np.allclose(said[1], row, rtol=0.0, atol=1e-9)


def _score(said: dict[str, tuple[float | None, Row]], one: Payment) -> float:
    score, _ = said.get(one.transaction.transaction_id, (None, None))
    return np.nan if score is None else score


def _judged(payments: Sequence[Payment], scores: dict[str, Row]) -> Judged:
    transactions = [one.transaction for one in payments]
    _, customers = np.unique([tx.customer_id for tx in transactions], return_inverse=True)
    return Judged(
        np.array([tx.timestamp for tx in transactions]),
        customers,
        np.array([one.is_fraud for one in payments]),
        scores,
        np.array([tx.amount for tx in transactions]),
    )


def stream(place: Stage, payments: Sequence[Payment], test: Trial) -> dict[str, tuple[float | None, Row]]:
    """What a worker says of the payments, by transaction id: its score, and of the test's the features too."""
    filler, topics = Filler(place.settings.broker), place.settings.topics
    encode = msgspec.json.Encoder().encode
    filler.put(topics.labels, (Keyed(one.transaction.customer_id, encode(_label(one, test.delay))) for one in payments))
    filler.put(topics.transactions, (Keyed(one.transaction.customer_id, encode(one.transaction)) for one in payments))
    with place.worker("fraud_stream") as worker:
        worker.wait_until_ready()
        progress = Progress(place.settings.broker, place.settings.app.id, filler.ends)
        try:
            wait_for_quiet(progress, worker.check)
        finally:
            progress.close()
    decode, none = msgspec.json.Decoder(_Scored).decode, np.empty(0)
    found = {}
    for message in read_all(place.settings, topics.scored):
        one = decode(message.value())
        row = np.array(list(one.features.values())) if test.begin <= one.transaction.timestamp < test.end else none
        found[one.transaction.transaction_id] = one.score, row
    return found


def _label(one: Payment, delay: float) -> Label:
    tx = one.transaction
    return Label(tx.transaction_id, tx.customer_id, one.is_fraud, tx.timestamp + delay, "file")


def payments_of(file: Path, mapping: str, begin: float, end: float) -> list[Payment]:
    """The payments of a file from `begin` to `end`, seconds since 1970, in order of time."""
    found: Iterable[Payment] = labelled(file, load_mapping(mapping), Intake())
    return [one for one in found if begin <= one.transaction.timestamp < end]


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--mapping", default="handbook", show_default=True, help="What its columns are called.")
@click.option("--since", type=Moment(), default="2018-04-01", show_default=True, help="Leave earlier payments out.")
@click.option("--from", "begin", type=Moment(), default="2018-08-08", show_default=True, help="The test begins.")
@click.option("--to", "end", type=Moment(), default="2018-08-15", show_default=True, help="The test ends.")
@click.option(
    "--label-delay", "delay", type=Span(), default="7d", show_default=True, help="From a payment to its label."
)
@click.option("--broker", type=click.Choice(list(BROKERS)), default="kafka", show_default=True)
def main(file: Path, mapping: str, since: float, broker: str, **test: float) -> None:
    """Judge the online model in a test, offline and in the stream."""
    payments = payments_of(file, mapping, since, test["end"])
    began = time.monotonic()
    with stage(broker) as place:
        found = compare(place, payments, Trial(**test))
    days = (test["end"] - test["begin"]) / DAY
    title = f"{len(payments):,} payments, test of {days:.0f} days, {time.monotonic() - began:.0f} s"
    both = {"offline": found.offline, "stream": found.stream}
    rows = [(name, *(f"{value:.4f}" for value in one or ())) for name, one in both.items()]
    print_table(title, ("", *COLUMNS), rows)
    click.echo(f"features differ in {found.features_differ:.2%} of the test's payments")


if __name__ == "__main__":
    main()
