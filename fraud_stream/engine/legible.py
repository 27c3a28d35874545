"""Stored values that this version cannot read, as another version has written them: refused, and named.

MessagePack by position reads what has fewer fields (the others get their defaults) and more (they are passed over).  A
field that has another type cannot be read, and nothing may be decided from half of a customer's state.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeVar

from fraud_stream.engine.guard import Codec
from fraud_stream.errors import StateError

V = TypeVar("V")
#: Values of a partition that are looked at after a recovery: all of it would take as long as the recovery.
LOOKED_AT = 100


def load_value(codec: Codec[V], table: str, key: Any, data: bytes) -> V:
    """The value of a table's key that is stored as `data`.

    Raises:
        StateError: This version cannot read it.
    """
    try:
        return codec.load(data)
    except Exception as error:  # whatever a codec raises, it means the same
        raise StateError(
            f"table {table} has a value of {key!r} that this version cannot read ({error}): another version wrote it. "
            "Start that version again, or re-process the transactions with this one (docs/operations.md#upgrade)"
        ) from error


def check_legible(codec: Codec[Any], table: str, entries: Iterable[tuple[Any, bytes]]) -> None:
    """Read the first values of a partition, the oldest ones where they are in memory.

    Raises:
        StateError: One of them cannot be read.
    """
    for key, data in islice(entries, LOOKED_AT):
        load_value(codec, table, key, data)
