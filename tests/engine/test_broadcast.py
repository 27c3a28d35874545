import asyncio
import math
from typing import Any

import pytest
from aiokafka import TopicPartition

from fraud_stream.engine.broadcast import BroadcastReader
from tests.engine.bench import Record, make_app


class FakeConsumer:
    """Gives what is on the topic, a record a fetch, and nothing when all was given or while it is stuck.

    Attributes:
        values: What is still to be read.
        known: Whether a fetch has told the high watermark.
        stuck_at: From this offset on fetches bring nothing.
        short: By how much ListOffsets understates the end, as the embedded broker does.
    """

    def __init__(self, values: list[bytes | None]) -> None:
        self.values = values
        self.known = True
        self.stuck_at: float = math.inf
        self.short = 0
        self._read = 0

    async def getmany(self, timeout_ms: int) -> dict[Any, list[Record]]:
        await asyncio.sleep(0.001)
        batch = self.values[:1] if self._read < self.stuck_at else []
        self.values = self.values[len(batch) :]
        self._read += len(batch)
        return {TopicPartition("models", 0): [Record(n, b"k", value) for n, value in enumerate(batch)]} if batch else {}

    def highwater(self, tp: TopicPartition) -> int | None:
        return self._read + len(self.values) if self.known else None

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self._read + len(self.values) - self.short)

    async def position(self, tp: TopicPartition) -> int:
        return self._read

    async def stop(self) -> None: ...


class OfflineReader(BroadcastReader):
    """Reads from a fake; everything else is the reader's own."""

    async def on_start(self) -> None:
        self.add_future(self._read())


def reader_of(*values: bytes | None) -> tuple[OfflineReader, FakeConsumer, list[bytes | None]]:
    seen: list[bytes | None] = []
    reader, consumer = (
        OfflineReader(make_app(), "models", lambda _, value: seen.append(value)),
        FakeConsumer(list(values)),
    )
    reader._consumer = consumer  # type: ignore[assignment]
    return reader, consumer, seen


async def test_all_that_is_there_is_read_in_order_before_it_has_caught_up() -> None:
    reader, _, seen = reader_of(b"1", b"2", None, b"4", b"5")
    async with reader:
        await reader.catch_up()
        assert seen == [b"1", b"2", None, b"4", b"5"]


async def test_what_comes_later_is_read_too() -> None:
    reader, consumer, seen = reader_of(b"1")
    async with reader:
        await reader.catch_up()
        consumer.values.append(b"2")
        await reader.catch_up()
        assert seen == [b"1", b"2"]


async def test_it_has_not_caught_up_before_the_broker_has_answered() -> None:
    reader, consumer, _ = reader_of()
    consumer.known = False
    async with reader:
        catching_up = asyncio.ensure_future(reader.catch_up())
        await asyncio.sleep(0.05)
        assert not catching_up.done()
        consumer.known = True
        await asyncio.wait_for(catching_up, 1)


@pytest.mark.parametrize("short", [0, 2])
async def test_a_broker_that_is_slow_has_not_come_to_its_end(short: int) -> None:
    reader, consumer, seen = reader_of(b"1", b"2", b"3")
    consumer.stuck_at, consumer.short = 2, short
    async with reader:
        catching_up = asyncio.ensure_future(reader.catch_up())
        await asyncio.sleep(0.05)
        assert not catching_up.done()
        consumer.stuck_at = math.inf
        await asyncio.wait_for(catching_up, 1)
        assert len(seen) == 3


async def test_what_is_told_of_the_end_counts_where_the_last_fetch_is_old() -> None:
    reader, consumer, _ = reader_of()
    consumer.short = -1
    async with reader:
        catching_up = asyncio.ensure_future(reader.catch_up())
        await asyncio.sleep(0.05)
        assert not catching_up.done()
        consumer.short = 0
        await asyncio.wait_for(catching_up, 1)


async def test_a_reader_that_stops_lets_go_of_who_waits_for_it() -> None:
    reader, consumer, _ = reader_of()
    consumer.known = False
    async with reader:
        catching_up = asyncio.ensure_future(reader.catch_up())
        await asyncio.sleep(0.01)
    await asyncio.wait_for(catching_up, 1)


async def test_one_quiet_round_is_not_enough_as_its_fetch_may_have_begun_before() -> None:
    reader, _, _ = reader_of()
    async with reader:
        await reader.catch_up()
        rounds = reader._idle_rounds
        await reader.catch_up()
        assert reader._idle_rounds >= rounds + 2
