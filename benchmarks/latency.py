"""Latency from send to alert, at a steady rate, with everything on.

A process of its own sends a transaction when its moment has come, whether or not those before have been answered (an
open loop), and each latency counts from the moment when the transaction *was to be* sent.  So whatever holds the sender
up counts as latency, and no slow answer keeps later transactions from being counted (coordinated omission).

Event time runs at 3,600 times the rate of the clock: 5,000 customers who pay 4.8 times a day make 1,000 transactions
a second.  Were it to run with the clock, each customer would pay every five seconds, and everything would be an alert.
Labels come on their own topic as they become known, are joined and learnt.  A part of the amounts is raised above
1,000, so that there are enough alerts for a percentile.

The first seconds warm up and do not count: in them the model learns the first frauds, and customers get a history.
It is measured for a few seconds only, since the embedded broker becomes slower as its topics grow.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Run, Spread
from benchmarks.material import Keyed, Step, steps
from benchmarks.sender import Order, Sender
from benchmarks.stage import Reading, Stage, Worker, stage
from fraud_stream.kafka import client_config, read_all
from fraud_stream.settings import Settings

#: Seconds of event time from a transaction to its label: a second of the clock, at 1,000 transactions a second.
LABEL_DELAY = 3_600.0
#: Every so-manieth amount is raised, by so much.
RAISED_EVERY = 8
RAISED_BY = 1_000.0
#: Milliseconds that a fetch of alerts may wait at the broker.
_FETCH_WAIT = 5
#: Seconds without any alert after which no more is waited for.
_SILENCE = 2.0


class Latencies(NamedTuple):
    """What came of it; all of the time after the warm-up.

    Attributes:
        rate: Transactions a second that were to be sent.
        to_decision: From the moment a transaction was to be sent until it was decided.
        to_alert: The same until a reader of `alerts` had its alert.
        sender: From the moment a transaction was to be sent until the sender handed it to its producer.
        missing: Alerts that were decided and never read.
        by_model: Transactions that the model was asked about.
        worker: The worker's run.
    """

    rate: float
    to_decision: Spread
    to_alert: Spread
    sender: Spread
    missing: int
    by_model: int
    worker: Run


class _Scored(msgspec.Struct):
    """What is read of a decision here."""

    transaction: "_Named"
    decided_at: float
    alert_id: str | None
    score: float | None


class _Named(msgspec.Struct):
    """What is read of a transaction or an alert here."""

    transaction_id: str


class _Heard(NamedTuple):
    """An alert as it was read, and when, seconds since 1970."""

    at: float
    value: bytes


def measure(rate: float, seconds: float, warm_up: float) -> Latencies:
    """Send at a steady rate to one worker.

    Args:
        rate: Transactions a second.
        seconds: How long it is measured.
        warm_up: Seconds of sending before that.
    """
    flow = list(raised(steps(round(rate * (warm_up + seconds)), LABEL_DELAY)))
    first = round(rate * warm_up)
    with stage() as place, place.worker("fraud_stream") as worker:
        worker.wait_until_ready()
        with Sender(Order(place.settings, flow, rate)) as sender:
            begin, heard, run = _observe(place, worker, sender, (warm_up, seconds, len(flow) - first))
            late = sender.lateness()[first:]
        due = {ident: begin + n / rate for ident, n in _first_places(flow).items() if n >= first}
        return _evaluate(place.settings, due, heard, (rate, late, run))


def _first_places(flow: Sequence[Step]) -> dict[str, int]:
    """Where each transaction is sent first; some are sent again."""
    places: dict[str, int] = {}
    for number, step in enumerate(flow):
        places.setdefault(step.transaction_id, number)
    return places


def raised(flow: Iterator[Step]) -> Iterator[Step]:
    """The steps, a part of their amounts raised."""
    for number, step in enumerate(flow):
        yield step._replace(transaction=_raise(step.transaction)) if number % RAISED_EVERY == 0 else step


def _raise(record: Keyed) -> Keyed:
    body = msgspec.json.decode(record.value)
    return Keyed(record.key, msgspec.json.encode({**body, "amount": round(body["amount"] + RAISED_BY, 2)}))


def _observe(
    place: Stage, worker: Worker, sender: Sender, plan: tuple[float, float, int]
) -> tuple[float, list[_Heard], Run]:
    """Read alerts while it is sent, and the worker's CPU at the beginning and end of the measured time."""
    warm_up, seconds, count = plan
    consumer = _reader(place.settings)
    try:
        begin = sender.begin()
        heard = _listen(consumer, until=begin + warm_up)
        first = worker.read()
        heard += _listen(consumer, until=begin + warm_up + seconds)
        last = worker.read()
        heard += _listen_to_the_end(consumer, sender)
    finally:
        consumer.close()
    return begin, heard, _run(first, last, count)


def _run(first: Reading, last: Reading, count: int) -> Run:
    return Run(count, last.time - first.time, last.cpu - first.cpu)


def _reader(settings: Settings) -> Consumer:
    config = {"group.id": "benchmark", "enable.auto.commit": False, "fetch.wait.max.ms": _FETCH_WAIT}
    consumer = Consumer({**client_config(settings.broker), **config})
    partitions = range(settings.topics.partitions)
    consumer.assign([TopicPartition(settings.topics.alerts, n, OFFSET_BEGINNING) for n in partitions])
    return consumer


def _listen(consumer: Consumer, until: float) -> list[_Heard]:
    heard = []
    while (left := until - time.time()) > 0:
        heard += _poll(consumer, left)
    return heard


def _listen_to_the_end(consumer: Consumer, sender: Sender) -> list[_Heard]:
    heard: list[_Heard] = []
    silent_since = time.monotonic()
    while not sender.is_done or time.monotonic() - silent_since < _SILENCE:
        news = _poll(consumer, 0.1)
        heard += news
        silent_since = time.monotonic() if news else silent_since
    return heard


def _poll(consumer: Consumer, patience: float) -> list[_Heard]:
    message: Any = consumer.poll(patience)
    if message is None or message.error() is not None:
        return []
    return [_Heard(time.time(), message.value())]


def _evaluate(
    settings: Settings, due: dict[str, float], heard: list[_Heard], plan: tuple[float, list[float], Run]
) -> Latencies:
    rate, late, run = plan
    decode = msgspec.json.Decoder(_Scored).decode
    everything = (decode(message.value()) for message in read_all(settings, settings.topics.scored))
    decided = {one.transaction.transaction_id: one for one in everything if one.transaction.transaction_id in due}
    seen = _first_seen(heard)
    alerted = [ident for ident, one in decided.items() if one.alert_id is not None]
    if not alerted:
        raise BenchmarkError("there was no alert")
    return Latencies(
        rate,
        Spread.of(one.decided_at - due[ident] for ident, one in decided.items()),
        Spread.of(seen[ident] - due[ident] for ident in alerted if ident in seen),
        Spread.of(late),
        sum(ident not in seen for ident in alerted),
        sum(one.score is not None for one in decided.values()),
        run,
    )


def _first_seen(heard: list[_Heard]) -> dict[str, float]:
    decode = msgspec.json.Decoder(_Named).decode
    return {decode(alert.value).transaction_id: alert.at for alert in reversed(heard)}
