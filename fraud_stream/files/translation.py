"""Translating a file's row to a record, mending nothing: a bad value stays as it is, for the worker to refuse."""

import time
from typing import NamedTuple

import msgspec

from fraud_stream.files.mapping import FieldMapping, first_value
from fraud_stream.files.rows import Row
from fraud_stream.files.times import event_seconds

_TRUE = frozenset({"1", "true", "yes", "1.0"})
_FALSE = frozenset({"0", "false", "no", "0.0"})
#: Seconds that a row may lie ahead of the clock before its time is no time to pace by.
_MAX_AHEAD = 86_400.0


class Translated(NamedTuple):
    """A row as a record, and what is known of it.

    Attributes:
        value: The record.
        transaction_id: Its id; None where the row has none.
        customer_id: Its customer, the Kafka key; likewise.
        time: Its event time, seconds since 1970; None where the row has none that can be read.
        is_fraud: Its label; None where the row has none.
        kind: The kind of fraud, where the row says it.
    """

    value: bytes
    transaction_id: str | None = None
    customer_id: str | None = None
    time: float | None = None
    is_fraud: bool | None = None
    kind: str | None = None


class Translator:
    """Translates rows.

    Args:
        mapping: What their columns mean.

    >>> mapping = FieldMapping("m", {"customer_id": ("user",), "amount": ("sum",)}, is_fraud=("bad",))
    >>> record = Translator(mapping).translate({"user": 7, "sum": "x", "bad": "True"})
    >>> record.value, record.customer_id, record.is_fraud
    (b'{"customer_id":7,"amount":"x"}', '7', True)
    """

    def __init__(self, mapping: FieldMapping) -> None:
        self._mapping = mapping
        self._fields = tuple(mapping.fields.items())
        self._encode = msgspec.json.Encoder().encode
        self._latest = time.time() + _MAX_AHEAD

    def translate(self, row: Row) -> Translated:
        """The record of a row; a row that could not be taken apart is the record itself."""
        if isinstance(row, bytes):
            return Translated(row)
        record = {field: value for field, columns in self._fields if (value := first_value(row, columns)) is not None}
        is_fraud = truth(first_value(row, self._mapping.is_fraud))
        return Translated(
            self._encode(record),
            _text(record.get("transaction_id")),
            _text(record.get("customer_id")),
            self._time(record.get("timestamp")),
            is_fraud,
            self._kind(row) if is_fraud else None,
        )

    def _time(self, value: object) -> float | None:
        seconds = event_seconds(value)
        return seconds if seconds is not None and seconds <= self._latest else None

    def _kind(self, row: dict[str, object]) -> str | None:
        said = _text(first_value(row, self._mapping.kind))
        return said and (self._mapping.kinds or {}).get(said, said)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def truth(value: object) -> bool | None:
    """The label that a value of a file is; None where it is none.

    >>> truth("1.0"), truth(False), truth("")
    (True, False, None)
    """
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None
