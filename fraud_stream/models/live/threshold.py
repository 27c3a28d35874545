"""From which score on the model alerts: by the best F1 of what is labelled, or by how many alerts a day are wanted.

Both are functions of what is published alone, so all workers come to the same threshold, one that has just started too.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from fraud_stream.domain.sliding import DAY, HOUR
from fraud_stream.models.live import odds
from fraud_stream.models.live.traffic import TrafficDay

ThresholdBy = Literal["fixed", "best-f1", "budget"]
#: Labelled frauds that a best F1 is looked for among.
ENOUGH_FRAUDS = 50
#: Scored transactions, and the stream's time they took, seconds, from which a budget is told.
ENOUGH_SCORED, LONG_ENOUGH = 1_000, HOUR
#: The threshold is the mean of those of so many windows, each a day earlier: a new day moves it by a third at most.
SMOOTHED_OVER = 3
#: Thresholds whose F1 is so close to the best are as good.
_AS_GOOD = 0.99
#: Whatever the labels say, the model does not alert below the first nor keep silent above the second.
LOWEST, HIGHEST = 0.01, 0.99


class Threshold(NamedTuple):
    """A threshold and where it came from.

    Attributes:
        value: The probability of fraud from which the model alerts.
        by: What it follows now; ``fixed`` also while there is too little to follow.
        why: That in words.
    """

    value: float
    by: ThresholdBy
    why: str


def by_best_f1(days: Sequence[odds.Counts], window: int) -> float | None:
    """The threshold with the best F1 of the last days, smoothed; None while there are too few frauds.

    Args:
        days: Labelled scores of each day, the oldest first.
        window: How many days are looked at together.
    """
    ends = range(len(days), max(len(days) - SMOOTHED_OVER, 0), -1)
    windows = [sum(days[max(end - window, 0) : end], np.zeros((2, odds.BINS), np.int64)) for end in ends]
    places = [_middle_of_the_best(counts) for counts in windows if counts[1].sum() >= ENOUGH_FRAUDS]
    if not places:
        return None
    return _bounded(float(odds.EDGES[round(sum(places) / len(places))]))


def _middle_of_the_best(counts: odds.Counts) -> float:
    """The middle of the thresholds around the best one that are as good: the best one itself jumps with each label."""
    f1 = odds.f1_by_bin(counts)
    best = int(np.argmax(f1))
    worse = np.flatnonzero(f1 < _AS_GOOD * f1[best])
    low = worse[worse < best].max(initial=-1) + 1
    high = worse[worse > best].min(initial=odds.BINS) - 1
    return float(low + high) / 2


def by_budget(days: Iterable[TrafficDay], contestant: str, alerts: float) -> float | None:
    """The lowest threshold that at most so many transactions a day exceed; None while too little was scored.

    A day counts from its first transaction to its last, so a day that has just begun counts little.

    Args:
        days: All scored transactions by day.
        contestant: Whose scores decide.
        alerts: How many are wanted in a day.
    """
    known = [day.asked[contestant] for day in days if contestant in day.asked]
    counts = sum((day.counts for day in known), np.zeros(odds.BINS, np.int64))
    seconds = math.fsum(day.last - day.first for day in known)
    if counts.sum() < ENOUGH_SCORED or seconds < LONG_ENOUGH:
        return None
    above = np.cumsum(counts[::-1])[::-1]
    few = np.flatnonzero(above <= alerts * seconds / DAY)
    return max(float(odds.EDGES[few[0] if len(few) else -1]), LOWEST)


def _bounded(value: float) -> float:
    return min(max(value, LOWEST), HIGHEST)
