"""How the domain's values become bytes: MessagePack, fields by position, numbers packed."""

from typing import Any, Generic, TypeVar

import msgspec

from fraud_stream.domain.packed import pack, unpack

S = TypeVar("S")


class StructCodec(Generic[S]):
    """The codec of a struct whose guard is its `offset`.

    Args:
        kind: The struct.
        guard: The attribute that only grows.
    """

    def __init__(self, kind: type[S], guard: str = "offset") -> None:
        self._guard = guard
        self._encoder = msgspec.msgpack.Encoder(enc_hook=pack)
        self._decoder = msgspec.msgpack.Decoder(kind, dec_hook=unpack)

    def guard(self, value: S) -> int:
        """The number that grows with each change."""
        number: int = getattr(value, self._guard)
        return number

    def encode(self, value: S) -> bytes:
        """The value as bytes."""
        return self._encoder.encode(value)

    def decode(self, data: bytes) -> S:
        """The value that `data` holds."""
        value: Any = self._decoder.decode(data)
        result: S = value
        return result
