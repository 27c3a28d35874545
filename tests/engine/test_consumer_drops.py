"""What is fetched and never processed is fetched again, and chunks are processed in order."""

from typing import Any

import pytest
from faust.types import TP

from fraud_stream.engine.consumer import ChunkConsumer
from fraud_stream.engine.table import ExactTable
from tests.engine.bench import Number, Record, record
from tests.engine.fetches import (
    TP0,
    TP1,
    FetchedConsumer,
    consumer_of,
    delivered,
    nothing,
    offsets,
    records,
    recovering,
)


async def test_while_the_flow_is_stopped_nothing_is_delivered_and_later_it_goes_back() -> None:
    consumer = consumer_of({TP0: records(0, 1)}, {}, {TP0: records(0, 1)})
    consumer.flow_active = False
    assert await delivered(consumer) == []
    assert await delivered(consumer) == []
    assert consumer.sought == 0
    consumer.flow_active = True
    assert len(await delivered(consumer)) == 1
    assert consumer.sought == 1


async def test_what_is_fetched_of_a_paused_partition_is_fetched_again() -> None:
    consumer = consumer_of({TP0: records(0, 1), TP1: records(0, 1)})
    consumer.active = {TP1}
    assert [tp for tp, _ in await delivered(consumer)] == [TP1]
    await delivered(consumer)
    assert consumer.sought == 1


async def test_it_does_not_go_back_in_the_middle_of_a_recovery() -> None:
    consumer = consumer_of()
    consumer.drop()
    consumer.app.in_recovery = True
    await delivered(consumer)
    assert consumer.sought == 0
    consumer.app.in_recovery = False
    await delivered(consumer)
    await delivered(consumer)
    assert consumer.sought == 1


def copying(*fetched: Record) -> tuple[ExactTable, TP, Any]:
    """A table with a standby copy of one partition, and the consumer that fills it with what is fetched."""
    table, tp = recovering()
    consumer: Any = consumer_of({tp: list(fetched)}, app=table.app)  # type: ignore[arg-type]
    consumer.mine, consumer.seeks = {tp}, []

    async def seek(partitions: dict[TP, int]) -> None:
        consumer.seeks += partitions.items()

    consumer.seek_wait = seek
    return table, tp, consumer


async def test_what_is_dropped_of_a_changelog_is_fetched_again() -> None:
    """A standby copy once lacked its first records: Faust had thrown them away and read on to the end."""
    _, tp, consumer = copying(record(0, "a", Number(1, 1)), record(7, "b", Number(2, 2)))
    consumer.drop(tp)
    await delivered(consumer)
    assert (consumer.sought, consumer.seeks) == (0, [(tp, 0)])
    consumer.drop(tp)
    await delivered(consumer)
    await delivered(consumer)
    assert consumer.seeks == [(tp, 0), (tp, 8)]


async def test_what_was_fetched_of_a_paused_changelog_is_fetched_again() -> None:
    table, tp, consumer = copying(record(0, "a", Number(1, 1)))
    consumer.active = {TP0}
    assert await delivered(consumer) == []
    assert list(table.entries([1])) == []
    await delivered(consumer)
    assert consumer.seeks == [(tp, 0)]


async def test_a_changelog_whose_applying_a_rebalance_breaks_off_is_fetched_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fraud_stream.engine.consumer.ABSORB_AT_ONCE", 1)
    table, tp, consumer = copying(record(0, "a", Number(1, 1)), record(1, "b", Number(2, 2)))
    absorb = table.absorb

    def and_stop(*arguments: Any) -> None:
        absorb(*arguments)
        consumer.flow_active = False

    monkeypatch.setattr(table, "absorb", and_stop)
    assert await delivered(consumer) == []
    consumer.flow_active = True
    await delivered(consumer)
    assert consumer.seeks == [(tp, 1)]


async def test_a_changelog_that_is_not_here_any_more_is_not_sought() -> None:
    _, tp, consumer = copying()
    consumer.mine = {TP0}
    consumer.drop(tp)
    await delivered(consumer)
    assert (consumer.seeks, consumer._missed) == ([], set())


async def test_a_seek_in_a_changelog_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraud_stream.engine.consumer.SEEK_AGAIN", 0.0)
    _, tp, consumer = copying(record(0, "a", Number(1, 1)))
    again = consumer.seek_wait

    async def fail(_: dict[TP, int]) -> None:
        consumer.seek_wait = again
        raise RuntimeError("rebalancing")

    consumer.seek_wait = fail
    consumer.drop(tp)
    assert await delivered(consumer) == []
    assert (consumer.seeks, len(consumer.fetches)) == ([], 1)
    await delivered(consumer)
    assert (consumer.seeks, len(consumer.fetches)) == ([(tp, 0)], 0)


