"""Latency from send to alert, at a steady rate, with everything on.

A process of its own sends a transaction when its moment has come, whether or not those before have been answered (an
open loop), and each latency counts from the moment when the transaction *was to be* sent.  So whatever holds the sender
up counts as latency, and no slow answer keeps later transactions from being counted (coordinated omission).

Event time runs at 3,600 times the rate of the clock: 5,000 customers who pay 4.8 times a day make 1,000 transactions
a second.  Were it to run with the clock, each customer would pay every five seconds, and everything would be an alert.
Labels come on their own topic as they become known, are joined and learnt.  A part of the amounts is raised above
1,000, so that there are enough alerts for a percentile.

The first seconds warm up and do not count: in them the model learns the first frauds, and customers get a history.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.contest import Contestant, start
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Run, Spread
from benchmarks.material import Keyed, Step, steps
from benchmarks.sender import Order, Sender
from benchmarks.stage import Reading, Worker, stage
from benchmarks.topics import create_topic, wait_for_group
from fraud_stream.kafka import client_config
from fraud_stream.reading import read_all
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
        name: Who decided.
        rate: Transactions a second that were to be sent.
        to_alert: From the moment a transaction was to be sent until a reader of alerts had its alert.
        to_decision: The same until it was decided; None for a program that does not tell.
        sender: From the moment a transaction was to be sent until the sender handed it to its producer.
        missing: Alerts that were decided and never read; None for a program that does not tell.
        by_model: Transactions that the model was asked about.
        worker: The worker's run.
    """

    name: str
    rate: float
    to_alert: Spread
    to_decision: Spread | None
    sender: Spread
    missing: int | None
    by_model: int
    worker: Run


class _Scored(msgspec.Struct):
    """What is read of a decision here."""

    transaction: "_Named"
    decided_at: float
    alert_id: str | None
    score: float | None


class _Named(msgspec.Struct):
    """What is read of a transaction or an alert here; the record of a drift names no transaction."""

    transaction_id: str = ""


class _Heard(NamedTuple):
    """An alert as it was read, and when, seconds since 1970."""

    at: float
    value: bytes


def measure(broker: str, contestant: Contestant, rate: float, seconds: float, warm_up: float) -> Latencies:
    """Send at a steady rate to one worker.

    Args:
        broker: Which one, of `stage.BROKERS`.
        contestant: The worker.
        rate: Transactions a second.
        seconds: How long it is measured.
        warm_up: Seconds of sending before that.
    """
    flow = list(raised(steps(round(rate * (warm_up + seconds)), LABEL_DELAY)))
    first = round(rate * warm_up)
    with stage(broker) as place:
        if contestant.alerts != place.settings.topics.alerts:
            create_topic(place.settings, contestant.alerts)
        with start(place, contestant) as worker, Sender(Order(place.settings, flow, rate)) as sender:
            _wait_until_ready(contestant, worker, place.settings)
            reader = _reader(place.settings, contestant.alerts)
            begin, heard, run = _observe(reader, worker, sender, (warm_up, seconds, len(flow) - first))
            late = Spread.of(sender.lateness()[first:])
        due = {ident: begin + n / rate for ident, n in _first_places(flow).items() if n >= first}
        found = _Found(contestant.name, rate, due, _first_seen(heard), late, run)
        return _with_decisions(found, place.settings) if contestant.module else _of_alerts(found)


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


def _wait_until_ready(contestant: Contestant, worker: Worker, settings: Settings) -> None:
    """Faust tells; of others the broker knows when they have joined their group."""
    if contestant.module:
        worker.wait_until_ready()
    else:
        wait_for_group(settings, contestant.group, worker.check)


def _observe(
    consumer: Consumer, worker: Worker, sender: Sender, plan: tuple[float, float, int]
) -> tuple[float, list[_Heard], Run]:
    """Read alerts while it is sent, and the worker's CPU at the beginning and end of the measured time."""
    warm_up, seconds, count = plan
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


def _reader(settings: Settings, topic: str) -> Consumer:
    config = {"group.id": "benchmark", "enable.auto.commit": False, "fetch.wait.max.ms": _FETCH_WAIT}
    consumer = Consumer({**client_config(settings.broker), **config})
    partitions = range(settings.topics.partitions)
    consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in partitions])
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


class _Found(NamedTuple):
    """A run: who, at what rate, when each transaction was due and its alert was seen, how late the sender was."""

    name: str
    rate: float
    due: dict[str, float]
    seen: dict[str, float]
    sender: Spread
    run: Run


def _of_alerts(found: _Found) -> Latencies:
    to_alert = _to_alert(found, found.seen)
    return Latencies(found.name, found.rate, to_alert, None, found.sender, None, 0, found.run)


def _to_alert(found: _Found, alerted: Iterable[str]) -> Spread:
    waits = [found.seen[ident] - found.due[ident] for ident in alerted if ident in found.seen and ident in found.due]
    if not waits:
        raise BenchmarkError("there was no alert")
    return Spread.of(waits)


def _with_decisions(found: _Found, settings: Settings) -> Latencies:
    """This application tells what it decided, and when."""
    decode = msgspec.json.Decoder(_Scored).decode
    everything = (decode(message.value()) for message in read_all(settings, settings.topics.scored))
    decided = {one.transaction.transaction_id: one for one in everything if one.transaction.transaction_id in found.due}
    alerted = [ident for ident, one in decided.items() if one.alert_id is not None]
    return Latencies(
        found.name,
        found.rate,
        _to_alert(found, alerted),
        Spread.of(one.decided_at - found.due[ident] for ident, one in decided.items()),
        found.sender,
        sum(ident not in found.seen for ident in alerted),
        sum(one.score is not None for one in decided.values()),
        found.run,
    )


def _first_seen(heard: list[_Heard]) -> dict[str, float]:
    decode = msgspec.json.Decoder(_Named).decode
    return {decode(alert.value).transaction_id: alert.at for alert in reversed(heard)}
