"""What retention takes while a topic is read."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from fraud_stream import retention
from fraud_stream.errors import BrokerError
from fraud_stream.retention import Gone, Retention


class Message:
    def __init__(self, partition: int, offset: int) -> None:
        self._place = partition, offset

    def topic(self) -> str:
        return "scored"

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]


class Broker:
    """Begins a partition where it is told, and counts how often it was asked."""

    def __init__(self, *begins: Any) -> None:
        self._begins, self.asked = list(begins), 0

    def get_watermark_offsets(self, place: Any, timeout: float) -> tuple[int, int]:
        self.asked += 1
        begin = self._begins.pop(0)
        if isinstance(begin, Exception):
            raise begin
        return begin, 10**6


def told(broker: Any, places: dict[int, int], *offsets: int) -> list[Gone]:
    found: list[Gone] = []
    one = Retention(broker, places, found.append)
    for offset in offsets:
        one.look(Message(0, offset))
    return found


def test_what_goes_while_the_topic_is_read_is_told_as_what_went_before() -> None:
    broker = Broker(20_000)
    assert told(broker, {0: 50}, 50, 51, 20_000, 20_001) == [Gone("scored", 0, 52, 19_948)]
    assert broker.asked == 1
    assert told(Broker(60), {0: 50}, 60, 61) == [Gone("scored", 0, 50, 10)]


def test_a_partition_that_nobody_has_read_of_begins_where_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_ASK_AGAIN", 0.0)
    assert told(Broker(100), {}, 90, 100) == [Gone("scored", 0, 91, 9)]


def test_gaps_one_after_another_are_asked_about_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(0, 0)
    assert told(broker, {0: 0}, *range(0, 200, 2)) == []
    assert broker.asked == 1


def test_a_broker_that_does_not_answer_is_told() -> None:
    with pytest.raises(BrokerError, match="does not say where 'scored' begins"):
        told(Broker(KafkaException(KafkaError(KafkaError._TIMED_OUT))), {0: 1}, 5)
