"""What another version has stored stops the worker and is named, before anything is decided from it."""

import pytest
from faust.types import TP

from fraud_stream.engine.guard import pack_guard
from fraud_stream.engine.keys import encode_key
from fraud_stream.engine.table import ExactTable
from fraud_stream.errors import StateError
from tests.engine.bench import Number, Record, changelog, codec, record

FOREIGN = pack_guard(3) + b"no number"


def foreign(offset: int, key: str) -> Record:
    return Record(offset, encode_key(key), FOREIGN)


def test_a_value_of_another_version_is_named_where_it_is_read(table: ExactTable) -> None:
    table.absorb(changelog(table), [foreign(0, "C1")])
    with pytest.raises(
        StateError, match=r"table plain has a value of 'C1' that this version cannot read .*: another version wrote it"
    ):
        table.partition(0).get("C1")
    with pytest.raises(StateError, match="'C1'"):
        list(table.entries([0]))


@pytest.fixture
def crashes(table: ExactTable, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    async def crash(error: BaseException) -> None:
        found.append(str(error))

    monkeypatch.setattr(table.app, "crash", crash)
    return found


async def test_it_stops_the_worker_when_it_is_recovered(
    table: ExactTable, crashes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    await recover(table, [changelog(table)], [foreign(0, "C1")])
    assert len(crashes) == 1
    assert "'C1'" in crashes[0]
    assert crashes[0] in caplog.text


async def test_what_can_be_read_stops_nothing(table: ExactTable, crashes: list[str]) -> None:
    await recover(table, [changelog(table)], [record(n, f"C{n}", Number(n, n)) for n in range(300)])
    assert crashes == []


async def test_copies_of_other_workers_partitions_are_not_looked_at(table: ExactTable, crashes: list[str]) -> None:
    """Who has them decides from them, and stops."""
    table.absorb(changelog(table, 1), [foreign(0, "C1")])
    await table.on_recovery_completed({changelog(table, 0)}, {changelog(table, 1)})
    assert crashes == []


async def recover(table: ExactTable, tps: list[TP], records: list[Record]) -> None:
    await table.on_rebalance(set(tps), set(), set(tps), 1)
    for tp in tps:
        table.absorb(tp, records)
    await table.on_recovery_completed(set(tps), set())


def test_the_codec_of_these_tests_refuses_what_is_foreign() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        codec.load(FOREIGN)
