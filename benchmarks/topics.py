"""Filling topics, and how far a consumer group has come with them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.errors import BenchmarkError
from benchmarks.material import Keyed
from fraud_stream.kafka import PATIENCE, ask_group, client_config, make_producer
from fraud_stream.reading import read_all
from fraud_stream.sections import BrokerSettings
from fraud_stream.settings import Settings

#: Seconds between two questions to the broker.
_ASK_EVERY = 0.25
#: Seconds that a group may take to form.
_LONGEST = 60.0
#: A topic and a partition.
Place = tuple[str, int]


def create_topic(settings: Settings, name: str) -> None:
    """Make a topic with as many partitions as `transactions` has."""
    topic = NewTopic(name, settings.topics.partitions, settings.topics.replication)
    admin = AdminClient(client_config(settings.broker))  # it must live until the answer is there
    admin.create_topics([topic])[name].result(PATIENCE)


class Filler:
    """Puts records on topics, and knows where each partition ends then.

    Args:
        broker: Where to send.

    Attributes:
        sent: How many records each topic has been given.
        ends: The offset behind the last record of each partition.
    """

    def __init__(self, broker: BrokerSettings) -> None:
        self.sent: Counter[str] = Counter()
        self.ends: dict[Place, int] = {}
        self._producer = make_producer(broker)

    def put(self, topic: str, records: Iterable[Keyed]) -> None:
        """Put records on a topic, in order.

        Raises:
            BenchmarkError: Not all were delivered.
        """
        for record in records:
            self._hand_over(topic, record)
            self.sent[topic] += 1
        if self._producer.flush(60):
            raise BenchmarkError(f"the broker did not take all of {topic!r}")

    def _hand_over(self, topic: str, record: Keyed) -> None:
        while True:
            try:
                self._producer.produce(topic, record.value, record.key, on_delivery=self._note)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _note(self, error: Any, message: Any) -> None:
        if error is not None:
            raise BenchmarkError(f"a record was not delivered: {error.str()}")
        place = message.topic(), message.partition()
        self.ends[place] = max(self.ends.get(place, 0), message.offset() + 1)


class Progress:
    """How far a consumer group has come: what it has committed, asked for without joining it.

    Args:
        broker: Where to ask.
        group: The group.
        ends: The offset behind the last record of each partition.
    """

    def __init__(self, broker: BrokerSettings, group: str, ends: Mapping[Place, int]) -> None:
        self._consumer = Consumer({**client_config(broker), "group.id": group, "enable.auto.commit": False})
        self._ends = dict(ends)

    def left(self) -> int:
        """How many records are not committed yet."""
        places = [TopicPartition(*place) for place in self._ends]
        committed = ask_group(lambda: self._consumer.committed(places, timeout=PATIENCE))
        return sum(self._ends[at.topic, at.partition] - max(at.offset, 0) for at in committed)

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()


def written(settings: Settings, topic: str) -> int:
    """How many records were ever written to a topic."""
    consumer = Consumer({**client_config(settings.broker), "group.id": "benchmark"})
    try:
        found = consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions
        places = (TopicPartition(topic, partition) for partition in found)
        return sum(consumer.get_watermark_offsets(place, timeout=PATIENCE)[1] for place in places)
    finally:
        consumer.close()


def wait_for_group(settings: Settings, group: str, check: Callable[[], object]) -> None:
    """Wait until a consumer group has shared its partitions.

    Raises:
        BenchmarkError: It has not within a minute.
    """
    admin, deadline = AdminClient(client_config(settings.broker)), time.monotonic() + _LONGEST
    while not _is_stable(admin, group):
        check()
        if time.monotonic() > deadline:
            raise BenchmarkError(f"nobody joins the group {group!r}")
        time.sleep(_ASK_EVERY)


def _is_stable(admin: AdminClient, group: str) -> bool:
    try:
        found = admin.describe_consumer_groups([group])[group].result(PATIENCE)
    except KafkaException:  # nobody has joined yet
        return False
    return found.state == ConsumerGroupState.STABLE and any(member.assignment for member in found.members)


def last_written(settings: Settings, topics: Iterable[str]) -> float:
    """When the newest record of some topics was written by its producer, seconds since 1970; 0 where there is none."""
    stamps = (message.timestamp()[1] for topic in topics for message in read_all(settings, topic))
    return max(stamps, default=0) / 1_000


def wait_for_quiet(progress: Progress, check: Callable[[], object], patience: float = 60.0) -> None:
    """Wait until a group has committed everything.

    Args:
        progress: How far it has come.
        check: Called now and then; raises where there is nothing to wait for any more.
        patience: Seconds that it may commit nothing.

    Raises:
        BenchmarkError: It has committed nothing for so long.
    """
    before, since = None, time.monotonic()
    while left := progress.left():
        check()
        if left != before:
            before, since = left, time.monotonic()
        elif time.monotonic() - since > patience:
            raise BenchmarkError(f"{left:,} records are not processed, and nothing happens any more")
        time.sleep(_ASK_EVERY)
