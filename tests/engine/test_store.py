"""What a table asks of its store, of both stores alike; and what only one of them does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraud_stream.engine.store import MemoryStore, PartitionedStore, RocksStore
from tests.engine.bench import ExactTable, make_app, plain_table

KEY: Any = ('C"é😀', (0.0, 59.9))


@pytest.fixture(params=["memory://", "rocksdb://"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PartitionedStore:
    return plain_table(make_app(tmp_path, store=request.param)).store


def rocks_table(folder: Path) -> ExactTable:
    return plain_table(make_app(folder, store="rocksdb://"))


def test_the_address_decides_which_store_it_is(tmp_path: Path) -> None:
    assert isinstance(plain_table(make_app()).store, MemoryStore)
    assert isinstance(rocks_table(tmp_path).store, RocksStore)


def test_what_was_written_is_read_in_its_partition_only(store: PartitionedStore) -> None:
    store.write(1, KEY, b"value")
    assert store.reader(1)(KEY) == b"value"
    assert store.reader(0)(KEY) is None
    assert store.reader(1)("other") is None


def test_a_reader_sees_what_is_written_after_it_was_made(store: PartitionedStore) -> None:
    read = store.reader(0)
    assert read(KEY) is None
    store.write(0, KEY, b"one")
    store.write(0, KEY, b"two")
    assert read(KEY) == b"two"
    store.write(0, KEY, None)
    assert read(KEY) is None


def test_deleting_what_is_not_there_is_nothing(store: PartitionedStore) -> None:
    store.write(0, KEY, None)
    assert list(store.entries(0)) == []


def test_many_are_written_and_deleted_at_once(store: PartitionedStore) -> None:
    store.write(0, "old", b"one")
    store.write(0, KEY, b"one")
    store.write_all(0, {KEY: b"two", "old": None, "never": None, "new": b"three"})
    assert dict(store.entries(0)) == {KEY: b"two", "new": b"three"}
    assert list(store.entries(1)) == []


def test_entries_may_be_deleted_while_they_are_listed(store: PartitionedStore) -> None:
    for n in range(10):
        store.write(0, f"C{n}", b"value")
    for key, _ in store.entries(0):
        store.write(0, key, None)
    assert list(store.entries(0)) == []


def test_an_offset_is_remembered_for_each_partition_and_is_no_entry(store: PartitionedStore) -> None:
    store.write(0, KEY, b"value")
    store.set_persisted_offset(TP("log", 0), 7)
    assert (store.persisted_offset(TP("log", 0)), store.persisted_offset(TP("log", 1))) == (7, None)
    assert list(store.entries(0)) == [(KEY, b"value")]


def test_the_partitions_that_are_held(store: PartitionedStore) -> None:
    assert store.held() == set()
    store.write(2, KEY, b"value")
    store.reader(3)
    assert store.held() == {2, 3}
    store.drop(2)
    store.drop(7)
    assert store.held() == {3}


def test_the_size_of_a_partition(store: PartitionedStore) -> None:
    for n in range(5):
        store.write(0, f"C{n}", b"value")
    assert (store.size(0), store.size(1)) == (5, 0)


def test_memory_forgets_a_partition_and_its_offset_when_it_is_dropped() -> None:
    store = plain_table(make_app()).store
    for partition in (0, 1):
        store.write(partition, KEY, b"value")
        store.set_persisted_offset(TP("log", partition), 7)
    store.drop(0)
    assert (store.reader(0)(KEY), store.persisted_offset(TP("log", 0))) == (None, None)
    assert (store.reader(1)(KEY), store.persisted_offset(TP("log", 1))) == (b"value", 7)


def test_memorys_offset_never_goes_back() -> None:
    store = plain_table(make_app()).store
    for offset in (5, 9, 7):
        store.set_persisted_offset(TP("log", 0), offset)
    assert store.persisted_offset(TP("log", 0)) == 9


async def test_memory_keeps_standby_copies_when_a_recovery_ends() -> None:
    table = plain_table(make_app())
    table.store.write(1, KEY, b"value")
    await table.data.on_recovery_completed({TP("log", 0)}, {TP("log", 1)})
    assert table.store.reader(1)(KEY) == b"value"


def test_memory_shows_faust_all_partitions_as_one_mapping() -> None:
    store = plain_table(make_app()).store
    assert isinstance(store, MemoryStore)
    assert len(store.data) == 0
    store.write(0, "a", b"1")
    store.write(1, "b", b"2")
    assert dict(store.data) == {"a": b"1", "b": b"2"}


def test_a_database_is_opened_again_after_it_was_dropped(tmp_path: Path) -> None:
    store = rocks_table(tmp_path).store
    store.write(1, KEY, b"value")
    store.set_persisted_offset(TP("log", 1), 7)
    store.drop(1)
    assert store.reader(1)(KEY) == b"value"
    assert store.persisted_offset(TP("log", 1)) == 7


def test_a_dropped_database_may_be_opened_by_another_worker(tmp_path: Path) -> None:
    one, other = rocks_table(tmp_path).store, rocks_table(tmp_path).store
    one.write(1, KEY, b"value")
    with pytest.raises(Exception, match="lock"):
        other.reader(1)
    one.drop(1)
    assert other.reader(1)(KEY) == b"value"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartitionedStore]:
    return rocks_table(tmp_path_factory.mktemp("rocks")).store  # type: ignore[return-value]


KEYS = st.text(max_size=10) | st.tuples(st.text(max_size=5), st.tuples(st.integers(0, 10**9).map(float), st.just(59.9)))


@given(st.dictionaries(KEYS, st.binary(max_size=30), max_size=10))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_entries_on_disk_have_the_keys_they_were_written_with(
    scratch: PartitionedStore, entries: dict[Any, bytes]
) -> None:
    for key, value in entries.items():
        scratch.write(0, key, value)
    assert dict(scratch.entries(0)) == entries
    for key in entries:
        scratch.write(0, key, None)
