"""All scored transactions by day, labelled or not: how many there are, and how many a threshold alerts by whose score.

Each worker counts its own partitions and publishes what it has counted; added up it is the same for every worker.
"""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.sliding import DAY
from fraud_stream.models.live import odds
from fraud_stream.models.live.day import LAST_DAY, MOST_CONTESTANTS
from fraud_stream.models.live.quality import MOST_DAYS

KIND = "traffic"
#: Scores are kept of so many days that have any, the newest; of those before only how many there were.
SCORED_DAYS = 3


class Asked(msgspec.Struct, frozen=True):
    """What one contestant said of a day's transactions.

    Attributes:
        first: The first event time of those that it was asked about, seconds since 1970.
        last: The last one.
        scores: By bin of the log odds how many it scored: 64-bit integers, little-endian.
    """

    first: float
    last: float
    scores: bytes

    @property
    def counts(self) -> NDArray[np.int64]:
        """The scores by bin of the log odds."""
        return np.frombuffer(self.scores, "<i8")

    def is_sound(self, day: int) -> bool:
        """Whether these are counts of a day, in days since 1970."""
        is_of_day = day * DAY <= self.first <= self.last < (day + 1) * DAY
        return is_of_day and len(self.scores) == 8 * odds.BINS and bool((self.counts >= 0).all())

    def plus(self, other: "Asked") -> "Asked":
        """Both together."""
        counts = (self.counts + other.counts).tobytes()
        return Asked(min(self.first, other.first), max(self.last, other.last), counts)


class TrafficDay(msgspec.Struct, frozen=True):
    """Scored transactions of one day.

    Attributes:
        transactions: How many.
        asked: What each contestant said of them; not those that were not asked, and nothing that is too long ago.
    """

    transactions: int
    asked: dict[str, Asked] = {}

    def is_sound(self, day: int) -> bool:
        """Whether these are counts of a day, in days since 1970."""
        known = len(self.asked) <= MOST_CONTESTANTS and all(one.is_sound(day) for one in self.asked.values())
        return known and self.transactions >= 0

    def plus(self, other: "TrafficDay") -> "TrafficDay":
        """Both together."""
        both = {name: one.plus(other.asked[name]) for name, one in self.asked.items() if name in other.asked}
        return TrafficDay(self.transactions + other.transactions, {**self.asked, **other.asked, **both})


Days = dict[int, TrafficDay]


class Traffic(msgspec.Struct, frozen=True):
    """Scored transactions of one partition, as they travel.

    Attributes:
        name: ``traffic-`` and the partition, the key on the `models` topic.
        kind: ``traffic``.
        partition: The partition.
        transactions: How many were ever counted; of two records of a partition the larger is the newer.
        days: By days since 1970.
    """

    name: str
    kind: str
    partition: int
    transactions: int
    days: dict[int, TrafficDay]

    def check(self) -> "Traffic":
        """This, if it is sound.

        Raises:
            ValueError: It is damaged.
        """
        sound = all(0 <= number <= LAST_DAY and day.is_sound(number) for number, day in self.days.items())
        if not sound or len(self.days) > MOST_DAYS:
            raise ValueError(f"{self.name} counts nothing")
        return self


def counted(times: NDArray[np.float64], scores: Mapping[str, NDArray[np.float64]]) -> Days:
    """Scored transactions by day; a contestant's score is nan where it was not asked."""
    numbers = (times // DAY).astype(np.int64)
    low, high = int(numbers.min()), int(numbers.max())
    if low == high:
        return {low: _counted(times, scores)}
    return {day: _of_day(numbers == day, times, scores) for day in np.unique(numbers).tolist()}


def _of_day(
    chosen: NDArray[np.bool_], times: NDArray[np.float64], scores: Mapping[str, NDArray[np.float64]]
) -> TrafficDay:
    return _counted(times[chosen], {name: column[chosen] for name, column in scores.items()})


def _counted(times: NDArray[np.float64], scores: Mapping[str, NDArray[np.float64]]) -> TrafficDay:
    asked = {name: ~np.isnan(column) for name, column in scores.items()}
    return TrafficDay(len(times), {n: _asked(times[is_], scores[n][is_]) for n, is_ in asked.items() if is_.any()})


def _asked(times: NDArray[np.float64], scores: NDArray[np.float64]) -> Asked:
    counts = np.bincount(odds.bins_of(scores), minlength=odds.BINS)
    return Asked(float(times.min()), float(times.max()), counts.tobytes())


def together(parts: Iterable[Mapping[int, TrafficDay]]) -> Days:
    """Several partitions', or a partition's and what came since; the newest days only."""
    whole: Days = {}
    for part in parts:
        for day, found in part.items():
            whole[day] = whole[day].plus(found) if day in whole else found
    kept = sorted(whole)[-MOST_DAYS:]
    return {day: whole[day] if day in kept[-SCORED_DAYS:] else _without_scores(whole[day]) for day in kept}


def _without_scores(day: TrafficDay) -> TrafficDay:
    return msgspec.structs.replace(day, asked={})


def updated(before: Traffic | None, partition: int, new: Days) -> Traffic:
    """The record of a partition with what came since."""
    base = before or Traffic(f"{KIND}-{partition}", KIND, partition, 0, {})
    count = sum(day.transactions for day in new.values())
    return Traffic(base.name, KIND, partition, base.transactions + count, together([base.days, new]))
