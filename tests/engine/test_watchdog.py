"""The watchdog: what is a sign of life, when the process is ended, and that a blocked event loop does not save it."""

import asyncio
import time

import pytest
from faust.types import TP

from fraud_stream.engine.watchdog import EXIT_STUCK, Signs, Watchdog
from tests.engine.bench import make_app
from tests.engine.fetches import TP0, TP1, consumer_of, delivered, records

LIMIT = 0.4


class Worker:
    """Something to watch, and the exit codes it was ended with."""

    def __init__(self) -> None:
        self.signs = Signs("running", (0,))
        self.ended: list[int] = []
        self.dog = Watchdog(lambda: self.signs, LIMIT, self.ended.append)

    def move(self) -> None:
        self.signs = Signs(self.signs.phase, (self.signs.moves[0] + 1,))


async def test_a_worker_that_moves_lives() -> None:
    worker = Worker()
    async with worker.dog:
        for _ in range(10):
            worker.move()
            await asyncio.sleep(LIMIT / 4)
        assert not worker.dog.is_stalled
    assert worker.ended == []


async def test_one_that_does_not_is_ended_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    worker.signs = Signs("recovering", (7,))
    async with worker.dog:
        await asyncio.sleep(LIMIT * 0.75)
        assert worker.dog.is_stalled
        assert worker.ended == []
        await asyncio.sleep(LIMIT)
    assert worker.ended == [EXIT_STUCK] == [70]
    assert "stuck (recovering): something has not moved for 0 s; it ends with exit code 70" in caplog.text


async def test_a_new_phase_is_a_sign_of_life() -> None:
    worker = Worker()
    async with worker.dog:
        for phase in ("rebalancing", "recovering", "running", "rebalancing"):
            worker.signs = Signs(phase, (0,))
            await asyncio.sleep(LIMIT * 0.6)
            assert worker.dog.phase == phase
    assert worker.ended == []


async def test_a_blocked_event_loop_is_seen() -> None:
    worker = Worker()
    async with worker.dog:
        time.sleep(LIMIT * 2)  # noqa: ASYNC251 - that is what is tested
    assert worker.ended == [EXIT_STUCK]


async def test_a_stopped_one_is_watched_no_more() -> None:
    worker = Worker()
    async with worker.dog:
        pass
    await asyncio.sleep(LIMIT * 1.5)
    assert worker.ended == []


async def test_one_that_has_failed_and_hangs_while_it_stops_is_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("fraud_stream.engine.watchdog._TO_STOP", LIMIT / 2)
    worker = Worker()
    async with worker.dog:
        await worker.dog.crash(RuntimeError("no"))
        await worker.dog.crash(RuntimeError("and again"))
    assert worker.ended == []
    await asyncio.sleep(LIMIT)
    assert worker.ended == [EXIT_STUCK]
    assert "it has failed and does not come to an end; it ends with exit code 70" in caplog.text


async def test_the_failure_of_another_service_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    app, ended = make_app(), list[int]()
    app.watchdog._end = ended.append
    monkeypatch.setattr("fraud_stream.engine.watchdog._TO_STOP", 0.0)
    await app.add_runtime_dependency(app.watchdog)
    await app.watchdog.maybe_start()
    await app.group_commit.crash(RuntimeError("no"))
    await app.watchdog.stop()
    await asyncio.sleep(LIMIT)
    assert ended == [EXIT_STUCK]


async def test_last_words_that_block_do_not_save_it(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker()
    monkeypatch.setattr(worker.dog, "_say", lambda why: time.sleep(2))
    monkeypatch.setattr("fraud_stream.engine.watchdog._LAST_WORDS", 0.1)
    async with worker.dog:
        await asyncio.sleep(LIMIT * 2)
        assert worker.ended == [EXIT_STUCK]


async def test_one_thing_that_stands_still_is_not_hidden_by_others(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    async with worker.dog:
        for number in range(12):
            worker.signs = Signs("running", {"busy": number, "dead": 7})
            await asyncio.sleep(LIMIT / 8)
    assert worker.ended == [EXIT_STUCK]
    assert "stuck (running): something has not moved for 0 s: dead; it ends" in caplog.text


async def test_what_is_done_and_gone_is_not_waited_for() -> None:
    worker = Worker()
    async with worker.dog:
        for number in range(12):
            things = {"slow": 7, "fetches": 1} if number % 4 else {"fetches": number}
            worker.signs = Signs("running", things)
            await asyncio.sleep(LIMIT / 8)
    assert worker.ended == []


async def test_a_partition_stands_still_while_its_first_chunk_is_not_done() -> None:
    consumer = consumer_of({TP0: records(10, 2), TP1: records(5, 2)}, {}, {})
    assert consumer.heads() == {"fetches": (0, 0)}
    (_, message), _ = await delivered(consumer)
    handed = consumer.heads()
    await delivered(consumer)
    assert handed == consumer.heads() == {TP0: (11, 0), TP1: (6, 0)}  # it fetches and fetches, and nobody processes
    consumer.begin(message)
    message.acked = True
    assert consumer._new_offset(TP0) == 12
    assert consumer.heads() == {TP1: (6, 0)}


async def test_a_backlog_that_is_processed_for_longer_than_the_limit_is_no_standstill() -> None:
    """At each look some chunk is not done, and there is no seek: a worker once ended itself a minute into a backlog."""
    worker, offset = Worker(), 0
    async with worker.dog:
        for offset in range(16):
            consumer = consumer_of({TP0: records(offset, 1)}, {})
            await delivered(consumer)
            worker.signs = Signs("running", consumer.heads())
            await asyncio.sleep(LIMIT / 8)
    assert worker.ended == []


async def test_a_chunk_that_is_held_is_not_waited_for() -> None:
    consumer = consumer_of({TP0: records(10, 2), TP1: records(5, 2)}, {})
    (_, message), _ = await delivered(consumer)
    consumer.begin(message)
    consumer.hold(message)
    assert consumer.heads() == {TP1: (6, 0)}
    assert consumer._new_offset(TP0) is None
    message.acked = True
    assert consumer._new_offset(TP0) == 12


async def test_what_is_given_back_is_not_committed() -> None:
    consumer = consumer_of({TP0: records(10, 2)}, {})
    ((_, message),) = await delivered(consumer)
    consumer.begin(message)
    consumer.give_back(TP0)
    message.acked = True
    assert consumer._new_offset(TP0) is None


async def test_what_another_worker_processes_now_is_not_waited_for() -> None:
    consumer = consumer_of({TP0: records(10, 2)}, {})
    consumer.mine = {TP1}
    await delivered(consumer)
    assert consumer.heads() == {"fetches": (1, 0)}


async def test_phases_of_the_application() -> None:
    app = make_app()
    reader = app.read_whole("models", lambda key, value: None)
    reader.read = 5
    assert app._signs_of_life() == Signs("starting", (5,))
    app.rebalancing_count = 3
    app.rebalancing = True
    assert app._signs_of_life().phase == "rebalancing"
    app.in_recovery = True  # Faust says that it rebalances, too
    app.chunk_consumer.absorbed = 9
    assert app._signs_of_life() == Signs("recovering", (3, 9))
    app.rebalancing = app.in_recovery = False
    app.chunk_consumer.assignment = lambda: {TP("t", 0)}  # type: ignore[method-assign]
    assert app._signs_of_life().phase == "running"
