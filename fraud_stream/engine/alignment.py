"""Partitions are processed in step by the stream's time, while there is a backlog.

A client is given the backlogs of its partitions in no fair order, and soon one is days ahead of another.  What is
learnt of one partition would come too late for the one ahead, and too early for the one behind.  So the partition that
is furthest behind goes first.  Where all partitions are up to date nothing waits.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

from fraud_stream.engine.expiry import StreamClock

T = TypeVar("T")
#: A partition may be ahead by so much, seconds of the stream's time.
AHEAD = 3_600.0
#: Nothing waits longer than so many seconds for one that is behind and does not come; nor again before it does.
PATIENCE = 0.5
#: While chunks wait it is looked so often, seconds, whether their turn has come.
GLANCE = 0.01


class Alignment(Generic[T]):
    """Chunks that wait for their turn.

    Args:
        clock: The stream's time of each partition.
        unfinished: The partitions of which more is to come at once.

    >>> clock = StreamClock()
    >>> clock.observe(0, 90_000.0); clock.observe(1, 10_000.0)
    >>> chunks = Alignment(clock, lambda: [0, 1])
    >>> chunks.add(0, "first of 0"), chunks.next()
    (None, None)
    >>> chunks.add(1, "first of 1"), chunks.next()
    (None, 'first of 1')
    """

    def __init__(self, clock: StreamClock, unfinished: Callable[[], Iterable[int]]) -> None:
        self._clock = clock
        self._unfinished = unfinished
        self._waiting: dict[int, deque[T]] = {}
        self._waits_since: float | None = None
        self._given_up: dict[int, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def time(self) -> float:
        """How far the partition has come that is furthest behind of those with a chunk that waits."""
        return min(map(self._clock.now, self._waiting), default=0.0)

    def add(self, partition: int, chunk: T) -> None:
        """Have a chunk wait, behind those of its partition that came before."""
        self._waiting.setdefault(partition, deque()).append(chunk)

    def next(self) -> T | None:
        """The chunk whose turn it is; None where all have to wait."""
        if not self._waiting:
            return None
        first = min(self._waiting, key=self._clock.now)
        late = self._late(first)
        if late and not self._is_out_of_patience():
            return None
        self._given_up |= late
        self._waits_since = None
        return self._pop(first)

    def _late(self, first: int) -> dict[int, float]:
        """The partitions that `first` has to wait for, with their times; not those given up since they last moved."""
        now, limit = self._clock.now, self._clock.now(first) - AHEAD
        late = {partition: now(partition) for partition in self._unfinished() if partition not in self._waiting}
        return {one: at for one, at in late.items() if at < limit and self._given_up.get(one) != at}

    def _is_out_of_patience(self) -> bool:
        now = time.monotonic()
        if self._waits_since is None:
            self._waits_since = now
        return now - self._waits_since >= PATIENCE

    def _pop(self, partition: int) -> T:
        chunk = self._waiting[partition].popleft()
        if not self._waiting[partition]:
            del self._waiting[partition]
        return chunk

    def clear(self) -> list[T]:
        """Take all out that wait."""
        waiting, self._waiting = self._waiting, {}
        return [chunk for chunks in waiting.values() for chunk in chunks]


class Turns:
    """Has chunks of a topic processed in the order of an `Alignment`.

    Args:
        app: The application.
        topic: The topic.
        process: Processes the event of a chunk.
        is_late: Says whether what else there is to wait for is too far behind a time, seconds.
    """

    def __init__(
        self,
        app: Any,
        topic: str,
        process: Callable[[Any], Awaitable[None]],
        is_late: Callable[[float], bool],
    ) -> None:
        self._app = app
        self._is_late = is_late
        self._process = process
        self._chunks: Alignment[tuple[Any, Any]] = Alignment(app.clock, lambda: app.chunk_consumer.unfinished(topic))
        self._lock = asyncio.Lock()
        self._looking: asyncio.Future[None] | None = None
        app.before_wait.append(self.let_go)

    async def take(self, stream: Any, event: Any) -> None:
        """Take a chunk, and process all whose turn it is."""
        self._chunks.add(event.message.partition, (stream, event))
        self._app.chunk_consumer.hold(event.message)
        await self._process_all()
        if len(self._chunks) and (self._looking is None or self._looking.done()):
            self._looking = asyncio.ensure_future(self._look_again())

    async def _process_all(self) -> None:
        async with self._lock:
            while (chunk := self._next()) is not None:
                self._app.chunk_consumer.release(chunk[1].message)
                await self._process(chunk[1])

    def _next(self) -> tuple[Any, Any] | None:
        return None if self._is_late(self._chunks.time) else self._chunks.next()

    async def _look_again(self) -> None:
        """What follows may have come, and one that is waited for may not come."""
        try:
            while len(self._chunks):
                await asyncio.sleep(GLANCE)
                await self._process_all()
        except Exception as error:  # nobody awaits this, so nobody else would tell
            await self._app.crash(error)

    async def let_go(self) -> None:
        """Those that wait are handed out again."""
        for stream, event in self._chunks.clear():
            self._app.chunk_consumer.drop(event.message.tp)
            await stream.ack(event)
