"""`ExactTable` and `TablePartition` on both stores, and what the other tests of the engine build on."""

import copy
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import faust.streams
import pytest
from faust.types import TP

from fraud_stream.engine.app import ExactApp
from fraud_stream.engine.guard import SIZE, pack_guard
from fraud_stream.engine.keys import decode_key, encode_key
from fraud_stream.engine.outbox import Outbox
from fraud_stream.engine.table import ExactTable


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
    chosen = {"store": "memory://", "datadir": str(folder or "unused"), "chunk_size": 3, "commit_interval": 0.01}
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


def commit(table: ExactTable, offset: int = 0) -> list[tuple[str, int, Any, bytes | None]]:
    """What a group commit does with the table; the changelog records."""
    outbox = ListOutbox()
    table.take(outbox)
    table.settle([Place(topic, partition, offset) for topic, partition, _, _ in outbox.records])
    return outbox.records


@pytest.fixture(params=["memory://", "rocksdb://"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> ExactTable:
    return plain_table(make_app(tmp_path, store=request.param))


@pytest.fixture
def memory_table() -> ExactTable:
    return plain_table(make_app())


ODD = 'C"\\é😀'


def test_a_value_that_was_put_is_read_before_it_is_written(table: ExactTable) -> None:
    held = table.partition(1)
    held.put(ODD, Number(1, 10))
    assert held.get(ODD) == Number(1, 10)
    assert list(table.entries([1])) == []


def test_a_value_on_its_way_to_the_broker_is_still_read(table: ExactTable) -> None:
    held = table.partition(1)
    held.put("k", Number(1, 10))
    table.take(ListOutbox())
    assert held.get("k") == Number(1, 10)
    assert list(table.entries([1])) == []
    held.put("k", Number(2, 20))
    assert held.get("k") == Number(2, 20)


def test_a_value_is_stored_when_the_broker_has_it(table: ExactTable) -> None:
    table.partition(1).put(ODD, Number(1, 10))
    commit(table)
    assert list(table.entries([1])) == [(ODD, Number(1, 10))]
    assert list(table.entries([0, 2])) == []
    assert table.partition(1).get(ODD) == Number(1, 10)


def test_what_changed_while_the_last_change_was_delivered_is_written_next(table: ExactTable) -> None:
    held, first, second = table.partition(0), ListOutbox(), ListOutbox()
    held.put("k", Number(1, 10))
    table.take(first)
    held.put("k", Number(2, 20))
    table.settle([])
    assert held.get("k") == Number(2, 20)
    assert list(table.entries([0])) == [("k", Number(1, 10))]
    assert table.take(second) == 1
    assert second.records[0][3] == codec.dump(Number(2, 20))


def test_each_changed_key_is_written_once_to_its_own_partition(table: ExactTable) -> None:
    for number in range(5):
        table.partition(2).put("k", Number(number, number))
    table.partition(3).put(("w", (0.0, 59.9)), Number(7, 7))
    outbox = ListOutbox()
    assert table.take(outbox) == 2
    topic = "test-plain-changelog"
    assert outbox.records == [
        (topic, 2, "k", codec.dump(Number(4, 4))),
        (topic, 3, ("w", (0.0, 59.9)), codec.dump(Number(7, 7))),
    ]
    assert table.take(ListOutbox()) == 0


def test_a_deleted_value_is_gone_at_once_and_for_good(table: ExactTable) -> None:
    held = table.partition(0)
    held.put("k", Number(1, 10))
    commit(table)
    held.put("k", None)
    assert held.get("k") is None
    assert [sent[3] for sent in commit(table)] == [None]
    assert held.get("k") is None
    assert list(table.entries([0])) == []


def test_a_key_that_was_looked_up_in_vain_is_not_written(table: ExactTable) -> None:
    assert table.partition(0).get("nobody") is None
    assert commit(table) == []


def test_a_value_that_was_read_and_not_put_is_not_written(table: ExactTable) -> None:
    table.partition(0).put("k", Number(1, 10))
    commit(table)
    table.partition(0).get("k")
    assert commit(table) == []


# -- Faust's own interface


def test_faust_reads_and_writes_the_partition_of_the_event(table: ExactTable) -> None:
    with processing(2):
        table["k"] = Number(1, 10)
        assert table["k"] == Number(1, 10)
        assert "k" in table
    with processing(3):
        assert "k" not in table
        with pytest.raises(KeyError):
            table["k"]
    assert commit(table)[0][:3] == ("test-plain-changelog", 2, "k")


def test_outside_of_a_stream_faust_reads_every_partition(table: ExactTable) -> None:
    table.partition(0)
    table.partition(3).put("k", Number(1, 10))
    assert table["k"] == Number(1, 10)
    assert "k" in table
    assert "other" not in table


def test_outside_of_a_stream_nothing_can_be_written(table: ExactTable) -> None:
    with pytest.raises(TypeError, match="outside of stream iteration"):
        table["k"] = Number(1, 10)
    with pytest.raises(TypeError, match="outside of stream iteration"):
        del table["k"]


def test_faust_deletes_in_the_partition_of_the_event(table: ExactTable) -> None:
    table.partition(2).put("k", Number(1, 10))
    with processing(2):
        del table["k"]
        assert "k" not in table


def test_a_default_is_given_where_there_is_no_value() -> None:
    table = plain_table(make_app(), default=lambda: Number(-1, 0))
    assert table["nobody"] == Number(-1, 0)


def test_faust_sees_what_is_stored_as_one_mapping(memory_table: ExactTable) -> None:
    memory_table.partition(0).put("a", Number(1, 10))
    memory_table.partition(1).put("b", Number(1, 20))
    commit(memory_table)
    assert (len(memory_table), set(memory_table)) == (2, {"a", "b"})


def test_a_table_can_be_copied(memory_table: ExactTable) -> None:
    other = copy.copy(memory_table)
    assert (other.name, other.codec, other.clock) == (memory_table.name, memory_table.codec, memory_table.clock)


# -- recovery


def test_changelog_records_are_applied(table: ExactTable) -> None:
    table.absorb(changelog(table, 1), [record(0, "a", Number(5, 50)), record(1, ODD, Number(6, 60))])
    assert dict(table.entries([1])) == {"a": Number(5, 50), ODD: Number(6, 60)}
    assert table.persisted_offset(changelog(table, 1)) == 1
    assert table.persisted_offset(changelog(table, 0)) is None


def test_a_changelog_record_is_not_applied_over_a_newer_value(table: ExactTable) -> None:
    newest_first = [record(0, "k", Number(9, 90)), record(1, "k", Number(8, 80)), record(2, "k", Number(9, 91))]
    table.absorb(changelog(table), newest_first[:2])
    assert dict(table.entries([0])) == {"k": Number(9, 90)}
    table.absorb(changelog(table), newest_first)
    assert dict(table.entries([0])) == {"k": Number(9, 91)}


def test_a_changelog_record_is_not_applied_twice(table: ExactTable) -> None:
    tp = changelog(table)
    records = [record(0, "k", Number(1, 10)), record(1, "k", None)]
    table.absorb(tp, records)
    table.absorb(tp, records[:1])
    assert list(table.entries([0])) == []
    assert table.persisted_offset(tp) == 1


def test_tombstones_delete_and_what_follows_them_counts(table: ExactTable) -> None:
    records = [record(0, "k", Number(9, 90)), record(1, "k", None), record(2, "k", Number(1, 10))]
    table.absorb(changelog(table), records)
    assert dict(table.entries([0])) == {"k": Number(1, 10)}


def test_a_tombstone_of_what_is_not_there_is_nothing(table: ExactTable) -> None:
    table.absorb(changelog(table), [record(7, "k", None)])
    assert list(table.entries([0])) == []
    assert table.persisted_offset(changelog(table)) == 7


def test_changelog_offsets_may_have_gaps(table: ExactTable) -> None:
    table.absorb(changelog(table), [record(3, "a", Number(1, 1)), record(90, "b", Number(2, 2))])
    table.absorb(changelog(table), [record(50, "c", Number(3, 3)), record(91, "d", Number(4, 4))])
    assert dict(table.entries([0])).keys() == {"a", "b", "d"}
    assert table.persisted_offset(changelog(table)) == 91


def test_a_value_read_before_its_changelog_record_came_is_not_kept(table: ExactTable) -> None:
    """A page asks for a customer while the table recovers; then the first chunk comes."""
    assert table.partition(0).get("k") is None
    table.absorb(changelog(table), [record(0, "k", Number(1, 10))])
    assert table.partition(0).get("k") == Number(1, 10)


def test_where_the_broker_has_put_a_batch_is_remembered(table: ExactTable) -> None:
    table.partition(1).put("k", Number(1, 10))
    commit(table, offset=41)
    assert table.persisted_offset(changelog(table, 1)) == 41


def test_places_of_other_tables_are_not_remembered(table: ExactTable) -> None:
    table.settle([Place("test-other-changelog", 1, 41)])
    assert table.persisted_offset(changelog(table, 1)) is None


def test_fausts_recovery_applies_nothing_itself(memory_table: ExactTable) -> None:
    memory_table.apply_changelog_batch([FakeEvent(0, 0.0)])  # type: ignore[list-item]
    assert len(memory_table) == 0


# -- rebalances


async def test_partitions_that_left_are_dropped_and_the_others_kept(memory_table: ExactTable) -> None:
    table = memory_table
    for partition in (0, 1, 2):
        table.absorb(changelog(table, partition), [record(5, "k", Number(1, partition))])
    mine = {changelog(table, 0), changelog(table, 2), TP("transactions", 1)}
    await table.on_rebalance(mine, {changelog(table, 1)}, set(), 1)
    assert table.store.held() == {0, 2}
    assert table.persisted_offset(changelog(table, 1)) is None
    assert table.persisted_offset(changelog(table, 2)) == 5


async def test_a_rebalance_forgets_what_was_changed_and_not_written(table: ExactTable) -> None:
    tp = changelog(table)
    table.absorb(tp, [record(0, "k", Number(1, 10))])
    table.partition(0).put("k", Number(2, 20))
    await table.on_rebalance({tp}, set(), set(), 1)
    assert table.partition(0).get("k") == Number(1, 10)
    assert commit(table) == []


async def test_what_was_fetched_before_a_partition_left_is_not_applied_after_it(table: ExactTable) -> None:
    """Its tail alone would pass for the whole when the partition comes back."""
    await table.on_rebalance({changelog(table, 0)}, {changelog(table, 1)}, set(), 1)
    table.absorb(changelog(table, 1), [record(9, "k", Number(1, 10))])
    table.absorb(changelog(table, 0), [record(9, "k", Number(1, 10))])
    assert table.store.held() == {0}
    assert table.persisted_offset(changelog(table, 0)) == 9


async def test_a_partition_that_comes_back_is_read_from_its_changelog_again(memory_table: ExactTable) -> None:
    table, tp = memory_table, changelog(memory_table)
    table.absorb(tp, [record(0, "k", Number(1, 10))])
    await table.on_rebalance(set(), {tp}, set(), 1)
    await table.on_rebalance({tp}, set(), {tp}, 2)
    table.absorb(tp, [record(0, "k", Number(1, 10))])
    assert table.partition(0).get("k") == Number(1, 10)


async def test_a_delivery_that_ends_after_its_partition_left_marks_nothing_as_read(memory_table: ExactTable) -> None:
    """Otherwise the partition's recovery would skip its whole changelog when it comes back."""
    table, tp, outbox = memory_table, changelog(memory_table), ListOutbox()
    table.partition(0).put("k", Number(1, 10))
    table.take(outbox)
    await table.on_rebalance(set(), {tp}, set(), 1)
    table.settle([Place(tp.topic, 0, 41)])
    assert table.persisted_offset(tp) is None


async def test_a_delivery_that_ends_after_a_rebalance_is_read_from_the_changelog(table: ExactTable) -> None:
    """The partition stays here, but what was taken was forgotten: its recovery must not skip it."""
    tp = changelog(table)
    table.partition(0).put("k", Number(1, 10))
    table.take(ListOutbox())
    await table.on_rebalance({tp}, set(), set(), 1)
    table.settle([Place(tp.topic, 0, 41)])
    table.absorb(tp, [record(41, "k", Number(1, 10))])
    assert table.partition(0).get("k") == Number(1, 10)


async def test_a_partition_on_disk_is_found_again(tmp_path: Path) -> None:
    table = plain_table(make_app(tmp_path, store="rocksdb://"))
    tp = changelog(table, 1)
    table.absorb(tp, [record(5, "k", Number(1, 10))])
    await table.on_rebalance(set(), {tp}, set(), 1)
    assert table.store.held() == set()
    await table.on_rebalance({tp}, set(), {tp}, 2)
    assert table.persisted_offset(tp) == 5
    assert table.partition(1).get("k") == Number(1, 10)


# -- the source of the guards


class EndedConsumer:
    """Knows how many records a topic has."""

    def __init__(self, end: int) -> None:
        self.end = end

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, self.end)


@pytest.mark.parametrize(("end", "stops"), [(6, True), (7, False), (8, False)])
async def test_a_source_shorter_than_what_was_applied_of_it_stops_the_worker(
    end: int, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic that was made anew begins at offset 0: all of it would pass for decided before."""
    table, crashes = plain_table(make_app(), source="transactions"), []

    async def crash(error: BaseException) -> None:
        crashes.append(str(error))

    monkeypatch.setattr(table.app, "crash", crash)
    monkeypatch.setattr(table.app, "_consumer", EndedConsumer(end))
    table.absorb(changelog(table, 1), [record(0, "a", Number(7, 1)), record(1, "b", Number(3, 1))])
    await table.on_recovery_completed({changelog(table, 1)}, set())
    assert len(crashes) == stops
    assert all("applied 7 records of transactions partition 1" in crash for crash in crashes)


# -- expiry


def expiring(folder: Path | None = None, **changes: Any) -> ExactTable:
    """Values live until the time that is their number."""
    return plain_table(make_app(folder, **changes), lifetime=lambda _, data: float(codec.load(data).number))


def test_values_expire_by_the_streams_time_with_a_tombstone() -> None:
    table = expiring()
    table.partition(0).put("early", Number(1, 60))
    table.partition(0).put("late", Number(1, 600))
    commit(table)
    table.clock.observe(0, 59.0)
    assert table.expire() == 0
    table.clock.observe(0, 60.0)
    assert table.expire() == 1
    assert [sent[2:] for sent in commit(table)] == [("early", None)]
    assert dict(table.entries([0])).keys() == {"late"}


def test_each_partition_has_its_own_time() -> None:
    table = expiring()
    for partition in (0, 1):
        table.partition(partition).put("k", Number(1, 60))
    commit(table)
    table.clock.observe(1, 1_000.0)
    assert table.expire() == 1
    commit(table)
    assert list(table.entries([0, 1])) == [("k", Number(1, 60))]


def test_a_renewed_value_lives_until_its_new_deadline() -> None:
    table = expiring()
    table.partition(0).put("k", Number(1, 60))
    commit(table)
    table.partition(0).put("k", Number(2, 600))
    commit(table)
    table.clock.observe(0, 120.0)
    table.expire()
    commit(table)
    assert table.partition(0).get("k") == Number(2, 600)
    table.clock.observe(0, 600.0)
    table.expire()
    assert table.partition(0).get("k") is None


def test_a_value_that_is_renewed_in_the_moment_it_would_expire_lives_on() -> None:
    table = expiring()
    table.partition(0).put("k", Number(1, 60))
    commit(table)
    table.clock.observe(0, 120.0)
    table.partition(0).put("k", Number(2, 600))
    table.expire()
    commit(table)
    assert table.partition(0).get("k") == Number(2, 600)


def test_a_value_that_was_deleted_before_its_deadline_expires_without_a_second_tombstone() -> None:
    table = expiring()
    table.partition(0).put("k", Number(1, 60))
    commit(table)
    table.partition(0).put("k", None)
    commit(table)
    table.clock.observe(0, 120.0)
    table.expire()
    assert commit(table) == []


def test_without_a_lifetime_nothing_expires(memory_table: ExactTable) -> None:
    memory_table.partition(0).put("k", Number(1, 60))
    commit(memory_table)
    memory_table.clock.observe(0, 1e12)
    assert memory_table.expire() == 0


def test_recovered_values_expire_too() -> None:
    table = expiring()
    table.absorb(changelog(table), [record(0, "k", Number(1, 60))])
    table.clock.observe(0, 60.0)
    assert table.expire() == 1
    assert table.partition(0).get("k") is None


async def test_the_deadlines_of_a_partition_that_left_are_forgotten() -> None:
    table = expiring()
    table.absorb(changelog(table), [record(0, "k", Number(1, 60))])
    await table.on_rebalance(set(), {changelog(table)}, set(), 1)
    table.clock.observe(0, 60.0)
    assert table.expire() == 0


async def reopened(folder: Path, *more: Record) -> ExactTable:
    """A table whose partition 0 was on disk with one value, and that then read `more` from the changelog."""
    before = expiring(folder, store="rocksdb://")
    tp = changelog(before)
    before.absorb(tp, [record(0, "old", Number(1, 60))])
    await before.on_rebalance(set(), {tp}, set(), 1)
    table = expiring(folder, store="rocksdb://")
    await table.on_rebalance({tp}, set(), {tp}, 1)
    table.absorb(tp, more)
    await table.on_recovery_completed({tp}, set())
    table.clock.observe(0, 60.0)
    return table


async def test_values_that_were_on_disk_already_expire(tmp_path: Path) -> None:
    table = await reopened(tmp_path)
    assert table.expire() == 1


async def test_values_that_were_on_disk_already_expire_though_the_changelog_had_more(tmp_path: Path) -> None:
    table = await reopened(tmp_path, record(1, "new", Number(1, 600)))
    assert table.expire() == 1
    assert table.partition(0).get("old") is None


async def test_faust_expires_nothing_by_the_wall_clock() -> None:
    table = plain_table(make_app())
    table.tumbling(60.0, expires=60.0)
    with processing(0):
        table["k", (0.0, 59.9)] = Number(1, 10)
    commit(table)
    table._partition_timestamps[0].append(59.9)
    await table._del_old_keys()
    assert len(table) == 1
