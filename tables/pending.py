"""Scored transactions that wait for their label, and labels that came first.

Key: transaction_id. Value: `Pending`, until ``[labels] horizon`` after its event time.
Read by: the join that makes `labelled`.
"""

import struct
from typing import Any

import msgspec

from fraud_stream.app import app, settings
from fraud_stream.domain.pending import Pending
from tables.ranks import PENDING

_HEAD = struct.Struct(">qd")


class PendingCodec:
    """Guarded by the stage, which only grows; then the event time, so that the deadline is read without the rest."""

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Pending).decode

    def dump(self, value: Pending) -> bytes:
        """The value as bytes."""
        return _HEAD.pack(value.stage, value.time) + self._encode(value)

    def load(self, data: bytes) -> Pending:
        """The value that is stored as `data`."""
        return self._decode(data[_HEAD.size :])


def deadline(_: Any, data: bytes) -> float:
    """When a stored entry expires, seconds of stream time."""
    time: float = _HEAD.unpack_from(data)[1]
    return time + settings.labels.horizon


pending = app.exact_table(
    "pending",
    rank=PENDING,
    codec=PendingCodec(),
    lifetime=deadline,
    partitions=settings.topics.partitions,
    help="scored transactions that wait for their label",
)
