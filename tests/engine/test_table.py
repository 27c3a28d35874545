"""Values of `ExactTable` and `TablePartition` on both stores."""

import copy

import pytest

from fraud_stream.engine import partition
from fraud_stream.engine.table import ExactTable
from tests.engine.bench import (
    ODD,
    ListOutbox,
    Number,
    codec,
    commit,
    make_app,
    plain_table,
    processing,
    take,
)


def test_a_value_that_was_put_is_read_before_it_is_written(table: ExactTable) -> None:
    held = table.partition(1)
    held.put(ODD, Number(1, 10))
    assert held.get(ODD) == Number(1, 10)
    assert list(table.entries([1])) == []


def test_a_value_on_its_way_to_the_broker_is_still_read(table: ExactTable) -> None:
    held = table.partition(1)
    held.put("k", Number(1, 10))
    take(table, ListOutbox())
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
    take(table, first)
    held.put("k", Number(2, 20))
    table.settle([])
    assert held.get("k") == Number(2, 20)
    assert list(table.entries([0])) == [("k", Number(1, 10))]
    assert take(table, second) == 1
    assert second.records[0][3] == codec.dump(Number(2, 20))


def test_while_what_was_taken_is_written_the_stream_goes_on(table: ExactTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value is written as it was when it was taken, whatever is read and changed before its turn comes."""
    monkeypatch.setattr(partition, "AT_ONCE", 2)
    held, first, second = table.partition(0), ListOutbox(), ListOutbox()
    for number in range(5):
        held.put(number, Number(1, number))
    held.put(5, None)
    table.take()
    assert held.get(2) == Number(1, 2)  # before anything is written
    written = table.write(first)
    assert next(written) == 2
    for number in (0, 4):  # one has its turn behind it, one before it
        assert held.change(number, lambda: Number(0, 0)) == Number(1, number)
        held.put(number, Number(2, 10 * number))
    assert held.get(3) == Number(1, 3)
    assert held.get(5) is None
    assert held.is_changing(2)
    assert held.all_keys() == set(range(5))
    assert list(written) == [2, 2]
    values = [codec.dump(Number(1, number)) for number in range(5)]
    assert [sent[2:] for sent in first.records] == [*enumerate(values), (5, None)]
    table.settle([])
    assert dict(table.entries([0])) == {number: Number(1, number) for number in range(5)}
    assert take(table, second) == 2
    assert [sent[2] for sent in second.records] == [0, 4]
    assert held.get(4) == Number(2, 40)


def test_each_changed_key_is_written_once_to_its_own_partition(table: ExactTable) -> None:
    for number in range(5):
        table.partition(2).put("k", Number(number, number))
    table.partition(3).put(("w", (0.0, 59.9)), Number(7, 7))
    outbox = ListOutbox()
    assert take(table, outbox) == 2
    topic = "test-plain-changelog"
    assert outbox.records == [
        (topic, 2, "k", codec.dump(Number(4, 4))),
        (topic, 3, ("w", (0.0, 59.9)), codec.dump(Number(7, 7))),
    ]
    assert take(table, ListOutbox()) == 0


def test_a_deleted_value_is_gone_at_once_and_for_good(table: ExactTable) -> None:
    held = table.partition(0)
    held.put("k", Number(1, 10))
    commit(table)
    held.put("k", None)
    assert held.get("k") is None
    assert [sent[3] for sent in commit(table)] == [None]
    assert held.get("k") is None
    assert list(table.entries([0])) == []


def test_a_value_on_its_way_to_the_broker_is_changing_and_its_key_known(table: ExactTable) -> None:
    held = table.partition(0)
    held.put("k", Number(1, 10))
    held.take()
    assert held.is_changing("k")
    assert held.all_keys() == {"k"}
    held.put("k", None)
    assert held.all_keys() == set()
    held.put("k", Number(2, 20))
    assert held.all_keys() == {"k"}


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
