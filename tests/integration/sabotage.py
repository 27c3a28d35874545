"""The application with something broken in it, as ``SABOTAGE`` says: ``faust -A tests.integration.sabotage worker``."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from fraud_stream.app import app
from fraud_stream.engine.consumer import ChunkConsumer

WHAT = os.environ.get("SABOTAGE")


async def wait_for_ever(*_: Any) -> None:
    await asyncio.Event().wait()


@app.task  # type: ignore[untyped-decorator]
async def break_something() -> None:
    while app.watchdog.phase != "running":  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.1)
    if WHAT:
        print("SABOTAGED", flush=True)
    if WHAT == "dead agent":
        app._process = wait_for_ever  # type: ignore[method-assign]
    if WHAT == "blocked event loop":
        time.sleep(600)  # noqa: ASYNC251 - that is what is tested


if WHAT == "stuck recovery":
    fetched = ChunkConsumer._messages

    async def without_changelogs(self: ChunkConsumer, tp: Any, batch: Any, generation: Any) -> AsyncIterator[Any]:
        if not self._is_changelog_tp(tp):
            async for message in fetched(self, tp, batch, generation):
                yield message

    ChunkConsumer._messages = without_changelogs  # type: ignore[method-assign]
