"""What is announced on `models`, for programs outside the worker: read whole, and added to."""

from typing import NamedTuple, TypeVar

import msgspec

from fraud_stream.delivery import deliver
from fraud_stream.models import batch, promotion
from fraud_stream.models.batch import BatchModel
from fraud_stream.models.promotion import Promotions
from fraud_stream.models.state import ModelState
from fraud_stream.reading import read_all
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

    def after(self, key: str, value: bytes | None) -> "Announced":
        """With one more record: the newest challenger counts, and of the promotions the last record."""
        if key == promotion.NAME:
            return self._replace(promotions=_read(value, Promotions) or self.promotions)
        model = _read(value, BatchModel)
        is_newer = model is not None and (self.challenger is None or model.version > self.challenger.version)
        return self._replace(challenger=model) if is_newer else self

    @property
    def next_version(self) -> int:
        """The version of the next challenger."""
        return self.challenger.version + 1 if self.challenger else 1


def read_announced(settings: Settings) -> Announced:
    """Read the topic to its end, and take what a worker would: what nobody can read is passed over.

    Raises:
        BrokerError: There is no such topic, or the broker does not answer.
    """
    online: bytes | None = None  # there may be thousands; the last is read
    found = Announced(None, None, Promotions())
    for message in read_all(settings, settings.topics.models):
        key, value = (message.key() or b"").decode(errors="replace"), message.value()
        if key == settings.model.name:
            online = value
        elif key in {batch.NAME, promotion.NAME}:
            found = found.after(key, value)
    return found._replace(online=_read(online, ModelState))


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
    deliver(settings, settings.topics.models, record.name, msgspec.json.encode(record))
