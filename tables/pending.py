"""Scored transactions that wait for their label, and labels that came first.

Key: transaction_id. Value: `Pending`, until ``[labels] horizon`` after its event time.
Read by: the join that makes `labelled`.
"""

import struct
from typing import Any

from fraud_stream.app import app, settings
from fraud_stream.domain.pending import Pending
from fraud_stream.engine.guard import SIZE
from tables.codecs import StructCodec
from tables.ranks import PENDING

_TIME = struct.Struct(">d")


class PendingCodec(StructCodec[Pending]):
    """The event time in front, so that the deadline is read without decoding the rest."""

    def __init__(self) -> None:
        super().__init__(Pending, guard="stage")

    def encode(self, value: Pending) -> bytes:
        """The value as bytes."""
        return _TIME.pack(value.time) + super().encode(value)

    def decode(self, data: bytes) -> Pending:
        """The value that `data` holds."""
        return super().decode(data[_TIME.size :])


def deadline(_: Any, data: bytes) -> float:
    """When a stored entry expires, seconds of stream time."""
    time: float = _TIME.unpack_from(data, SIZE)[0]
    return time + settings.labels.horizon


pending = app.exact_table(
    "pending",
    rank=PENDING,
    codec=PendingCodec(),
    lifetime=deadline,
    partitions=settings.topics.partitions,
    help="scored transactions that wait for their label",
)
