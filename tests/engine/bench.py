"""What the tests of the engine build on: tables of numbers, records, an outbox that collects."""

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import faust.streams
from faust.types import TP

from fraud_stream.engine.app import ExactApp
from fraud_stream.engine.guard import SIZE, pack_guard
from fraud_stream.engine.keys import decode_key, encode_key
from fraud_stream.engine.outbox import Outbox
from fraud_stream.engine.table import ExactTable

ODD = 'C"\\é😀'


class Number(NamedTuple):
    """A value: the offset it has applied, and a number."""

    offset: int
    number: int


class NumberCodec:
    """A number as text behind its guard."""

    def dump(self, value: Number) -> bytes:
        return pack_guard(value.offset) + str(value.number).encode()

    def load(self, data: bytes) -> Number:
        return Number(int.from_bytes(data[:SIZE], "big", signed=True), int(data[SIZE:]))


codec = NumberCodec()


def make_app(folder: Path | None = None, **changes: Any) -> ExactApp:
    """An application that is never started: no broker is asked."""
    chosen = {
        "store": "memory://",
        "datadir": str(folder or "unused"),
        "chunk_size": 3,
        "commit_interval": 0.01,
        "stuck_after": 60.0,
    }
    return ExactApp(
        "test",
        **{"broker": "kafka://127.0.0.1:1", "autodiscover": [], "prepare": lambda: None, **chosen, **changes},
    )


def plain_table(app: ExactApp, name: str = "plain", **options: Any) -> ExactTable:
    return app.exact_table(name, **{"rank": 0, "codec": codec, "partitions": 4, **options})


class Record(NamedTuple):
    """A record as aiokafka reads it."""

    offset: int
    key: bytes
    value: bytes | None
    timestamp: int = 1_000
    timestamp_type: int = 0
    topic: str = "transactions"
    partition: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()
    checksum: int | None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 0


class ListOutbox(Outbox):
    """Collects in a list what would be sent."""

    def __init__(self) -> None:
        self.records: list[tuple[str, int, Any, bytes | None]] = []

    def put(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Any = ()) -> None:
        assert key is not None
        self.records.append((topic, partition, decode_key(key), value))

    def put_all(self, topic: str, partition: int, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        for key, value in records:
            self.put(topic, partition, key, value)


class Place(NamedTuple):
    """Where the broker has put a batch."""

    topic: str
    partition: int
    offset: int


class FakeMessage(NamedTuple):
    partition: int
    timestamp: float
    topic: str = "transactions"


class FakeEvent:
    """The event that is being processed."""

    def __init__(self, partition: int, timestamp: float) -> None:
        self.message = FakeMessage(partition, timestamp)


@contextmanager
def processing(partition: int, timestamp: float = 0.0) -> Iterator[None]:
    """While an event of that partition and time is processed."""
    event = FakeEvent(partition, timestamp)
    token = faust.streams._current_event.set(weakref.ref(event))  # type: ignore[arg-type]
    try:
        yield
    finally:
        faust.streams._current_event.reset(token)


def changelog(table: ExactTable, partition: int = 0) -> TP:
    return TP(table.changelog_topic_name, partition)


def record(offset: int, key: Any, value: Number | None) -> Record:
    return Record(offset, encode_key(key), None if value is None else codec.dump(value))


def store_time(table: ExactTable, time: float, partition: int = 0) -> None:
    """An event of that time is processed, and all that it changes stored."""
    table.clock.observe(partition, time)
    table.clock.take()
    table.clock.settle()


def take(table: ExactTable, outbox: Outbox) -> int:
    """Take what has changed and write it; how many records."""
    table.take()
    return sum(table.write(outbox))


def commit(table: ExactTable, offset: int = 0) -> list[tuple[str, int, Any, bytes | None]]:
    """What a group commit does with the table; the changelog records."""
    outbox = ListOutbox()
    take(table, outbox)
    table.clock.take()
    table.clock.settle()
    table.settle([Place(topic, partition, offset) for topic, partition, _, _ in outbox.records])
    return outbox.records
