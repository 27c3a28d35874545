"""What is announced on `models`, for programs outside the worker: read whole, and added to."""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

import msgspec
from confluent_kafka import KafkaException

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import PATIENCE, make_producer, read_all
from fraud_stream.models import batch, promotion
from fraud_stream.models.batch import BatchModel
from fraud_stream.models.promotion import Promotions
from fraud_stream.models.state import ModelState
from fraud_stream.settings import Settings

T = TypeVar("T")


class Announced(NamedTuple):
    """What is in force by what the topic holds.

    Attributes:
        online: The newest state of the online model; None before the first, or where it cannot be read.
        challenger: The newest challenger; likewise.
        promotions: Who decides.
    """

    online: ModelState | None
    challenger: BatchModel | None
    promotions: Promotions

    @property
    def next_version(self) -> int:
        """The version of the next challenger."""
        return self.challenger.version + 1 if self.challenger else 1


def read_announced(settings: Settings) -> Announced:
    """Read the topic to its end; of each key its last record counts.

    Raises:
        BrokerError: There is no such topic, or the broker does not answer.
    """
    last = _last_of_each(read_all(settings, settings.topics.models))
    return Announced(
        _read(last.get(settings.model.name), ModelState),
        _read(last.get(batch.NAME), BatchModel),
        _read(last.get(promotion.NAME), Promotions) or Promotions(),
    )


def _last_of_each(messages: Iterable[Any]) -> dict[str, bytes]:
    last: dict[str, bytes] = {}
    for message in messages:
        key, value = (message.key() or b"").decode(errors="replace"), message.value()
        if value:
            last[key] = value
        else:
            last.pop(key, None)
    return last


def _read(value: bytes | None, kind: type[T]) -> T | None:
    """The record; None where it is none, which the workers refuse, too."""
    try:
        return None if value is None else msgspec.json.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def announce(settings: Settings, record: BatchModel | Promotions) -> None:
    """Put a record onto the topic, under its name, and wait until it is delivered.

    Raises:
        BrokerError: It could not be delivered.
    """
    failures: list[str] = []
    producer, value = make_producer(settings.broker), msgspec.json.encode(record)
    try:
        producer.produce(
            settings.topics.models, value, record.name, 0, on_delivery=lambda error, _: failures.append(_why(error))
        )
    except KafkaException as error:
        raise BrokerError(f"{record.name} cannot be announced: {error.args[0].str()}") from None
    if producer.flush(PATIENCE):
        failures = [f"the broker has not answered for {PATIENCE:.0f} s"]
    if any(failures):
        raise BrokerError(f"{record.name} could not be announced on {settings.topics.models!r}: {failures[0]}")


def _why(error: Any) -> str:
    return "" if error is None else str(error.str())
