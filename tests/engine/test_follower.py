from types import SimpleNamespace

import pytest
from faust.types import TP

from fraud_stream.engine import follower as module
from fraud_stream.engine.alignment import AHEAD, PATIENCE
from fraud_stream.engine.follower import LONGEST, Follower


class Bench:
    """A follower with a clock of the test's own; the worker reads these topics."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *topics: str) -> None:
        mine = {TP(topic, 0) for topic in topics}
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        self.follower = Follower(SimpleNamespace(consumer=SimpleNamespace(assignment=lambda: mine)), "labelled")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch, "labelled", "transactions")


def test_what_was_made_is_waited_for_until_it_is_read(bench: Bench) -> None:
    bench.follower.made(AHEAD)
    assert bench.follower.is_late(5 * AHEAD)
    bench.follower.read(AHEAD)
    assert not bench.follower.is_late(5 * AHEAD)


def test_it_may_be_an_hour_behind(bench: Bench) -> None:
    bench.follower.made(3 * AHEAD)
    bench.follower.made(9 * AHEAD)
    bench.follower.read(4 * AHEAD)
    assert not bench.follower.is_late(5 * AHEAD)
    assert bench.follower.is_late(5 * AHEAD + 1)


def test_a_label_after_quiet_hours_waits_for_nothing(bench: Bench) -> None:
    bench.follower.made(AHEAD)
    bench.follower.read(AHEAD)
    bench.follower.made(9 * AHEAD)
    assert not bench.follower.is_late(9 * AHEAD)
    assert bench.follower.is_late(10 * AHEAD + 1)


def test_what_another_worker_reads_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Bench(monkeypatch, "transactions").follower
    one.made(AHEAD)
    assert not one.is_late(5 * AHEAD)


def test_before_anything_was_made_nothing_waits(bench: Bench) -> None:
    assert not bench.follower.is_late(5 * AHEAD)


def test_one_that_does_not_move_is_given_up_until_it_does(bench: Bench) -> None:
    bench.follower.made(4 * AHEAD)
    assert bench.follower.is_late(6 * AHEAD)
    bench.now += PATIENCE + 0.1
    assert not bench.follower.is_late(6 * AHEAD)
    assert not bench.follower.is_late(6 * AHEAD)
    bench.follower.read(AHEAD)
    assert bench.follower.is_late(6 * AHEAD)


def test_one_that_moves_for_ever_lets_a_chunk_pass_now_and_then(bench: Bench) -> None:
    bench.follower.made(400 * AHEAD)
    waited = 0
    for n in range(200):
        bench.follower.read(n * 0.001)
        waited += bench.follower.is_late(500 * AHEAD)
        bench.now += 0.1
    assert 200 - waited == pytest.approx(200 * 0.1 / LONGEST, abs=1)
