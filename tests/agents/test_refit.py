"""When the challenger is refit, and that it is never fitted twice at once."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents import refit as module
from agents.refit import TRY_AGAIN, Refits

DAY = 86_400.0


class FakeTime:
    """A clock that the test turns."""

    now = 1_000 * DAY

    def time(self) -> float:
        return self.now


class Bench:
    """Refits whose process is a line of Python, with a clock of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: str = "print('done')", every: float | None = DAY) -> None:
        self.clock = FakeTime()
        monkeypatch.setattr(module, "time", self.clock)
        self.newest: float | None = None
        self.refits = Refits(every, lambda: self.newest, (sys.executable, "-c", code))
        self.refits.own(True)

    async def look(self) -> dict[str, int]:
        """Let it look at the clock, and wait for what it starts."""
        self.refits.start_if_due()
        await until(lambda: not self.refits.is_running)
        return dict(self.refits.counts)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@asynccontextmanager
async def at_work(bench: Bench) -> AsyncIterator[Any]:
    """While a process that would run for a minute does."""
    bench.refits.start_if_due()
    await until(lambda: bench.refits.counts["started"] == 1)
    await asyncio.sleep(0.2)
    assert bench.refits.is_running
    yield
    await bench.refits.stop()
    assert not bench.refits.is_running


async def test_it_is_due_so_long_after_the_newest_challenger_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.newest = bench.clock.now - DAY + 1
    assert (await bench.look())["started"] == 0
    bench.clock.now += 1
    assert await bench.look() == {"started": 1, "done": 1, "failed": 0}


async def test_what_failed_is_told_in_a_line_and_tried_again_before_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(monkeypatch, "import sys; print('a\\nb', file=sys.stderr); sys.exit('Error: too few frauds')")
    assert await bench.look() == {"started": 1, "done": 0, "failed": 1}
    assert "the challenger could not be refitted, the one there stays: Error: too few frauds" in caplog.messages
    bench.clock.now += TRY_AGAIN - 1
    assert (await bench.look())["started"] == 1
    bench.clock.now += 1
    assert (await bench.look())["failed"] == 2


async def test_a_process_that_cannot_be_started_does_not_stop_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.refits._command = ("no-such-program",)
    assert await bench.look() == {"started": 1, "done": 0, "failed": 1}


async def test_without_a_schedule_only_a_word_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, every=None)
    assert (await bench.look())["started"] == 0
    assert bench.refits.want("drift")
    assert (await bench.look())["done"] == 1
    assert (await bench.look())["started"] == 1


async def test_a_worker_that_does_not_learn_does_not_refit(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch)
    bench.refits.own(False)
    assert not bench.refits.want("drift")
    assert (await bench.look())["started"] == 0


async def test_never_two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, "import time; time.sleep(60)")
    async with at_work(bench):
        bench.clock.now += 10 * DAY
        bench.refits.start_if_due()
        assert not bench.refits.want("drift")
        assert bench.refits.counts["started"] == 1


@pytest.mark.parametrize("before", ["pass", "import signal; signal.signal(15, signal.SIG_IGN)"])
async def test_a_fit_ends_with_the_worker_or_when_another_learns(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that does not end when it is asked to."""
    monkeypatch.setattr(module, "_PATIENCE", 0.3)
    bench = Bench(monkeypatch, f"{before}; import time; time.sleep(60)")
    async with at_work(bench):
        bench.refits.own(False)
        await asyncio.sleep(0.1)
        await bench.refits.stop()
    assert bench.refits.counts == {"started": 1, "done": 0, "failed": 0}


async def test_a_word_to_stop_that_comes_twice_still_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that does not end when it is asked to, and would write to a file a second later."""
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    ready, late = tmp_path / "ready", tmp_path / "late"
    stubborn = "import pathlib, signal, time; signal.signal(15, signal.SIG_IGN)"
    then = f"pathlib.Path({str(ready)!r}).touch(); time.sleep(2); open({str(late)!r}, 'w')"
    bench = Bench(monkeypatch, f"{stubborn}; {then}")
    bench.refits.start_if_due()
    await until(ready.exists)
    bench.refits.own(False)
    await asyncio.sleep(0.1)
    await bench.refits.stop()
    await asyncio.sleep(2)
    assert not late.exists()