async def test_no_partitions_to_fetch_are_not_taken_for_all() -> None:
    """aiokafka does so with an empty set, and Faust empties its own while a fetch is under way."""
    consumer: Any = consumer_of()
    active, asked = {TP0}, []

    async def getmany(tps: Any, timeout: float) -> dict[TP, Any]:  # noqa: ASYNC109 - as Faust
        active.clear()
        asked.append((bool(tps), TP0 in tps))
        active.add(TP1)
        asked.append((bool(tps), TP1 in tps))
        return {}

    consumer._thread.getmany = getmany
    await consumer._getmany(active, 1.0)
    assert asked == [(True, False), (True, True)]


async def test_without_partitions_there_is_nothing_to_go_back_to() -> None:
    """Faust clears its queues then too, and aiokafka cannot seek."""
    consumer = consumer_of()
    consumer.mine = set()
    consumer.drop()
    await delivered(consumer)
    assert (consumer.sought, consumer._dropped) == (0, False)


class SeekingConsumer(FetchedConsumer):
    """Seeks as Faust does, to offset 0, and lets the test do something meanwhile."""

    async def seek_to_committed(self) -> dict[TP, int]:
        await self.meanwhile()  # type: ignore[attr-defined]
        return {TP0: 0}

    async def perform_seek(self) -> None:
        await ChunkConsumer.perform_seek(self)


async def test_what_is_fetched_during_a_seek_is_fetched_again() -> None:
    """Nobody knows whether it is from before the seek."""
    consumer: Any = consumer_of({TP0: records(0, 3)}, {TP0: records(0, 3)})
    consumer.__class__ = SeekingConsumer
    meanwhile: list[Any] = []

    async def fetch() -> None:
        meanwhile.append(await delivered(consumer))

    consumer.meanwhile = fetch
    await consumer.perform_seek()
    assert meanwhile == [[]]
    consumer.meanwhile = nothing
    ((_, message),) = await delivered(consumer)
    assert offsets(message.value) == [0, 1, 2]


async def test_after_a_seek_that_failed_nothing_is_handed_out_until_one_succeeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next fetch would go on after what was dropped, and its chunk would pass for the first."""
    monkeypatch.setattr("fraud_stream.engine.consumer.SEEK_AGAIN", 0.0)
    consumer: Any = consumer_of({TP0: records(0, 3)}, {TP0: records(0, 3)})
    consumer.__class__ = SeekingConsumer
    failures = [RuntimeError("rebalancing"), RuntimeError("again")]

    async def fail_twice() -> None:
        if failures:
            raise failures.pop()

    consumer.meanwhile = fail_twice
    ((_, dropped),) = await delivered(consumer)
    consumer.drop()
    assert await delivered(consumer) == []
    assert await delivered(consumer) == []
    assert len(consumer.fetches) == 1
    ((_, again),) = await delivered(consumer)
    assert (consumer.begin(dropped), consumer.begin(again)) == (False, True)


async def test_a_seek_of_the_recovery_that_failed_is_made_up_for() -> None:
    consumer: Any = consumer_of()
    consumer.__class__ = SeekingConsumer

    async def fail() -> None:
        raise RuntimeError("rebalancing")

    consumer.meanwhile = fail
    with pytest.raises(RuntimeError):
        await consumer.perform_seek()
    assert consumer._dropped


async def test_chunks_begin_in_order() -> None:
    consumer = consumer_of({TP0: records(0, 9), TP1: records(0, 3)})
    first, second, third, other = [message for _, message in await delivered(consumer)]
    assert consumer.begin(first)
    assert consumer.begin(other)
    assert consumer.begin(second)
    assert not consumer.begin(second)  # it has begun
    assert consumer.begin(third)
    await delivered(consumer)
    assert consumer.sought == 0


async def test_a_chunk_after_one_that_was_dropped_does_not_begin_and_all_is_fetched_again() -> None:
    consumer = consumer_of({TP0: records(0, 9)})
    _, second, third = [message for _, message in await delivered(consumer)]
    assert not consumer.begin(second)
    assert not consumer.begin(third)
    await delivered(consumer)
    assert consumer.sought == 1


async def test_a_chunk_of_before_a_seek_does_not_begin() -> None:
    consumer: Any = consumer_of({TP0: records(0, 3)}, {TP0: records(0, 3)})
    consumer.__class__ = SeekingConsumer
    consumer.meanwhile = nothing
    ((_, before),) = await delivered(consumer)
    await consumer.perform_seek()
    assert not consumer.begin(before)
    ((_, after),) = await delivered(consumer)
    assert not consumer.begin(before)
    assert consumer.begin(after)
    assert not consumer._dropped
