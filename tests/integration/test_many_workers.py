"""Workers that come, go, are killed and stopped under load: nothing lost, nothing counted twice, no alert invented."""

import random
import signal
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from fraud_stream.settings import Settings
from tests.exact import Truth, fed
from tests.harness import ON_KAFKA, Worker, count, settings_for, wait_until, worker

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not ON_KAFKA, reason="needs Java and Maven: make test-kafka runs it"),
]
A_SECOND = 800.0
KILLS = 10


def wait_for_more(settings: Settings, number: int) -> None:
    before = count(settings, "scored")
    wait_until(lambda: count(settings, "scored") > before + number)


def have(workers: list[Worker], *partitions: int) -> bool:
    return sorted(one.partitions() for one in workers) == sorted(partitions)


def test_one_worker_then_two_then_four_then_one(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path, FRAUD_STREAM_MODEL_ENABLED="false")
    with ExitStack() as stack, fed(settings, 36_000, A_SECOND):
        workers = [stack.enter_context(worker(environ, tmp_path, "1"))]
        wait_until(lambda: count(settings, "scored") > 1_000)
        for names, shares in ((["2"], (2, 2)), (["3", "4"], (1, 1, 1, 1))):
            workers += [stack.enter_context(worker(environ, tmp_path, name)) for name in names]
            wait_until(partial(have, workers, *shares))
            wait_for_more(settings, 1_000)
        for leaving in workers[1:]:
            assert leaving.stop() == 0, leaving.text()[-3_000:]
        wait_until(lambda: have(workers[:1], 4))
    with worker(environ, tmp_path, "last") as last:
        Truth(settings).check()
        assert last.stop() == 0


@pytest.mark.parametrize(("partitions", "number"), [(2, 3), (12, 2)])
def test_more_workers_than_partitions_and_fewer(partitions: int, number: int, broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(
        broker_port,
        tmp_path,
        FRAUD_STREAM_MODEL_ENABLED="false",
        FRAUD_STREAM_TOPICS_PARTITIONS=str(partitions),
        FRAUD_STREAM_ENGINE_STUCK_AFTER="60s",
    )
    shares = [partitions // number + (n < partitions % number) for n in range(number)]
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(environ, tmp_path, str(n))) for n in range(number)]
        with fed(settings, 16_000, A_SECOND):
            wait_until(lambda: have(workers, *shares))
            wait_until(lambda: count(settings, "scored") > 1_000)
            idlest, *_, busiest = sorted(workers, key=Worker.partitions)
            assert idlest.get("/health")["ready"]
            busiest.kill()
            wait_until(lambda: idlest.partitions() > shares[-1])
        Truth(settings).check()
        for left in workers:
            if left is not busiest:
                assert left.stop() == 0, left.text()[-3_000:]


@pytest.mark.parametrize(("store", "seed"), [("memory://", 1), ("rocksdb://", 2)])
def test_ten_kills_at_random_moments(store: str, seed: int, broker_port: int, tmp_path: Path) -> None:
    """Windows are kept for the least time that makes nothing late: what comes again must find all of its own."""
    rnd = random.Random(seed)
    settings, environ = settings_for(
        broker_port,
        tmp_path,
        FRAUD_STREAM_MODEL_ENABLED="false",
        FRAUD_STREAM_STORE_URL=store,
        FRAUD_STREAM_WINDOWS_HOPPING_EXPIRES="1m",
        FRAUD_STREAM_WINDOWS_TUMBLING_EXPIRES="1m",
    )
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(environ, tmp_path, str(n))) for n in range(2)]
        with fed(settings, 40_000, A_SECOND):
            for _ in range(KILLS):
                time.sleep(rnd.uniform(0.2, 9.0))
                place = rnd.randrange(len(workers))
                workers[place].kill()
                workers[place] = stack.enter_context(worker(environ, tmp_path, str(place)))
        Truth(settings).check()
        for left in workers:
            assert left.stop() == 0, left.text()[-3_000:]


def test_one_that_was_stopped_beyond_its_session_ends_itself_and_writes_nothing(
    broker_port: int, tmp_path: Path
) -> None:
    settings, environ = settings_for(broker_port, tmp_path, FRAUD_STREAM_MODEL_ENABLED="false")
    with worker(environ, tmp_path, "a") as a, worker(environ, tmp_path, "b") as b:
        with fed(settings, 20_000, A_SECOND):
            wait_until(lambda: have([a, b], 2, 2))
            wait_until(lambda: count(settings, "scored") > 1_000)
            a.process.send_signal(signal.SIGSTOP)
            wait_until(lambda: b.partitions() == 4)
            a.process.send_signal(signal.SIGCONT)
            assert a.process.wait(60) != 0
            assert "the process stood still for" in a.text()
        Truth(settings).check()
        assert b.stop() == 0, b.text()[-3_000:]


def test_a_standby_copy_is_whole(broker_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust throws away what was fetched of a partition that is paused: a copy had a hole for good, and a take-over."""
    settings, environ = settings_for(broker_port, tmp_path, FRAUD_STREAM_MODEL_ENABLED="false")
    with ExitStack() as stack:
        with fed(settings, 16_000, A_SECOND):
            a = stack.enter_context(worker(environ, tmp_path, "a"))
            wait_until(lambda: count(settings, "scored") > 2_000)
            monkeypatch.setenv("SABOTAGE", "standby paused")
            b = stack.enter_context(worker(environ, tmp_path, "b", app="tests.integration.sabotage"))
            wait_until(lambda: have([a, b], 2, 2), every=0.05)
            a.kill()  # before every customer has paid again, which would fill the hole
        Truth(settings).check()
        assert b.stop() == 0, b.text()[-3_000:]
