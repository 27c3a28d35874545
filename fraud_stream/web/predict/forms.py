"""What is sent to ``/predict``: a payment in one of three forms, or up to a thousand of them."""

import time
from typing import NamedTuple

import msgspec

from fraud_stream.app import settings
from fraud_stream.domain.described import Figures, PaymentFigures, WindowFigures
from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.transaction import Transaction
from fraud_stream.web.dashboard.answers import BadQueryError
from fraud_stream.web.predict.answers import MOST

#: The key that many are sent under.
MANY = "transactions"
intake = Intake(settings.fields.names, settings.intake_limits)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_many = msgspec.json.Decoder(list[msgspec.Raw])
_OF_WINDOWS = frozenset(WindowFigures.__struct_fields__)


class Asked(NamedTuple):
    """A payment that is asked about: as it was sent, and what it is; or why it is none."""

    raw: bytes
    what: Transaction | Figures | None
    error: str = ""


def read(body: bytes) -> tuple[list[Asked], bool]:
    """The payments that are asked about, and whether they were sent as many.

    Raises:
        BadQueryError: It is nothing of the kind, or they are too many.
    """
    fields = _object(body)
    if set(fields) != {MANY}:
        return [_asked(body, fields)], False
    try:
        found = _many.decode(fields[MANY])
    except msgspec.DecodeError as error:
        raise BadQueryError(f"{MANY}: {error}") from None
    if not 0 < len(found) <= MOST:
        raise BadQueryError(f"{MANY}: {len(found):,} payments; 1 to {MOST:,} are answered at once")
    return [_one_of_many(bytes(raw)) for raw in found], True


def _object(data: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _fields.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadQueryError(f"this is no payment: {error}") from None


def _one_of_many(raw: bytes) -> Asked:
    try:
        return _asked(raw, _object(raw))
    except BadQueryError as error:
        return Asked(raw, None, str(error.detail))


def _asked(raw: bytes, fields: dict[str, msgspec.Raw]) -> Asked:
    try:
        kind = _kind(fields)
        what = intake.read(raw, now=time.time()) if kind is None else msgspec.json.decode(raw, type=kind)
        return Asked(raw, what)
    except Refused as refused:
        return Asked(raw, None, f"{refused.reason}: {refused.detail}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Asked(raw, None, str(error))


def _kind(fields: dict[str, msgspec.Raw]) -> type[Figures] | None:
    """Which form it has, by its names; None for a transaction."""
    if "transaction_amount" in fields:
        return PaymentFigures
    return WindowFigures if fields.keys() <= _OF_WINDOWS else None
