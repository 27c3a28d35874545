"""The offset guard: every stored value begins with a number that only grows, so that an older value is recognised.

The number is the offset of the newest record the value has in it (or another number that grows with each change).
Eight bytes, most significant first, so that comparing bytes compares numbers.
"""

import struct
from typing import Protocol, TypeVar

SIZE = 8
_NUMBER = struct.Struct(">q")
#: The guard of a number from -1 on.
pack_guard = _NUMBER.pack
V = TypeVar("V")


class Codec(Protocol[V]):
    """How a table's values become bytes."""

    def dump(self, value: V) -> bytes:
        """The value as bytes, its guard first."""
        ...

    def load(self, data: bytes) -> V:
        """The value that is stored as `data`."""
        ...


def guard_of(data: bytes) -> int:
    """The guard of a stored value.

    >>> guard_of(pack_guard(7) + b"value")
    7
    """
    number: int = _NUMBER.unpack_from(data)[0]
    return number


def is_older(new: bytes, old: bytes | None) -> bool:
    """Whether the stored value `new` would undo changes that `old` has.

    >>> is_older(pack_guard(1), pack_guard(2)), is_older(pack_guard(2), pack_guard(2))
    (True, False)
    """
    return old is not None and new[:SIZE] < old[:SIZE]
