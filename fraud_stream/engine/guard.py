"""The offset guard: every stored value begins with a number that only grows, so that an older value is recognised.

The number is the offset of the newest record the value has in it (or another number that grows with each change).
Eight bytes, most significant first, so that comparing bytes compares numbers.
"""

import struct
from typing import Generic, Protocol, TypeVar

SIZE = 8
_NUMBER = struct.Struct(">q")
V = TypeVar("V")


class Codec(Protocol[V]):
    """How a table's values become bytes."""

    def guard(self, value: V) -> int:
        """The number that grows with each change of the value; -1 at first."""
        ...

    def encode(self, value: V) -> bytes:
        """The value as bytes."""
        ...

    def decode(self, data: bytes) -> V:
        """The value that `data` holds."""
        ...


class Guarded(Generic[V]):
    """Bytes of values with their guard in front."""

    def __init__(self, codec: Codec[V]) -> None:
        self._codec = codec

    def dump(self, value: V) -> bytes:
        """A value as it is stored."""
        return _NUMBER.pack(self._codec.guard(value) + 1) + self._codec.encode(value)

    def load(self, data: bytes) -> V:
        """The value that is stored as `data`."""
        return self._codec.decode(data[SIZE:])


def is_older(new: bytes, old: bytes | None) -> bool:
    """Whether the stored value `new` would undo changes that `old` has.

    >>> is_older(_NUMBER.pack(1), _NUMBER.pack(2)), is_older(_NUMBER.pack(2), _NUMBER.pack(2))
    (True, False)
    """
    return old is not None and new[:SIZE] < old[:SIZE]
