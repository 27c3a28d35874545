"""How the domain's values become bytes: MessagePack, fields by position, numbers packed."""

from typing import Any, Generic, TypeVar

import msgspec

from fraud_stream.domain.packed import pack, unpack
from fraud_stream.engine.guard import SIZE, pack_guard

S = TypeVar("S")


class StructCodec(Generic[S]):
    """The codec of a struct that knows the `offset` it has applied: its guard.

    Args:
        kind: The struct.
    """

    def __init__(self, kind: type[S]) -> None:
        self._encode = msgspec.msgpack.Encoder(enc_hook=pack).encode
        self._decode = msgspec.msgpack.Decoder(kind, dec_hook=unpack).decode

    def dump(self, value: Any) -> bytes:
        """The value as bytes, its guard first; an offset begins at -1, a guard at 0."""
        return pack_guard(value.offset + 1) + self._encode(value)

    def load(self, data: bytes) -> S:
        """The value that is stored as `data`."""
        return self._decode(data[SIZE:])
