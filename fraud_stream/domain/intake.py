"""Reading a transaction: bytes from a topic in, a checked `Transaction` or a reason for refusing it out."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from fraud_stream.domain.transaction import OPTIONAL, REQUIRED, Transaction

#: Other names a field goes by, tried when the field itself is missing.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "customer_id": ("user_id",),
    "merchant_id": ("merchant",),
    "device_type": ("device",),
}
YEAR_2000 = 946_684_800.0
_EPOCH = datetime(1970, 1, 1)  # without a zone, as the times that it is taken from: they are UTC
#: A number from here on is read as milliseconds: as seconds it would be the year 5138.
FIRST_MILLISECOND = 1e11
LONGEST_ID = 256
LONGEST_TEXT = 256

_TEXT = str | int | float | None
_NUMBER = float | str | None
_TYPES: Mapping[str, Any] = {"timestamp": _NUMBER, "amount": _NUMBER}


class Refused(Exception):  # noqa: N818 - it befalls the record; nothing of ours has failed
    """A record that cannot be processed; `reason` is one of `REASONS`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


#: Why a record is refused. They are values of a metric and of a header, so they are few and fixed.
REASONS = ("null", "oversize", "undecodable", "missing_field", "wrong_type", "bad_amount", "bad_timestamp", "bad_id")


@dataclass(frozen=True)
class Limits:
    """What is still believed of a record.

    Attributes:
        max_bytes: A longer record is refused.
        max_amount: A larger amount is refused.
        max_ahead: Seconds an event may lie ahead of the broker's clock.
    """

    max_bytes: int = 65_536
    max_amount: float = 1_000_000.0
    max_ahead: float = 3_600.0


