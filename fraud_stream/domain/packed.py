"""Numbers kept as packed arrays: a tenth of the memory of a list, and copied as bytes when a value is stored."""

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

N = TypeVar("N", int, float)
if TYPE_CHECKING:

    class _Array(array[N], Generic[N]):
        """An array as the type checker sees it."""

else:

    class _Array(array):
        """Python 3.11 cannot subscript an array."""

        __class_getitem__ = classmethod(lambda cls, _: cls)


class Packed(_Array[N]):
    """An array of one kind of number.

    >>> Doubles.unpack(Doubles.of([1.5, 2.5]).tobytes()).tolist()
    [1.5, 2.5]
    """

    code: ClassVar[str]

    @classmethod
    def of(cls, values: Iterable[N] = ()) -> Self:
        """An array of `values`."""
        return cls(cls.code, values)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """The array that `data` holds."""
        return cls(cls.code, data)


class Doubles(Packed[float]):
    """64-bit floats."""

    code = "d"


class Longs(Packed[int]):
    """64-bit integers."""

    code = "q"


def pack(value: Any) -> bytes:
    """What msgspec stores of an array (its ``enc_hook``)."""
    if isinstance(value, Packed):
        return value.tobytes()
    raise TypeError(f"cannot store a {type(value).__name__}")


def unpack(kind: type[Packed[Any]], data: bytes) -> Packed[Any]:
    """The array that msgspec has stored (its ``dec_hook``)."""
    return kind(kind.code, data)
