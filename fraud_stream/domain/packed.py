"""Numbers kept as packed arrays: a tenth of the memory of a list, and copied as bytes when a value is stored."""

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

N = TypeVar("N", int, float)
P = TypeVar("P", bound="Packed[Any]")
if TYPE_CHECKING:

    class _Array(array[N], Generic[N]):
        """An array as the type checker sees it."""

else:

    class _Array(array):
        """Python 3.11 cannot subscript an array."""

        __class_getitem__ = classmethod(lambda cls, _: cls)


class Packed(_Array[N]):
    """An array of one kind of number.

    >>> unpack(Doubles, pack(Doubles.of([1.5, 2.5]))).tolist()
    [1.5, 2.5]
    """

    code: ClassVar[str]

    @classmethod
    def of(cls, values: Iterable[N] = ()) -> Self:
        """An array of `values`."""
        return cls(cls.code, values)


class Doubles(Packed[float]):
    """64-bit floats."""

    code = "d"


class Longs(Packed[int]):
    """64-bit integers."""

    code = "q"


def pack(value: Any) -> bytes:
    """An array as bytes (msgspec's ``enc_hook``)."""
    if isinstance(value, Packed):
        return value.tobytes()
    raise TypeError(f"cannot store a {type(value).__name__}")


def unpack(kind: type[P], data: bytes) -> P:
    """The array that was packed (msgspec's ``dec_hook``)."""
    return kind(kind.code, data)
