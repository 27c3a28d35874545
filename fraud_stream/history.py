"""Reading a period of a topic: the messages of some hours, without those before them, and about so many at most.

A message's time is Kafka's timestamp, when it was put on its topic: brokers find messages by it.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import PATIENCE, ask_leader, client_config, list_topics
from fraud_stream.reading import tail
from fraud_stream.settings import Settings

HOUR = 3_600.0
#: Halvings of a period that holds too much: of a day, to a tenth of a second.
_HALVINGS = 20


class Period(NamedTuple):
    """A period of Kafka's time.

    Attributes:
        begin: Seconds since 1970.
        end: Likewise; what comes from then on is left out.
    """

    begin: float
    end: float

    @classmethod
    def last(cls, hours: float) -> "Period":
        """The last hours, by this machine's clock.

        Raises:
            ValueError: It is no length of time.
        """
        if not 0 < hours < float("inf"):
            raise ValueError(f"the last {hours} hours: a number more than 0 is needed")
        now = time.time()
        return cls(now - hours * HOUR, now)


class Stretch(NamedTuple):
    """What is to be read of a topic.

    Attributes:
        period: Its time.
        places: The offset that it begins with, by partition; no partition where there is no such topic.
    """

    period: Period
    places: dict[int, int]


def find(settings: Settings, topic: str, period: Period, most: int) -> Stretch:
    """Where a period of a topic lies; it begins later where it holds more than `most` messages.

    The embedded broker answers 0 for a time that nothing came after, so of the last hours it gives all there is.

    Raises:
        BrokerError: The broker does not answer.
    """
    partitions = list_topics(settings).get(topic, 0)
    if not partitions:
        return Stretch(period, {})
    with closing(Consumer({**client_config(settings.broker), "group.id": "fraud-stream-reader"})) as consumer:
        index = _Index(consumer, topic, partitions)
        try:
            begin = _begin(index, period, most)
            return Stretch(Period(begin, period.end), index.places(begin))
        except KafkaException as error:
            raise BrokerError(f"the broker finds no time in topic {topic!r}: {error.args[0].str()}") from None


class _Index:
    """What a broker knows of when the messages of a topic came."""

    def __init__(self, consumer: Consumer, topic: str, partitions: int) -> None:
        self._consumer = consumer
        self._topic = topic
        self._partitions = range(partitions)

    def places(self, moment: float) -> dict[int, int]:
        """By partition the offset of the first message from then on; the end where there is none."""
        asked = [TopicPartition(self._topic, partition, int(moment * 1_000)) for partition in self._partitions]
        found = ask_leader(lambda: self._consumer.offsets_for_times(asked, timeout=PATIENCE))
        return {one.partition: one.offset if one.offset >= 0 else self._end(one.partition) for one in found}

    def _end(self, partition: int) -> int:
        place = TopicPartition(self._topic, partition)
        return int(ask_leader(lambda: self._consumer.get_watermark_offsets(place, timeout=PATIENCE))[1])


def _begin(index: _Index, period: Period, most: int) -> float:
    """From when on a period holds at most so many messages."""
    ends = index.places(period.end)

    def fits(begin: float) -> bool:
        return sum(ends[partition] - place for partition, place in index.places(begin).items()) <= most

    if fits(period.begin):
        return period.begin
    too_early, early_enough = period
    for _ in range(_HALVINGS):
        middle = (too_early + early_enough) / 2
        if fits(middle):
            early_enough = middle
        else:
            too_early = middle
    return early_enough


def read(settings: Settings, topic: str, stretch: Stretch) -> Iterator[Any]:
    """The messages of a stretch, oldest first in each partition, without joining a consumer group.

    Raises:
        BrokerError: The broker stops answering.
    """
    (begin, end), ahead = stretch.period, set(stretch.places)
    if not ahead:
        return
    for message in tail(settings, topic, places=stretch.places):
        moment = message.timestamp()[1] / 1_000
        if moment >= end:
            ahead.discard(message.partition())
        elif moment >= begin:
            yield message
        if not ahead:
            return
