"""Reading a topic that was made a moment ago: not every broker knows its partitions yet."""

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, KafkaError, TopicPartition

from fraud_stream import kafka


class FakeMessage:
    """A message of partition 3, or an error of it."""

    def __init__(self, code: int | None = None) -> None:
        self._error = None if code is None else KafkaError(code)

    def error(self) -> KafkaError | None:
        return self._error

    def topic(self) -> str:
        return "new"

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return 41


class FakeConsumer:
    """Notes what it is assigned."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def incremental_assign(self, places: list[TopicPartition]) -> None:
        self.calls += [("assign", place.partition, place.offset) for place in places]

    def incremental_unassign(self, places: list[TopicPartition]) -> None:
        self.calls += [("unassign", place.partition, place.offset) for place in places]


def test_a_partition_that_was_made_just_now_begins_again() -> None:
    consumer, good, end = FakeConsumer(), FakeMessage(), FakeMessage(KafkaError._PARTITION_EOF)
    unknown = FakeMessage(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert list(kafka._patiently(consumer, iter([unknown, good, end]), OFFSET_BEGINNING)) == [good, end]
    assert consumer.calls == [("unassign", 3, OFFSET_INVALID), ("assign", 3, OFFSET_BEGINNING)]


def test_one_that_was_read_goes_on_where_it_was() -> None:
    consumer, good, unknown = FakeConsumer(), FakeMessage(), FakeMessage(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert list(kafka._patiently(consumer, iter([good, unknown]), OFFSET_BEGINNING)) == [good]
    assert consumer.calls[-1] == ("assign", 3, 42)


def test_one_that_stays_unknown_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "PATIENCE", -1.0)
    unknown = FakeMessage(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert list(kafka._patiently(FakeConsumer(), iter([unknown]), OFFSET_BEGINNING)) == [unknown]
