"""What a table does in a recovery and in a rebalance."""

from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from fraud_stream.engine.table import ExactTable
from tests.engine.bench import (
    ODD,
    FakeEvent,
    ListOutbox,
    Number,
    Place,
    changelog,
    commit,
    make_app,
    plain_table,
    record,
    take,
)


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


async def test_what_is_not_held_is_recovered_from_the_beginning_whatever_faust_remembers(
    memory_table: ExactTable,
) -> None:
    """Faust notes the offset of a record that comes late, of a partition that has left."""
    table, held, new = memory_table, changelog(memory_table), changelog(memory_table, 1)
    table.absorb(held, [record(3, "k", Number(1, 10))])
    recovery: Any = table.app.tables.recovery
    for offsets in (recovery.active_offsets, recovery.standby_offsets):
        offsets.update({held: 3, new: 700})
    await table.on_rebalance({held, new, TP("transactions", 1)}, set(), {new}, 2)
    assert recovery.active_offsets == recovery.standby_offsets == {held: 3}


async def test_a_delivery_that_ends_after_its_partition_left_marks_nothing_as_read(memory_table: ExactTable) -> None:
    """Otherwise the partition's recovery would skip its whole changelog when it comes back."""
    table, tp, outbox = memory_table, changelog(memory_table), ListOutbox()
    table.partition(0).put("k", Number(1, 10))
    take(table, outbox)
    await table.on_rebalance(set(), {tp}, set(), 1)
    table.settle([Place(tp.topic, 0, 41)])
    assert table.persisted_offset(tp) is None


async def test_a_delivery_that_ends_after_a_rebalance_is_read_from_the_changelog(table: ExactTable) -> None:
    """The partition stays here, but what was taken was forgotten: its recovery must not skip it."""
    tp = changelog(table)
    table.partition(0).put("k", Number(1, 10))
    take(table, ListOutbox())
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
