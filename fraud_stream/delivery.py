"""Puts a record onto a topic, and waits until it is delivered."""

from typing import Any

from confluent_kafka import KafkaError, KafkaException

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import PATIENCE, make_producer
from fraud_stream.settings import Settings


def deliver(settings: Settings, topic: str, key: str, value: bytes, partition: int = 0) -> None:
    """Put a record onto a partition of `topic`, which for those that are read whole is the only one.

    Raises:
        BrokerError: It could not be delivered.
    """
    failures: list[str] = []
    producer = make_producer(settings.broker)
    try:
        producer.produce(topic, value, key, partition, on_delivery=lambda error, _: failures.append(_why(error)))
    except KafkaException as error:
        raise BrokerError(f"nothing can be sent to {topic!r}: {error.args[0].str()}") from None
    if producer.flush(PATIENCE):
        failures = [f"the broker has not answered for {PATIENCE:.0f} s"]
    if any(failures):
        raise BrokerError(f"what was to be sent to {topic!r} was not delivered: {failures[0]}")


def _why(error: Any) -> str:
    if error is None:
        return ""
    is_unknown = error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
    return f"{error.str()}; `fraud-stream topics` makes what is missing" if is_unknown else str(error.str())
