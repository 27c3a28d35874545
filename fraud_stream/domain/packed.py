"""Numbers kept as packed arrays: a tenth of the memory of a list, and copied as bytes when a value is stored."""

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    _Array = array[float]
else:
    _Array = array  # Python 3.11 cannot subscript it


class Packed(_Array):
    """An array of one kind of number.

    >>> Doubles.unpack(Doubles.of([1.5, 2.5]).tobytes()).tolist()
    [1.5, 2.5]
    """

    code: ClassVar[str]

    @classmethod
    def of(cls, values: Iterable[float] = ()) -> Self:
        """An array of `values`."""
        return cls(cls.code, values)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """The array that `data` holds."""
        return cls(cls.code, data)


class Doubles(Packed):
    """64-bit floats."""

    code = "d"


class Longs(Packed):
    """64-bit integers."""

    code = "q"


def pack(value: Any) -> bytes:
    """What msgspec stores of an array (its ``enc_hook``)."""
    if isinstance(value, Packed):
        return value.tobytes()
    raise TypeError(f"cannot store a {type(value).__name__}")


def unpack(kind: type[Packed], data: bytes) -> Packed:
    """The array that msgspec has stored (its ``dec_hook``)."""
    return kind.unpack(data)
