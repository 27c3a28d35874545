"""``fraud-stream generate``: transactions of customers with habits, fraud among them, into a file or onto the topic."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

import click
import msgspec

from fraud_stream.kafka import create_topics
from fraud_stream.options import FiniteRange, Moment, Span, with_default, with_options
from fraud_stream.settings import Settings, load
from producers.frauds import SHARES
from producers.labels import DelayedLabels
from producers.options import POSITIVE, SHARE, Rate, Speed
from producers.order import Order
from producers.pace import Pace
from producers.player import Player
from producers.sending import Sender
from producers.stream import Sent, Stream
from producers.tally import HourlyReport

#: Takes a record whose truth is to be noted.
Note = Callable[[Sent], object]
_OPTIONS = (
    click.option("--sample", type=click.IntRange(1), help="Write exactly so many records to a file."),
    click.option("--output", type=click.Path(dir_okay=False), help="The file, JSON lines; - is the standard output."),
    with_default("--rate", "1000/h", Rate(), "Records by event time: 1000/h, 50/s; max sends without a pause."),
    click.option("--speed", type=Speed(), help="Event time against real time: a number, or max.  [default: real time]"),
    click.option("--hours", type=POSITIVE, help="Stop after so many hours of event time."),
    click.option("--count", type=click.IntRange(1), help="Stop after so many records."),
    click.option("--seconds", type=POSITIVE, help="Stop after so many seconds of real time."),
    click.option("--start", type=Moment(), help="Event time of the first record.  [default: now; 2024-01-01 in files]"),
    with_default("--customers", 5_000, click.IntRange(1, 1_000_000), "How many customers pay."),
    with_default("--merchants", 500, click.IntRange(1, 100_000), "How many merchants are paid."),
    with_default("--fraud-rate", 0.08, SHARE, "Share of fraud."),
    click.option(
        "--fraud-kind", type=click.Choice(list(SHARES)), multiple=True, help="Only this kind; may be repeated."
    ),
    with_default("--missing-rate", 0.05, SHARE, "Share of records that lack an optional field."),
    with_default("--duplicate-rate", 0.01, FiniteRange(0, 0.9), "Share of records that were sent before."),
    with_default("--outlier-rate", 0.02, SHARE, "Share of genuine payments whose amount is 10 to 50 times too high."),
    with_default("--broken-rate", 0.0, SHARE, "Share of records that must become dead letters."),
    with_default("--label-delay", "10s", Span(), "Event time from a transaction to its label: 10s, 7d."),
    with_default("--label-spread", 0.5, SHARE, "How much that delay differs: 0.5 is half to one and a half of it."),
    click.option("--flush-labels", is_flag=True, help="At the end send the labels that are not due yet."),
    with_default("--seed", 1, click.INT, "Makes the customers; together with --start it makes everything."),
    click.option(
        "--truth", type=click.Path(dir_okay=False), help="Also write a file of what is fraud, and which kind."
    ),
    click.option("--with-truth", is_flag=True, help="Records on the topic carry is_fraud and fraud_kind."),
    click.option("--quiet", is_flag=True, help="Tell no progress."),
)


@click.command()
@with_options(_OPTIONS)
def generate(**given: Any) -> None:
    """Make transactions: into a file or onto the topic.

    Customers have habits (places, devices, merchants, amounts, hours); five kinds of fraud break them more or less:
    stolen_card_burst, card_testing, account_takeover, amount_out_of_habit, compromised_merchant.  Genuine customers
    travel, buy phones and make big purchases.  Labels follow on their own topic.

    \b
    fraud-stream generate --sample 100 --output sample.jsonl
    fraud-stream generate --rate 1000/h --hours 6
    fraud-stream generate --rate 1000/h --speed 180 --seconds 60
    fraud-stream generate --rate max --count 1000000 --seed 7

    The same seed and options give the same file.  How hard the frauds are to find is set in producers/frauds.py and
    producers/habits.py.
    """  # noqa: D301 - click's mark for lines it must not join
    order = Order(**given)
    echo = _silent if order.quiet else functools.partial(click.echo, err=True)
    if advice := order.advice():
        echo(f"note: {advice}")
    with _truth_file(order.truth) as note:
        run = _to_file if order.to_file else _to_kafka
        run(order, HourlyReport(echo), note)


def _silent(_: str) -> None:
    """Where a quiet generator's lines go."""


def _to_file(order: Order, report: HourlyReport, note: Note) -> None:
    with _created(order.output or "-") as file:
        try:
            for sent in Stream(order.recipe()):
                file.write(sent.value + b"\n")
                _account(sent, report, note)
        finally:
            report.close(f"; seed {order.seed}")


def _to_kafka(order: Order, report: HourlyReport, note: Note) -> None:
    settings = load().settings
    create_topics(settings)
    stream = Stream(order.recipe())
    player = _player(order, settings, stream)
    labels = player.labels
    try:
        with player.sender:
            _play(stream, player, report, note)
            if order.flush_labels:
                labels.flush()
    finally:
        report.close(f"; {labels.sent:,} labels sent, {labels.waiting:,} not due yet; seed {order.seed}")


def _player(order: Order, settings: Settings, stream: Stream) -> Player:
    sender = Sender(settings.broker)
    send_label = functools.partial(sender.send, settings.topics.labels)
    labels = DelayedLabels(send_label, "generator", order.label_delay, order.label_spread, order.seed)
    pace = Pace(order.pace, stream.recipe.start, seconds=order.seconds or math.inf, idle=sender.serve)
    return Player(sender, settings.topics.transactions, labels, pace)


def _play(stream: Stream, player: Player, report: HourlyReport, note: Note) -> None:
    for sent in stream:
        if not player.play(sent.time, sent.customer_id, sent.value):
            break
        if sent.is_news:
            player.labels.add(sent.transaction_id, sent.customer_id, sent.event_time, sent.kind is not None, sent.kind)
        _account(sent, report, note)


def _account(sent: Sent, report: HourlyReport, note: Note) -> None:
    report.add(sent)
    if sent.is_news:
        note(sent)


class _Truth(msgspec.Struct):
    transaction_id: str
    is_fraud: bool
    kind: str | None


@contextlib.contextmanager
def _truth_file(path: str | None) -> Iterator[Note]:
    """Where the truth of each transaction is noted; nowhere without a path."""
    if path is None:
        yield lambda _: None
        return
    encode = msgspec.json.Encoder().encode
    with _created(path) as file:
        yield lambda sent: file.write(encode(_Truth(sent.transaction_id, sent.kind is not None, sent.kind)) + b"\n")


def _created(path: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    try:
        return cast(contextlib.AbstractContextManager[IO[bytes]], click.open_file(path, "wb"))
    except OSError as error:
        raise click.FileError(path, error.strerror) from None
