"""Reading a partition backwards: the newest messages of a kind, without reading all that came before them.

Kafka reads forwards only, so a piece before the end is read, then the piece before that one, until enough is found.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import PATIENCE, client_config
from fraud_stream.settings import Settings

_POLL = 0.1


class Limits(NamedTuple):
    """How far to go back; checked between pieces, the time within them too.

    Attributes:
        found: So many messages are wanted.
        read: Stop after so many messages were read.
        seconds: Stop after so long; where that is too short for one piece, a smaller one is searched.
        piece: So many are read at a time.
    """

    found: int = 50
    read: int = 50_000
    seconds: float = 3.0
    piece: int = 5_000


class Found(NamedTuple):
    """What a search has found.

    Attributes:
        messages: What was wanted, the newest first.
        before: Go on from this offset, which was searched; None where the beginning of the partition was reached.
        read: How many messages were read.
        back_to: The broker's timestamp of the oldest message that was searched, seconds; None where there was none.
    """

    messages: list[Any]
    before: int | None
    read: int
    back_to: float | None


def search(
    settings: Settings,
    place: tuple[str, int],
    wanted: Callable[[Any], bool],
    limits: Limits | None = None,
    before: int | None = None,
) -> Found:
    """The newest messages of a topic's partition that are wanted.

    Args:
        settings: Where the broker is.
        place: The topic and the partition.
        wanted: Whether a message is.
        limits: How far to go back.
        before: Search what comes before this offset; all where it is None.

    Raises:
        BrokerError: The broker does not answer, or there is no such partition.
    """
    consumer = Consumer(_config(settings))
    try:
        return _Search(consumer, TopicPartition(*place), wanted, limits or Limits()).run(before)
    except KafkaException as error:
        raise BrokerError(f"cannot read {place[0]} {place[1]}: {error.args[0].str()}") from None
    finally:
        consumer.close()


def _config(settings: Settings) -> dict[str, Any]:
    return {
        **client_config(settings.broker),
        "group.id": "fraud-stream-reader",  # librdkafka wants one; nothing is committed
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,
        "auto.offset.reset": "earliest",
        "queued.max.messages.kbytes": 8_192,  # what comes behind a piece is fetched for nothing
        "fetch.queue.backoff.ms": 10,  # by default a full queue stops fetching for a second
    }


class _Search:
    """One search."""

    def __init__(self, consumer: Consumer, place: TopicPartition, wanted: Callable[[Any], bool], limits: Limits):
        self._consumer, self._place, self._wanted, self._limits = consumer, place, wanted, limits
        self._over_at = time.monotonic() + limits.seconds
        self._found: list[Any] = []
        self._read = 0
        self._back_to: float | None = None

    def run(self, before: int | None) -> Found:
        low, high = self._consumer.get_watermark_offsets(self._place, timeout=PATIENCE)
        last = high if before is None else min(before, high)
        end = before  # a broker may tell an end that is not quite the end
        begin = max(low, last - self._limits.piece)
        reached = self._take(begin, end, self._over_at)
        if reached is not None:  # so that each search gets somewhere, it ends with what there is time for
            begin = max(begin, last - max(self._limits.found, (reached - begin) // 2))
            self._take(begin, end)
        while begin > low and not self._is_enough():
            begin, end = max(low, begin - self._limits.piece), begin
            if self._take(begin, end, self._over_at) is not None:
                return self._result(end, low)
        return self._result(begin, low)

    def _take(self, begin: int, end: int | None, over_at: float = math.inf) -> int | None:
        """Look at a piece; of what is wanted as much is kept as may be given, and one more if there is more.

        What was found counts for nothing where the time was over before the end: the newest are read last. Then it is
        told how far it went.
        """
        newest: deque[Any] = deque(maxlen=self._limits.found + 1)
        back_to = self._back_to
        for n, message in enumerate(self._piece(begin, end)):
            if time.monotonic() > over_at:
                return int(message.offset())
            self._read += 1
            back_to = _time(message) if n == 0 else back_to
            if self._wanted(message):
                newest.append(message)
        self._found += reversed(newest)
        self._back_to = back_to
        return None

    def _is_enough(self) -> bool:
        enough, most = len(self._found) >= self._limits.found, self._read >= self._limits.read
        return enough or most or time.monotonic() > self._over_at

    def _result(self, begin: int, low: int) -> Found:
        most = self._limits.found
        if len(self._found) > most:  # of the piece not all were wanted: the next search begins within it
            last = self._found[most - 1]
            return Found(self._found[:most], last.offset(), self._read, _time(last))
        return Found(self._found, begin if begin > low else None, self._read, self._back_to)

    def _piece(self, begin: int, end: int | None) -> Iterator[Any]:
        if end is not None and end <= begin:
            return
        self._consumer.assign([TopicPartition(self._place.topic, self._place.partition, begin)])
        for message in self._messages():
            if message.error() is not None or (end is not None and message.offset() >= end):
                return
            yield message
            if end is not None and message.offset() == end - 1:
                return

    def _messages(self) -> Iterator[Any]:
        heard = time.monotonic()
        while time.monotonic() - heard < PATIENCE:
            messages = self._consumer.consume(1_000, timeout=_POLL)
            for message in messages:
                heard = time.monotonic()
                _check(message)
                yield message
        raise BrokerError(f"the broker has not answered for {PATIENCE:.0f} s")


def _check(message: Any) -> None:
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise BrokerError(error.str())


def _time(message: Any) -> float:
    return float(message.timestamp()[1]) / 1_000.0
