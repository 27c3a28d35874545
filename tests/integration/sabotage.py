"""The application with something broken in it, as ``SABOTAGE`` says: ``faust -A tests.integration.sabotage worker``."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from faust.types import TP

from fraud_stream.app import app
from fraud_stream.engine import consumer as consumer_module
from fraud_stream.engine.consumer import ChunkConsumer
from fraud_stream.engine.table import ExactTable

WHAT = os.environ.get("SABOTAGE")


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


@app.task  # type: ignore[untyped-decorator]
async def break_something() -> None:
    while app.watchdog.phase != "running":  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.1)
    if WHAT:
        print("SABOTAGED", flush=True)
    if WHAT == "dead agent":
        process = app._process

        async def process_but_labels(handler: Any, stream: Any, event: Any) -> None:
            await (wait_for_ever() if event.message.topic == "labels" else process(handler, stream, event))

        app._process = process_but_labels  # type: ignore[method-assign]
    if WHAT == "blocked event loop":
        time.sleep(600)  # noqa: ASYNC251 - that is what is tested


if WHAT == "slow recovery":
    absorb = ExactTable.absorb

    def slowly(self: ExactTable, tp: Any, records: Any) -> None:
        time.sleep(0.35)
        absorb(self, tp, records)

    consumer_module.ABSORB_AT_ONCE = 200
    ExactTable.absorb = slowly  # type: ignore[method-assign]

if WHAT == "standby paused":
    next_records = ChunkConsumer._wait_next_records
    paused: set[TP] = set()

    async def without_new_standbys(self: ChunkConsumer, timeout: float) -> Any:  # noqa: ASYNC109 - as Faust
        records, active = await next_records(self, timeout)
        now = app.assignor.assigned_standbys() & {TP(*tp) for tp in records or ()} & (active or set()) - paused
        paused.update(now)
        return records, active and active - now

    ChunkConsumer._wait_next_records = without_new_standbys  # type: ignore[method-assign]

if WHAT == "stuck recovery":
    fetched = ChunkConsumer._messages

    async def without_changelogs(self: ChunkConsumer, tp: Any, batch: Any, generation: Any) -> AsyncIterator[Any]:
        if not self._is_changelog_tp(tp):
            async for message in fetched(self, tp, batch, generation):
                yield message

    ChunkConsumer._messages = without_changelogs  # type: ignore[method-assign]
