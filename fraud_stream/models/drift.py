"""Drift: whether the mean of a stream of numbers has changed.

Source: Bifet, Gavaldà: Learning from time-changing data with adaptive windowing. SIAM SDM 2007; ADWIN is River's.
"""

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN

Values = NDArray[np.float64]
ALERT_RATE = "alert_rate"
LOG_AMOUNT = "log_amount"
FRAUD_LABEL_RATE = "fraud_label_rate"
MISSED_FRAUD_RATE = "missed_fraud_rate"
#: The logarithm of the largest amount that the settings can allow.
_LARGEST_LOG = math.log1p(100_000_000)
#: Groups that are kept, to say since when the mean is another.
REMEMBERED = 10_000


class Stream(NamedTuple):
    """A stream of numbers that is watched.

    Attributes:
        unit: What gives a number each.
        meaning: What their mean is, for people.
        group: So many numbers are one update of the detector.
        largest: What no number exceeds; none is below 0.
    """

    unit: str
    meaning: str
    group: int
    largest: float = 1.0


STREAMS = {
    ALERT_RATE: Stream("transactions", "the share of alerts", 100),
    LOG_AMOUNT: Stream("transactions", "the typical amount", 100, _LARGEST_LOG),
    FRAUD_LABEL_RATE: Stream("labels", "the share of frauds", 100),
    MISSED_FRAUD_RATE: Stream("frauds", "the share of missed frauds", 10),
}


class Change(msgspec.Struct, frozen=True):
    """A drift.

    Attributes:
        index: Which of the numbers given gave it away, from 0.
        before: The mean before the change.
        after: The mean since.
        count: How many numbers came since.
    """

    index: int
    before: float
    after: float
    count: int


class MeanDetector:
    """Tells when the mean of a stream has changed: ADWIN says that, and least squares say since when.

    ADWIN is given the sum of each group of n numbers.  Its bound on the difference of two means is, for a harmonic
    mean m of the windows' sizes, a variance v and a term L of the significance, sqrt(2 v L / m) + 2 L / (3 m).  Of sums
    the variance is n v and the windows have m / n of them: both terms are n times as large, and so is the difference.
    Nothing is lost but that it looks n times less often, which costs n times less.

    It looks from the tenth group on.  After a drift it begins anew.

    Args:
        stream: What is watched.
        delta: The significance of ADWIN, 0 to 1.

    Attributes:
        stream: What is watched.
        drifts: How many it has found.

    >>> detector = MeanDetector(STREAMS["alert_rate"], delta=0.002)
    >>> detector.observe(np.tile([0.0] * 49 + [1.0], 200))
    []
    >>> [change] = detector.observe(np.tile([0.0] * 9 + [1.0], 80))
    >>> change.index, round(change.before, 6), round(change.after, 6), change.count
    (199, 0.02, 0.1, 200)
    """

    def __init__(self, stream: Stream, delta: float) -> None:
        self.stream = stream
        self._delta = delta
        self._sum, self._held = 0.0, 0
        self.drifts = 0
        self._begin()

    def _begin(self) -> None:
        self._adwin = ADWIN(delta=self._delta, clock=1, min_window_length=1)  # type: ignore[no-untyped-call]  # River is not typed
        self._sums: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def count(self) -> int:
        """How many numbers the estimate is of: all since it began, at most those of `REMEMBERED` groups."""
        return len(self._sums) * self.stream.group

    @property
    def estimate(self) -> float | None:
        """The mean of those; None of none."""
        return sum(self._sums) / self.count if self._sums else None

    def observe(self, values: Values) -> list[Change]:
        """Take in further numbers; the drifts that they give away."""
        return [self._change(end - 1) for end, total in self._groups(values) if self._is_drift(total)]

    def _groups(self, values: Values) -> Iterator[tuple[int, float]]:
        """The groups that `values` complete: where each ends, and its sum."""
        ends = range(self.stream.group - self._held, len(values) + 1, self.stream.group)
        if ends:
            sums = np.add.reduceat(values[: ends[-1]], [0, *ends[:-1]])
            sums[0] += self._sum
            self._sum, self._held = 0.0, 0
            yield from zip(ends, sums.tolist(), strict=True)
            values = values[ends[-1] :]
        self._sum += float(values.sum())
        self._held += len(values)

    def _is_drift(self, total: float) -> bool:
        self._sums.append(total)
        self._adwin.update(total / self.stream.largest)  # type: ignore[no-untyped-call]  # River is not typed
        return bool(self._adwin.drift_detected)

    def _change(self, index: int) -> Change:
        before, after, groups = _parted(np.array(self._sums) / self.stream.group)
        self.drifts += 1
        self._begin()
        return Change(index, before, after, groups * self.stream.group)


def _parted(means: Values) -> tuple[float, float, int]:
    """The two means that fit best, and how many of `means` are of the second.

    Source: Hinkley: Inference about the change-point in a sequence of random variables. Biometrika 57(1), 1970.
    """
    size = np.arange(1, len(means))
    rest = len(means) - size
    totals = means.cumsum()
    before, after = totals[:-1] / size, (totals[-1] - totals[:-1]) / rest
    best = int(np.argmax((after - before) ** 2 * size * rest))
    return float(before[best]), float(after[best]), int(rest[best])


def message(name: str, change: Change) -> str:
    """A drift of a stream in one sentence.

    >>> message("alert_rate", Change(0, 0.008, 0.026, 12_000))
    'the share of alerts rose from 0.8 % to 2.6 % over the last 12,000 transactions'
    >>> message("log_amount", Change(0, math.log1p(50), math.log1p(40.5), 700))
    'the typical amount fell from 50.00 to 40.50 over the last 700 transactions'
    """
    stream = STREAMS[name]
    way = "rose" if change.after > change.before else "fell"
    before, after = (_shown(name, mean) for mean in (change.before, change.after))
    return f"{stream.meaning} {way} from {before} to {after} over the last {change.count:,} {stream.unit}"


def _shown(name: str, mean: float) -> str:
    """A mean for people; that of the logarithms of 1 + amount as the amount it stands for."""
    return f"{math.expm1(mean):,.2f}" if name == LOG_AMOUNT else f"{100 * mean:.3g} %"
