"""How stored values expire, by the stream's time."""

from pathlib import Path
from typing import Any

import pytest

from fraud_stream.engine.table import ExactTable
from tests.engine.bench import (
    ListOutbox,
    Number,
    Record,
    changelog,
    codec,
    commit,
    make_app,
    plain_table,
    processing,
    record,
    store_time,
    take,
)


def expiring(folder: Path | None = None, **changes: Any) -> ExactTable:
    """Values live until the time that is their number."""
    return plain_table(make_app(folder, **changes), lifetime=lambda _, data: float(codec.load(data).number))


def test_values_expire_by_the_streams_time_with_a_tombstone() -> None:
    table = expiring()
    table.partition(0).put("early", Number(1, 60))
    table.partition(0).put("late", Number(1, 600))
    commit(table)
    store_time(table, 59.0)
    assert table.expire() == 0
    store_time(table, 60.0)
    assert table.expire() == 1
    assert [sent[2:] for sent in commit(table)] == [("early", None)]
    assert dict(table.entries([0])).keys() == {"late"}


def test_each_partition_has_its_own_time() -> None:
    table = expiring()
    for partition in (0, 1):
        table.partition(partition).put("k", Number(1, 60))
    commit(table)
    store_time(table, 1_000.0, 1)
    assert table.expire() == 1
    commit(table)
    assert list(table.entries([0, 1])) == [("k", Number(1, 60))]


def test_a_renewed_value_lives_until_its_new_deadline() -> None:
    table = expiring()
    table.partition(0).put("k", Number(1, 60))
    commit(table)
    table.partition(0).put("k", Number(2, 600))
    commit(table)
    store_time(table, 120.0)
    table.expire()
    commit(table)
    assert table.partition(0).get("k") == Number(2, 600)
    store_time(table, 600.0)
    table.expire()
    assert table.partition(0).get("k") is None


def test_a_value_that_is_renewed_in_the_moment_it_would_expire_lives_on() -> None:
    table = expiring()
    table.partition(0).put("k", Number(1, 60))
    commit(table)
    store_time(table, 120.0)
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
    store_time(table, 120.0)
    table.expire()
    assert commit(table) == []


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_deletion_that_was_forgotten_is_made_again(is_taken: bool) -> None:
    table = expiring()
    table.partition(0).put("k", Number(1, 60))
    commit(table)
    store_time(table, 60.0)
    assert table.expire() == 1
    if is_taken:
        take(table, ListOutbox())
    table.forget_changes()
    assert table.expire() == 1
    assert [sent[2:] for sent in commit(table)] == [("k", None)]


def test_what_has_expired_by_the_time_of_what_is_not_stored_stays() -> None:
    table = expiring()
    table.partition(0).put("k", Number(1, 60))
    commit(table)
    table.clock.observe(0, 60.0)
    assert table.expire() == 0
    store_time(table, 60.0)
    assert table.expire() == 1


def test_without_a_lifetime_nothing_expires(memory_table: ExactTable) -> None:
    memory_table.partition(0).put("k", Number(1, 60))
    commit(memory_table)
    store_time(memory_table, 1e12)
    assert memory_table.expire() == 0


def test_recovered_values_expire_too() -> None:
    table = expiring()
    table.absorb(changelog(table), [record(0, "k", Number(1, 60))])
    store_time(table, 60.0)
    assert table.expire() == 1
    assert table.partition(0).get("k") is None


async def test_the_deadlines_of_a_partition_that_left_are_forgotten() -> None:
    table = expiring()
    table.absorb(changelog(table), [record(0, "k", Number(1, 60))])
    await table.on_rebalance(set(), {changelog(table)}, set(), 1)
    store_time(table, 60.0)
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
    store_time(table, 60.0)
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
