"""Pace: when a record of some event time is due on the wall clock."""

import math
import time
from collections.abc import Callable

#: The shortest sleep, seconds.  At high rates what falls due meanwhile is sent together.
TICK = 0.001
#: The longest sleep, seconds: between two of them the producer is served.
SLICE = 0.1


def _nothing() -> None:
    """What a pace without a producer does while it waits."""


class Pace:
    """Waits until records are due, by the wall clock alone: a record that was late makes no later one late.

    Args:
        speed: Seconds of event time a second; ``math.inf`` never waits.
        begin: The event time that is due at once, seconds since 1970; None takes the first that is waited for.
        seconds: Wall time after which nothing is due any more.
        idle: Called while it waits, every `SLICE` seconds or sooner.
        clock: The wall clock, seconds.
        sleep: Sleeps for seconds.
    """

    def __init__(
        self,
        speed: float,
        begin: float | None = None,
        *,
        seconds: float = math.inf,
        idle: Callable[[], object] = _nothing,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._speed, self._begin = speed, begin
        self._idle, self._clock, self._sleep = idle, clock, sleep
        self._origin = clock()
        self._deadline = self._origin + seconds

    def wait(self, moment: float | None) -> bool:
        """Wait until event time `moment` is due; False where the run's time is up before.  None is due at once."""
        until = min(self._due(moment), self._deadline)
        while (left := until - self._clock()) > 0:
            self._sleep(min(max(left, TICK), SLICE))
            self._idle()
        return self._clock() < self._deadline

    def _due(self, moment: float | None) -> float:
        if moment is None:
            return self._origin
        if self._begin is None:
            self._begin, self._origin = moment, self._clock()
        return self._origin + (moment - self._begin) / self._speed
