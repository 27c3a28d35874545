"""Loading records into the warehouse, each once: the next offset changes in the transaction that adds the records."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from fraud_stream.batch.step import Counts, moment
from fraud_stream.batch.tables import LOST, OFFSETS
from fraud_stream.batch.warehouse import Change, Insert, Statement, Warehouse, records
from fraud_stream.errors import WarehouseError
from fraud_stream.reading import tail
from fraud_stream.retention import Gone
from fraud_stream.settings import Settings

#: Records that are loaded together.
TOGETHER = 10_000
T = TypeVar("T")


class Place(NamedTuple):
    """Where a record is."""

    source: str
    partition: int
    position: int


class Record(NamedTuple):
    """A record of a source.

    Attributes:
        place: Where it is.
        value: As it is there.
        received_at: When its broker had it, seconds since 1970; None of files.
        is_fraud: What a file says of it.
        lost: What is gone right before it.
    """

    place: Place
    value: bytes | None
    received_at: float | None = None
    is_fraud: bool | None = None
    lost: Gone | None = None


#: What adds records to the tables.
Inserts = Callable[[list[Record]], list[Insert]]


def next_positions(warehouse: Warehouse, source: str) -> dict[int, int]:
    """What is to be read next of each partition of a source; none where nothing was."""
    sql = f"SELECT partition_id, next_position FROM {OFFSETS.name} WHERE source = ?"  # noqa: S608 - names of ours
    found = records(warehouse.rows(sql, source))
    return {int(row["partition_id"]): int(row["next_position"]) for row in found}


def load(warehouse: Warehouse, source: str, found: Iterable[Record], inserts: Inserts) -> Counts:
    """Load records of a source, in order, from what `next_positions` tells on; how many were read, and are new.

    Raises:
        WarehouseError: They cannot be loaded, or another run loads them at the same time.
    """
    known, read, written, rejected = next_positions(warehouse, source), 0, 0, 0
    for part in together(found, TOGETHER):
        added = inserts(part)
        ends = {one.place.partition: one.place.position + 1 for one in part}
        moves = [_move(source, partition, known.get(partition), end) for partition, end in ends.items()]
        counts = warehouse.apply(*added, *moves, *_lost(part))
        known.update(ends)
        read += len(part)
        written += counts[0]
        rejected += sum(counts[1 : len(added)])
    return Counts(read, written, rejected)


def _lost(part: list[Record]) -> list[Insert]:
    """What writes down which records are gone."""
    found_at = moment(time.time())
    rows = [(found_at, *one.lost) for one in part if one.lost]
    return [Insert(LOST, LOST.of(rows))] if rows else []


def _move(source: str, partition: int, known: int | None, end: int) -> Change:
    """The statement that moves an offset, from where it was read alone."""
    if known is not None:
        sql = f"UPDATE {OFFSETS.name} SET next_position = ? WHERE source = ? AND partition_id = ? AND next_position = ?"  # noqa: S608
        return Statement(sql, (end, source, partition, known), rows=1)
    sql = (
        f"INSERT INTO {OFFSETS.name} SELECT ?, ?, ? "  # noqa: S608 - names of ours
        f"WHERE NOT EXISTS (SELECT 1 FROM {OFFSETS.name} WHERE source = ? AND partition_id = ?)"
    )
    return Statement(sql, (source, partition, end, source, partition), rows=1)


def of_topic(settings: Settings, warehouse: Warehouse, topic: str) -> Iterator[Record]:
    """What a topic holds that was not loaded.

    Raises:
        BrokerError: There is no such topic, or its broker does not answer.
        WarehouseError: The topic is another than the one that was loaded.
    """
    source = topic_source(topic)
    places = next_positions(warehouse, source)
    lost = dict[int, Gone]()
    for message in tail(settings, topic, places=places, on_lost=lambda gone: lost.update({gone.partition: gone})):
        place = Place(source, message.partition(), message.offset())
        if place.position < places.get(place.partition, 0):
            raise WarehouseError(
                f"topic {topic!r} was made anew: the warehouse has its partition {place.partition} up to offset "
                f"{places[place.partition]}, and it holds {place.position} now; use another [warehouse] url for it"
            )
        yield Record(place, message.value(), message.timestamp()[1] / 1_000, lost=lost.pop(place.partition, None))


def topic_source(topic: str) -> str:
    """What a topic is called as a source."""
    return f"topic:{topic}"


def together(found: Iterable[T], most: int) -> Iterator[list[T]]:
    """So many at a time.

    >>> list(together("abc", 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(found)
    while part := list(islice(rest, most)):
        yield part


def text_of(value: Any) -> str | None:
    r"""A record as text; bytes that are none are written out.

    >>> text_of(b"\xff{}")
    '\\xff{}'
    """
    return None if value is None else bytes(value).decode("utf-8", "backslashreplace")