def event_time(value: float | str) -> float:
    """Seconds since 1970 of a time in seconds, milliseconds or ISO 8601 (a time without a zone is UTC).

    Raises:
        ValueError: It is none of these.

    >>> event_time("2024-01-31 12:00:00") == event_time(1706702400) == event_time(1706702400000)
    True
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            value = float(value)
        else:
            return moment.timestamp() if moment.tzinfo else (moment - _EPOCH).total_seconds()
    return value / 1000.0 if value >= FIRST_MILLISECOND else float(value)


class Intake:
    """Reads records of one schema.

    Args:
        names: The record's own name of each field that is named otherwise, ``{"amount": "TX_AMOUNT"}``.
        limits: What is still believed.

    Attributes:
        missing: How often each optional field was missing.

    >>> Intake().read(b'{"transaction_id":"T1","user_id":7,"timestamp":1706702400,"amount":"9.5"}').customer_id
    '7'
    """

    def __init__(self, names: Mapping[str, str] | None = None, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.missing: Counter[str] = Counter()
        self._names = _wire_names(names or {})
        wire = _wire_struct(self._names)
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(wire).decode
        self._fields = attrgetter(*REQUIRED, *OPTIONAL)
        self._aliases = {
            field: [f"{field}_{n}" for n in range(1, len(names_of))] for field, names_of in self._names.items()
        }

    def read(self, value: bytes | None, *, now: float = math.inf) -> Transaction:
        """The transaction in `value`; `now` is when the broker had it, seconds.

        Raises:
            Refused: With the reason.
        """
        wire = self._open(value)
        ident, customer, moment, amount, *rest = self._fields(wire)
        if ident is None or customer is None or moment is None or amount is None:
            ident, customer, moment, amount = self._required(wire)
        return Transaction(
            _identifier("transaction_id", ident),
            _identifier("customer_id", customer),
            self._checked_time(moment, now),
            self._checked_amount(amount),
            *self._optional(wire, rest),
        )

    def _open(self, value: bytes | None) -> Any:
        if value is None:
            raise Refused("null", "the record has no value")
        if len(value) > self.limits.max_bytes:
            raise Refused("oversize", f"{len(value)} bytes; at most {self.limits.max_bytes} are read")
        try:
            return self._decode(value)
        except msgspec.ValidationError as error:
            raise Refused("wrong_type", str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("undecodable", f"not JSON: {error}") from None

    def _alias(self, wire: Any, field: str) -> Any:
        for attribute in self._aliases[field]:
            value = getattr(wire, attribute)
            if value is not None:
                return value
        return None

    def _required(self, wire: Any) -> list[Any]:
        """The required fields, by whatever name they have."""
        values = {name: getattr(wire, name) for name in REQUIRED}
        found = {name: self._alias(wire, name) if value is None else value for name, value in values.items()}
        absent = [" or ".join(self._names[name]) for name, value in found.items() if value is None]
        if absent:
            raise Refused("missing_field", ", ".join(absent))
        return list(found.values())

    def _optional(self, wire: Any, values: list[Any]) -> list[str | None]:
        for position, value in enumerate(values):
            if type(value) is not str or not 0 < len(value) <= LONGEST_TEXT:
                values[position] = self._settled(wire, OPTIONAL[position], value)
        return values

    def _settled(self, wire: Any, field: str, value: Any) -> str | None:
        """An optional field that is not there by its first name, or is no usual text."""
        if value is None:
            value = self._alias(wire, field)
        if value is None or value == "":
            self.missing[field] += 1
            return None
        return _text(field, value)

    def _checked_time(self, value: float | str, now: float) -> float:
        try:
            moment = event_time(value)
        except (ValueError, OverflowError):
            raise Refused("bad_timestamp", f"{str(value)[:40]!r} is no time") from None
        if not YEAR_2000 <= moment <= now + self.limits.max_ahead or moment == math.inf:
            raise Refused("bad_timestamp", f"{str(value)[:40]!r} is before 2000 or too far in the future")
        return moment

    def _checked_amount(self, value: float | str) -> float:
        try:
            amount = float(value)
        except ValueError:
            raise Refused("wrong_type", f"amount {value[:40]!r} is no number") from None  # type: ignore[index]
        if not 0 <= amount <= self.limits.max_amount:
            raise Refused("bad_amount", f"{amount} is not from 0 to {self.limits.max_amount:.0f}")
        return amount


def _wire_names(names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What each field may be called: the configured name first, then its own and its aliases, unless taken."""
    found = {}
    for field in (*REQUIRED, *OPTIONAL):
        own = [name for name in (field, *ALIASES.get(field, ())) if name not in names.values()]
        found[field] = (names[field], *own) if field in names else tuple(own) or (f" {field} has no name of its own ",)
    return found


def _wire_struct(names: Mapping[str, tuple[str, ...]]) -> type[msgspec.Struct]:
    attributes = {
        field if n == 0 else f"{field}_{n}": (name, _TYPES.get(field, _TEXT))
        for field, wire_names in names.items()
        for n, name in enumerate(wire_names)
    }
    return msgspec.defstruct(
        "WireTransaction",
        [(attribute, kind, None) for attribute, (_, kind) in attributes.items()],
        rename={attribute: name for attribute, (name, _) in attributes.items()},
        gc=False,
    )


def _identifier(field: str, value: str | float) -> str:
    text = value if type(value) is str else _number_as_text(field, value)
    if not text or len(text) > LONGEST_ID:
        raise Refused("bad_id", f"{field} has {len(text)} characters; 1 to {LONGEST_ID} are allowed")
    return text


def _number_as_text(field: str, value: str | float) -> str:
    """A whole number's digits: programs that lack a type for missing numbers write 7 as 7.0."""
    if isinstance(value, float) and value % 1:
        raise Refused("wrong_type", f"{field} {value} is neither text nor a whole number")
    return str(int(value))


def _text(field: str, value: str | float) -> str:
    text = value if type(value) is str else _number_as_text(field, value)
    if len(text) > LONGEST_TEXT:
        raise Refused("oversize", f"{field} has {len(text)} characters; at most {LONGEST_TEXT} are read")
    return text
