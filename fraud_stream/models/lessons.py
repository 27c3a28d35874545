"""Lessons that wait for their time: a label teaches nothing before the moment at which it becomes known."""

import heapq
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Lesson(NamedTuple):
    """A labelled transaction to learn, ordered by when.

    Attributes:
        moment: When its label becomes known, seconds since 1970.
        offset: Where it was read; no two have the same.
        row: Its features.
        is_fraud: Its label.
    """

    moment: float
    offset: int
    row: NDArray[np.float64]
    is_fraud: bool


class StreamTime:
    """The stream's time as far as it was told; from then on it goes with the clock.

    In life it is a moment behind the clock.  Where a past month is replayed within minutes, it is what the transactions
    say, and a label of a week later has not come yet, though the record of it has.

    >>> time = StreamTime()
    >>> time.tell(5_000.0, clock=10.0), time.tell(4_000.0, clock=11.0), time.now(clock=12.0)
    (None, None, 5002.0)
    """

    def __init__(self) -> None:
        self._ahead = -math.inf  # of the clock

    def tell(self, time: float, clock: float) -> None:
        """An event of that time was seen, by the clock at `clock`; seconds both."""
        self._ahead = max(self._ahead, time - clock)

    def now(self, clock: float) -> float:
        """The stream's time at `clock`; the beginning of time before any was told."""
        return clock + self._ahead


#: Lessons that may wait.
MOST = 200_000


class WaitingLessons:
    """Lessons in the order of their moments.

    Args:
        most: How many may wait; of more the earliest are due.

    Attributes:
        early: How many were due for that reason.

    >>> lessons = WaitingLessons(most=1)
    >>> for n, moment in enumerate([30.0, 10.0, 20.0]):
    ...     lessons.add(Lesson(moment, n, np.zeros(1), False))
    >>> [lesson.moment for lesson in lessons.due(15.0)], len(lessons)
    ([10.0, 20.0], 1)
    """

    def __init__(self, most: int = MOST) -> None:
        self.early = 0
        self._most = most
        self._lessons: list[Lesson] = []

    def __len__(self) -> int:
        return len(self._lessons)

    def add(self, lesson: Lesson) -> None:
        """Have it wait."""
        heapq.heappush(self._lessons, lesson)

    def due(self, now: float) -> list[Lesson]:
        """Those whose moment has come, the earliest first."""
        lessons, due = self._lessons, []
        while lessons and (lessons[0].moment <= now or len(lessons) > self._most):
            due.append(heapq.heappop(lessons))
            self.early += due[-1].moment > now
        return due
