"""What has come lately: counts and amounts, from one note a chunk."""

import functools
import math
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Seconds that are looked back.
LONGEST = 300.0


class Amounts(NamedTuple):
    """Some transactions.

    Attributes:
        number: How many.
        total: The sum of their amounts.
        smallest: The smallest amount; infinite where there are none.
        largest: The largest; likewise.
    """

    number: int = 0
    total: float = 0.0
    smallest: float = math.inf
    largest: float = -math.inf

    @property
    def average(self) -> float | None:
        """The mean amount; None where there are none."""
        return self.total / self.number if self.number else None

    def plus(self, other: "Amounts") -> "Amounts":
        """These and others."""
        smallest, largest = min(self.smallest, other.smallest), max(self.largest, other.largest)
        return Amounts(self.number + other.number, self.total + other.total, smallest, largest)


class Lately:
    """Notes chunks, and tells of the last seconds, 300 at most.

    Attributes:
        batch: What was noted since it was last taken.

    >>> lately = Lately()
    >>> lately.note(10.0, np.array([5.0, 15.0]))
    >>> lately.note(50.0, np.array([1.0]))
    >>> lately.since(30.0), lately.since(0.0).average
    (Amounts(number=1, total=1.0, smallest=1.0, largest=1.0), 7.0)
    >>> lately.take().number, lately.take().number
    (3, 0)
    """

    def __init__(self) -> None:
        self.batch = Amounts()
        self._seconds: deque[tuple[int, Amounts]] = deque()

    def note(self, now: float, amounts: NDArray[np.float64]) -> None:
        """Note the amounts of a chunk, at least one, decided at `now`, seconds by a clock that is never set back."""
        new = Amounts(len(amounts), float(amounts.sum()), float(amounts.min()), float(amounts.max()))
        self.batch = self.batch.plus(new)
        if self._seconds and self._seconds[-1][0] == int(now):
            new = self._seconds.pop()[1].plus(new)
        self._seconds.append((int(now), new))
        while self._seconds[0][0] < now - LONGEST - 1:
            self._seconds.popleft()

    def take(self) -> Amounts:
        """What was noted since this was last asked."""
        taken, self.batch = self.batch, Amounts()
        return taken

    def since(self, time: float) -> Amounts:
        """What was noted from the second of `time` on."""
        found = (amounts for second, amounts in self._seconds if second >= int(time))
        return functools.reduce(Amounts.plus, found, Amounts())
