"""A consumer whose fetches are given by the test."""

import asyncio
from collections.abc import Mapping
from typing import Any

from faust.types import TP, Message

from fraud_stream.engine.app import ExactApp
from fraud_stream.engine.consumer import ChunkConsumer
from tests.engine.bench import ExactTable, Record, changelog, make_app, plain_table

TP0, TP1 = TP("transactions", 0), TP("transactions", 1)
OTHER = TP("other", 0)
Fetched = Mapping[TP, list[Record]]


class FetchedConsumer(ChunkConsumer):
    """A consumer whose fetches are given by the test."""

    active: set[TP] | None
    sought: int
    mine: set[TP]

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - as Faust
        await asyncio.sleep(0)
        return self.fetches.pop(0) if self.fetches else {}, self.active

    def highwater(self, tp: TP) -> int:
        return 1_000

    def assignment(self) -> set[TP]:
        return self.mine

    async def perform_seek(self) -> None:
        self.sought += 1


def consumer_of(*fetches: Fetched, app: ExactApp | None = None) -> FetchedConsumer:
    app = app or make_app()
    app.chunk_topics.add("transactions")
    made = FetchedConsumer(
        app.transport, callback=nothing, on_partitions_revoked=nothing, on_partitions_assigned=nothing
    )
    made.fetches, made.active, made.sought = list(fetches), None, 0  # type: ignore[attr-defined]
    made.mine = {TP0, TP1}
    return made


def records(first: int, count: int) -> list[Record]:
    return [Record(offset, b"k", b"%d" % offset, timestamp=offset * 1_000) for offset in range(first, first + count)]


async def delivered(consumer: FetchedConsumer) -> list[tuple[TP, Message]]:
    return [one async for one in consumer.getmany(timeout=1.0)]


def offsets(chunk: Any) -> list[int]:
    return [one.offset for one in chunk]


async def nothing(*_: Any) -> None: ...


def recovering() -> tuple[ExactTable, TP]:
    table = plain_table(make_app())
    return table, changelog(table, 1)
