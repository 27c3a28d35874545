import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from fraud_stream.engine import alignment
from fraud_stream.engine.alignment import AHEAD, PATIENCE, Alignment, Turns
from fraud_stream.engine.expiry import StreamClock


def clock(*times: float) -> StreamClock:
    made = StreamClock()
    for partition, time in enumerate(times):
        made.observe(partition, time)
    return made


def test_the_partition_that_is_behind_goes_first() -> None:
    chunks: Alignment[str] = Alignment(clock(9e5, 1e5, 5e5), lambda: [])
    for partition in (0, 2, 1):
        chunks.add(partition, f"chunk of {partition}")
    assert [chunks.next() for _ in range(4)] == ["chunk of 1", "chunk of 2", "chunk of 0", None]


def test_one_that_is_ahead_waits_for_one_that_has_more() -> None:
    time, unfinished = clock(AHEAD * 3, AHEAD), [0, 1]
    chunks: Alignment[str] = Alignment(time, lambda: unfinished)
    chunks.add(0, "a")
    assert chunks.next() is None
    time.observe(1, AHEAD * 2)
    assert chunks.next() == "a"


def test_what_is_up_to_date_is_not_waited_for() -> None:
    chunks: Alignment[str] = Alignment(clock(AHEAD * 3, 0.0), lambda: [0])
    chunks.add(0, "a")
    assert chunks.next() == "a"


def test_what_waits_can_be_taken_out() -> None:
    chunks: Alignment[int] = Alignment(clock(AHEAD * 3, 0.0), lambda: [0, 1])
    for n in range(3):
        chunks.add(0, n)
    assert (chunks.next(), chunks.time) == (None, AHEAD * 3)
    assert chunks.clear() == [0, 1, 2]
    assert (chunks.next(), chunks.time) == (None, 0.0)


def test_one_that_never_comes_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a transaction is an offset without a record; a partition may be without a leader."""
    now, time = [0.0], clock(AHEAD * 3, 0.0)
    monkeypatch.setattr(alignment.time, "monotonic", lambda: now[0])
    chunks: Alignment[int] = Alignment(time, lambda: [0, 1])
    for n in range(10):
        chunks.add(0, n)
    assert chunks.next() is None
    now[0] += PATIENCE
    assert [chunks.next() for _ in range(10)] == list(range(10))
    time.observe(1, 1.0)  # it has come after all
    chunks.add(0, 10)
    assert chunks.next() is None


class Bench:
    """Turns of a topic on which partition 1 has more, notes what is processed, dropped and acknowledged."""

    def __init__(self, *times: float) -> None:
        self.processed: list[str] = []
        self.dropped: list[int] = []
        self.acknowledged: list[str] = []
        self.clock = clock(*times)
        self.held: list[Any] = []
        self.asked: list[float] = []
        self.late = False
        consumer = SimpleNamespace(
            unfinished=lambda _: [0, 1], drop=self.dropped.append, hold=self.held.append, release=self.held.remove
        )
        app = SimpleNamespace(clock=self.clock, chunk_consumer=consumer, before_wait=[], crash=self.crash)
        self.app = app
        self.turns = Turns(app, "transactions", self.process, self.is_late)

    async def process(self, event: Any) -> None:
        self.processed.append(event.name)

    def is_late(self, now: float) -> bool:
        self.asked.append(now)
        return self.late

    async def crash(self, error: BaseException) -> None:
        self.crashed = error

    async def ack(self, event: Any) -> None:
        self.acknowledged.append(event.name)

    async def take(self, partition: int, name: str) -> None:
        event = SimpleNamespace(name=name, message=SimpleNamespace(partition=partition, tp=partition))
        await self.turns.take(SimpleNamespace(ack=self.ack), event)


async def test_chunks_are_processed_when_it_is_their_turn() -> None:
    bench = Bench(AHEAD * 3, 0.0)
    await bench.take(0, "ahead")
    assert bench.processed == []
    assert len(bench.held) == 1  # it may take longer than the watchdog waits
    bench.clock.observe(1, AHEAD * 2.5)
    await bench.take(1, "behind")
    assert (bench.processed, bench.held) == (["behind", "ahead"], [])
    assert bench.asked[-3:] == [AHEAD * 2.5, AHEAD * 3, 0.0]


async def test_what_follows_is_waited_for() -> None:
    bench = Bench(AHEAD * 3, AHEAD * 3)
    bench.late = True
    await bench.take(0, "one")
    await bench.take(1, "other")  # taking waits for nothing
    assert bench.processed == []
    bench.late = False
    await asyncio.sleep(PATIENCE / 2)
    assert bench.processed == ["one", "other"]


async def test_where_looking_for_a_turn_fails_the_worker_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(AHEAD * 3, AHEAD * 3)
    bench.late = True
    await bench.take(0, "one")
    monkeypatch.setattr(bench.turns, "_next", None)
    await asyncio.sleep(PATIENCE / 5)
    assert isinstance(bench.crashed, TypeError)


async def test_one_that_is_waited_for_in_vain_is_not_waited_for_any_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "PATIENCE", 0.02)
    bench = Bench(AHEAD * 3, 0.0)
    await bench.take(0, "ahead")
    await asyncio.sleep(0.1)
    assert bench.processed == ["ahead"]


async def test_in_a_rebalance_and_at_the_end_what_waits_is_handed_out_again() -> None:
    bench = Bench(AHEAD * 3, 0.0)
    await bench.take(0, "ahead")
    (let_go,) = bench.app.before_wait
    await let_go()
    assert (bench.processed, bench.dropped, bench.acknowledged) == ([], [0], ["ahead"])
