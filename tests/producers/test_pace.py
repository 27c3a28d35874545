import math

import pytest

from producers.pace import SLICE, TICK, Pace


class Wall:
    """A clock that moves only by sleeping, and by a little each time it is read."""

    def __init__(self, cost: float = 0.0) -> None:
        self.now = 1_000.0
        self.cost = cost
        self.sleeps: list[float] = []

    def clock(self) -> float:
        self.now += self.cost
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


def paced(wall: Wall, speed: float, begin: float | None = 0.0, **options: float) -> Pace:
    return Pace(speed, begin, clock=wall.clock, sleep=wall.sleep, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [1_000 / 3_600, 50.0, 20_000.0])
def test_a_rate_does_not_drift(rate: float) -> None:
    wall = Wall(cost=1e-6)
    pace = paced(wall, 1.0)
    for number in range(5_000):
        assert pace.wait(number / rate)
        late = wall.now - (1_000.0 + number / rate)
        assert -1e-9 <= late <= TICK + 1e-4


def test_one_late_record_makes_no_other_late() -> None:
    wall = Wall()
    pace = paced(wall, 1.0)
    pace.wait(1.0)
    wall.now += 5.0
    pace.wait(2.0)
    assert wall.now == pytest.approx(1_006.0)
    pace.wait(10.0)
    assert wall.now == pytest.approx(1_010.0)


def test_speed_divides_the_gaps_and_max_never_sleeps() -> None:
    wall = Wall()
    paced(wall, 60.0).wait(120.0)
    assert wall.now == pytest.approx(1_002.0)
    asleep = len(wall.sleeps)
    assert paced(wall, math.inf).wait(1e9)
    assert len(wall.sleeps) == asleep


def test_it_wakes_up_often_enough_to_serve_the_producer() -> None:
    wall, served = Wall(), []
    Pace(1.0, 0.0, idle=lambda: served.append(wall.now), clock=wall.clock, sleep=wall.sleep).wait(3.6)
    assert max(wall.sleeps) <= SLICE
    assert len(served) == len(wall.sleeps) == 36


def test_nothing_is_due_after_the_run_time() -> None:
    wall = Wall()
    pace = paced(wall, 1.0, seconds=10.0)
    assert pace.wait(9.0)
    assert not pace.wait(60.0)
    assert wall.now == pytest.approx(1_010.0)
    assert not paced(Wall(cost=1.0), math.inf, seconds=1.0).wait(0.0)


def test_without_a_beginning_the_first_moment_is_due_at_once_and_so_is_no_moment() -> None:
    wall = Wall()
    pace = paced(wall, 1.0, None)
    assert pace.wait(None)
    assert pace.wait(1e9)
    assert not wall.sleeps
    pace.wait(1e9 + 2)
    assert wall.now == pytest.approx(1_002.0)
