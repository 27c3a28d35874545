"""Group commit: what many chunks changed is written together a few times a second, and then they are acknowledged.

The order makes a crash harmless.  First the outputs of the chunks, then the tables in the order of their ranks, each
delivered before the next is sent, then the acknowledgement.  A table of a later rank may be rebuilt from the source and
from the tables of earlier ranks; never the other way round.
"""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from mode import Service

from fraud_stream.engine.expiry import StreamClock
from fraud_stream.engine.outbox import Outbox
from fraud_stream.engine.partition import AT_ONCE
from fraud_stream.engine.table import ExactTable

#: Seconds between two beats.
BEAT = 0.25
#: A commit that takes longer than so many intervals is waited for.
LONGEST = 2.0


class GroupCommit(Service):
    """Writes tables and acknowledges chunks.

    Args:
        app: The application.
        interval: Seconds between two commits.
        lease: Seconds that the process may stand still; after more, others may own the partitions.

    Attributes:
        before_commit: Called at the start of each commit; may put outputs and finish chunks.
        failed: What went wrong; from then on nothing is written or acknowledged.
    """

    def __init__(self, app: Any, interval: float, lease: float = math.inf, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outbox = Outbox(app)
        self._clock: StreamClock = app.clock
        self.tables: list[list[ExactTable]] = []
        self.failed: BaseException | None = None
        self.before_commit: list[Callable[[], None]] = []
        self._interval = interval
        self._lease = lease
        self._beaten_at = math.inf
        self._done: list[Callable[[], Any]] = []
        self._lock = asyncio.Lock()
        self._closed = False
        self._begun_at = math.inf

    def add_table(self, table: ExactTable, rank: int) -> None:
        """Commit `table` after all tables of lower ranks."""
        while len(self.tables) <= rank:
            self.tables.append([])
        self.tables[rank].append(table)

    def finish(self, acknowledge: Callable[[], Any]) -> None:
        """A chunk is processed: its outputs are in the outbox and its changes in the tables."""
        self._done.append(acknowledge)

    async def keep_up(self) -> None:
        """Wait for a commit that takes long, before more is processed.

        It has dozens of things to wait for, one after the other, and between two of them the event loop processes a
        chunk of each topic: a stream that never pauses would let a commit take ten seconds.
        """
        if time.monotonic() - self._begun_at > LONGEST * self._interval:
            async with self._lock:
                pass

    async def commit(self) -> None:
        """Write everything and acknowledge the chunks that are done.

        Raises:
            Exception: Something could not be delivered; nothing is acknowledged from then on.
        """
        async with self._lock:
            if self.failed is None and not self._closed:
                self._begun_at = time.monotonic()
                try:
                    await self._commit()
                except Exception as error:
                    self.failed = error
                    self.log.critical("cannot deliver, the worker stops and its records are read again: %r", error)
                    raise
                finally:
                    self._begun_at = math.inf

    async def close(self) -> None:
        """Wait for a commit that is under way, and begin none from then on: the tables are about to close."""
        async with self._lock:
            self._closed = True

    def fail(self, error: BaseException) -> None:
        """Something went wrong in the middle of a chunk: what is in memory must never be written."""
        self.failed = self.failed or error

    async def _commit(self) -> None:
        for call in self.before_commit:
            call()
        for ranked in self.tables:
            for table in ranked:
                table.expire()
        done, self._done = self._done, []
        self._take()
        self._check_awake()
        await self.outbox.push()
        await self.outbox.delivered()
        for ranked in self.tables:
            await self._deliver(ranked)
        self._clock.settle()
        for acknowledge in done:
            await acknowledge()

    def _take(self) -> None:
        """All ranks are taken at one moment, between two chunks, though they are sent one after the other."""
        for ranked in self.tables:
            for table in ranked:
                table.take()
        self._clock.take()

    async def _deliver(self, ranked: list[ExactTable]) -> None:
        outbox, written = Outbox(self.outbox.app), 0
        for table in ranked:
            for count in table.write(outbox):
                written += count
                if written >= AT_ONCE:
                    written = 0
                    await asyncio.sleep(0)
        self._check_awake()
        await outbox.push()
        places = await outbox.delivered()
        for table in ranked:
            table.settle(places)

    @Service.task
    async def _commit_now_and_then(self) -> None:
        while not self.should_stop:
            await self.sleep(self._interval)
            await self.commit()

    @Service.task
    async def _beat(self) -> None:
        """Shows that the process runs.  After a stop whoever goes on first, this or a commit, sees how long it was."""
        while not self.should_stop:
            self._check_awake()
            self._beaten_at = time.monotonic()
            await self.sleep(min(BEAT, self._lease / 4))

    def _check_awake(self) -> None:
        """A worker that was stopped for longer than its session must not write: its partitions have another owner."""
        seconds = time.monotonic() - self._beaten_at
        if seconds > self._lease and self.failed is None:
            self.failed = RuntimeError(
                f"the process stood still for {seconds:.1f} s; after {self._lease:g} s its session may have ended, and "
                "other workers have its partitions"
            )
            self.log.critical("%s", self.failed)
            raise self.failed
