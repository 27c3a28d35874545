"""Kafka for programs outside the worker: client settings, topics, reading to an end.

They use librdkafka: a producer or a terminal tool has no event loop to share, and it costs a twentieth a record.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from fraud_stream.errors import BrokerError
from fraud_stream.settings import BrokerSettings, Settings

#: Seconds that a broker may take to answer.
PATIENCE = 10.0


class TopicSpec(NamedTuple):
    """A topic the application needs."""

    name: str
    partitions: int
    compacted: bool = False


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """Every topic of the application; its tables' changelogs are made by the worker."""
    topics, many = settings.topics, settings.topics.partitions
    keyed = (topics.transactions, topics.labels, topics.alerts, topics.scored, topics.dead, topics.late)
    return [
        *(TopicSpec(name, many) for name in keyed),
        TopicSpec(topics.labelled, 1),
        TopicSpec(topics.models, 1, compacted=True),
    ]


def client_config(broker: BrokerSettings) -> dict[str, Any]:
    """What librdkafka needs to reach the broker."""
    config = {
        "bootstrap.servers": ",".join(broker.servers),
        "security.protocol": broker.security_protocol,
        "sasl.mechanism": broker.sasl_mechanism if broker.sasl_username else None,
        "sasl.username": broker.sasl_username,
        "sasl.password": broker.sasl_password and broker.sasl_password.get_secret_value(),
        "ssl.ca.location": broker.ssl_cafile and str(broker.ssl_cafile),
        "ssl.certificate.location": broker.ssl_certfile and str(broker.ssl_certfile),
        "ssl.key.location": broker.ssl_keyfile and str(broker.ssl_keyfile),
        "ssl.key.password": broker.ssl_key_password and broker.ssl_key_password.get_secret_value(),
        "log_level": 2,
    }
    return {key: value for key, value in config.items() if value is not None}


def make_producer(broker: BrokerSettings) -> Producer:
    """A producer that places keys as Java clients and the worker do."""
    return Producer(
        {
            **client_config(broker),
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "acks": "all",
            "queue.buffering.max.messages": 200_000,
        }
    )


def create_topics(settings: Settings) -> list[str]:
    """Make the topics that are missing; says which.

    Raises:
        BrokerError: The broker does not answer, or a topic exists with too few partitions.
    """
    admin = AdminClient(client_config(settings.broker))
    there = _existing(admin, settings)
    for spec in topic_specs(settings):
        if spec.name in there and spec.partitions != there[spec.name] and spec.name == settings.topics.transactions:
            raise BrokerError(
                f"topic {spec.name!r} has {there[spec.name]} partitions, but [topics] partitions = {spec.partitions}; "
                "set it to the topic's number"
            )
    missing = [spec for spec in topic_specs(settings) if spec.name not in there]
    for name, future in _create(admin, missing, settings.topics.replication).items():
        _await_creation(name, future)
    return [spec.name for spec in missing]


def _existing(admin: AdminClient, settings: Settings) -> dict[str, int]:
    try:
        found = admin.list_topics(timeout=PATIENCE).topics
    except KafkaException:
        raise BrokerError(
            f"no broker answers at {settings.broker.url}; start one (`fraud-stream broker`) or set [broker] url"
        ) from None
    return {name: len(topic.partitions) for name, topic in found.items() if not topic.error}


def _create(admin: AdminClient, missing: list[TopicSpec], replication: int) -> dict[str, Any]:
    if not missing:
        return {}
    topics = [
        NewTopic(spec.name, spec.partitions, replication, config={"cleanup.policy": "compact"} if spec.compacted else {})
        for spec in missing
    ]
    futures: dict[str, Any] = admin.create_topics(topics, request_timeout=PATIENCE)
    return futures


def _await_creation(name: str, future: Any) -> None:
    try:
        future.result(PATIENCE)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another worker was faster
            raise BrokerError(f"cannot create topic {name!r}: {error.args[0].str()}") from None


def read_all(settings: Settings, topic: str) -> Iterator[Any]:
    """Every message that `topic` holds now, oldest first in each partition, without joining a consumer group.

    Raises:
        BrokerError: There is no such topic, or the broker stops answering.
    """
    consumer = Consumer(
        {
            **client_config(settings.broker),
            "group.id": "fraud-stream-reader",  # librdkafka wants one; nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,  # the end comes from the fetch, which every broker answers rightly
        }
    )
    try:
        left = _assign_from_start(consumer, topic)
        yield from _until_eof(consumer, left)
    finally:
        consumer.close()


def _assign_from_start(consumer: Consumer, topic: str) -> set[int]:
    found = consumer.list_topics(topic, timeout=PATIENCE).topics[topic]
    if found.error:
        raise BrokerError(f"there is no topic {topic!r}")
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in found.partitions])
    return set(found.partitions)


def _until_eof(consumer: Consumer, left: set[int]) -> Iterator[Any]:
    while left:
        messages = consumer.consume(10_000, timeout=PATIENCE)
        if not messages:
            raise BrokerError(f"the broker has not answered for {PATIENCE:.0f} s")
        for message in messages:
            if message.error() is None:
                yield message
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise BrokerError(message.error().str())
