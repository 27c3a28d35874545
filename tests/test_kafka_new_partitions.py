"""Reading a topic that was made a moment ago: not every broker knows its partitions yet."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, KafkaError, TopicPartition

from fraud_stream import kafka, reading
from fraud_stream.errors import BrokerError


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
    assert list(reading._patiently(consumer, iter([unknown, good, end]), {3: OFFSET_BEGINNING})) == [good, end]
    assert consumer.calls == [("unassign", 3, OFFSET_INVALID), ("assign", 3, OFFSET_BEGINNING)]


def test_one_that_was_read_goes_on_where_it_was() -> None:
    consumer, good, unknown = FakeConsumer(), FakeMessage(), FakeMessage(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert list(reading._patiently(consumer, iter([good, unknown]), {3: OFFSET_BEGINNING})) == [good]
    assert consumer.calls[-1] == ("assign", 3, 42)


def test_one_that_was_to_begin_somewhere_begins_there() -> None:
    consumer, unknown = FakeConsumer(), FakeMessage(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert list(reading._patiently(consumer, iter([unknown]), {3: 17})) == []
    assert consumer.calls[-1] == ("assign", 3, 17)


def test_one_that_stays_unknown_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PATIENCE", -1.0)
    unknown = FakeMessage(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert list(reading._patiently(FakeConsumer(), iter([unknown]), {3: OFFSET_BEGINNING})) == [unknown]


class FakeAdmin:
    """Knows a topic, and its leaders, after so many questions."""

    def __init__(self, *leaders: int | None) -> None:
        self._leaders = list(leaders)

    def list_topics(self, name: str, **_: Any) -> Any:
        leader = self._leaders.pop(0) if len(self._leaders) > 1 else self._leaders[0]
        parts = {} if leader is None else {0: SimpleNamespace(leader=leader)}
        return SimpleNamespace(topics={name: SimpleNamespace(error=leader is None, partitions=parts)})

    @property
    def left(self) -> int:
        return len(self._leaders)


def test_topics_are_made_when_their_partitions_have_leaders() -> None:
    admin = FakeAdmin(None, -1, 0)
    kafka._await_leaders(admin, ["new"])
    assert admin.left == 1


def test_topics_that_never_have_leaders_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "PATIENCE", 0.0)
    with pytest.raises(BrokerError, match="not all can be used"):
        kafka._await_leaders(FakeAdmin(-1), ["new"])
