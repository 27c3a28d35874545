import asyncio
from typing import Any

from aiokafka import TopicPartition

from fraud_stream.engine.broadcast import BroadcastReader
from tests.engine.test_table import Record, make_app


class FakeConsumer:
    """Gives what is on the topic, a few records a fetch, and nothing when all was given."""

    def __init__(self, values: list[bytes | None]) -> None:
        self.values = values
        self.known = True

    async def getmany(self, timeout_ms: int) -> dict[Any, list[Record]]:
        await asyncio.sleep(0.001)
        batch, self.values = self.values[:2], self.values[2:]
        return {TopicPartition("models", 0): [Record(n, b"k", value) for n, value in enumerate(batch)]} if batch else {}

    def highwater(self, tp: TopicPartition) -> int | None:
        return 1 if self.known else None

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, 1)

    async def position(self, tp: TopicPartition) -> int:
        return 1

    async def stop(self) -> None: ...


class OfflineReader(BroadcastReader):
    """Reads from a fake; everything else is the reader's own."""

    async def on_start(self) -> None:
        self.add_future(self._read())


def reader_of(*values: bytes | None) -> tuple[OfflineReader, FakeConsumer, list[bytes | None]]:
    seen: list[bytes | None] = []
    reader, consumer = OfflineReader(make_app(), "models", seen.append), FakeConsumer(list(values))
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


async def test_one_quiet_round_is_not_enough_as_its_fetch_may_have_begun_before() -> None:
    reader, _, _ = reader_of()
    async with reader:
        await reader.catch_up()
        rounds = reader._idle_rounds
        await reader.catch_up()
        assert reader._idle_rounds >= rounds + 2
