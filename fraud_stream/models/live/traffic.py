"""All scored transactions by day, labelled or not: how many there are, and how many of them a threshold alerts.

Each worker counts its own partitions and publishes what it has counted; added up it is the same for every worker.
"""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.sliding import DAY
from fraud_stream.models.live import odds
from fraud_stream.models.live.day import LAST_DAY
from fraud_stream.models.live.quality import MOST_DAYS

KIND = "traffic"
#: Scores are kept of so many days that have any, the newest; of those before only how many there were.
SCORED_DAYS = 3


class TrafficDay(msgspec.Struct, frozen=True):
    """Scored transactions of one day.

    Attributes:
        transactions: How many.
        first: The first event time of those that the model was asked about, seconds since 1970.
        last: The last one.
        scores: By bin of the log odds how many it scored: 64-bit integers, little-endian; empty where it was not asked,
            or it is too long ago.
    """

    transactions: int
    first: float
    last: float
    scores: bytes

    @property
    def counts(self) -> NDArray[np.int64]:
        """The scores by bin of the log odds."""
        return np.frombuffer(self.scores, "<i8") if self.scores else np.zeros(odds.BINS, np.int64)

    @property
    def is_sound(self) -> bool:
        """Whether these are counts."""
        return len(self.scores) in (0, 8 * odds.BINS) and self.transactions >= 0 and bool((self.counts >= 0).all())

    def plus(self, other: "TrafficDay") -> "TrafficDay":
        """Both together."""
        transactions = self.transactions + other.transactions
        if not (self.scores and other.scores):
            return msgspec.structs.replace(self if self.scores else other, transactions=transactions)
        counts = (self.counts + other.counts).tobytes()
        return TrafficDay(transactions, min(self.first, other.first), max(self.last, other.last), counts)


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
        sound = all(0 <= number <= LAST_DAY and day.is_sound for number, day in self.days.items())
        if not sound or len(self.days) > MOST_DAYS:
            raise ValueError(f"{self.name} counts nothing")
        return self


def counted(times: NDArray[np.float64], scores: NDArray[np.float64]) -> Days:
    """Scored transactions by day; a score is nan where the model was not asked."""
    numbers = (times // DAY).astype(np.int64)
    low, high = int(numbers.min()), int(numbers.max())
    if low == high:
        return {low: _counted(times, scores)}
    return {day: _counted(times[numbers == day], scores[numbers == day]) for day in np.unique(numbers).tolist()}


def _counted(times: NDArray[np.float64], scores: NDArray[np.float64]) -> TrafficDay:
    asked = ~np.isnan(scores)
    if not asked.any():
        return TrafficDay(len(times), 0.0, 0.0, b"")
    counts = np.bincount(odds.bins_of(scores[asked]), minlength=odds.BINS)
    return TrafficDay(len(times), float(times[asked].min()), float(times[asked].max()), counts.tobytes())


def together(parts: Iterable[Mapping[int, TrafficDay]]) -> Days:
    """Several partitions', or a partition's and what came since; the newest days only."""
    whole: Days = {}
    for part in parts:
        for day, found in part.items():
            whole[day] = whole[day].plus(found) if day in whole else found
    kept = sorted(whole)[-MOST_DAYS:]
    return {day: whole[day] if day in kept[-SCORED_DAYS:] else _without_scores(whole[day]) for day in kept}


def _without_scores(day: TrafficDay) -> TrafficDay:
    return msgspec.structs.replace(day, scores=b"")


def updated(before: Traffic | None, partition: int, new: Days) -> Traffic:
    """The record of a partition with what came since."""
    base = before or Traffic(f"{KIND}-{partition}", KIND, partition, 0, {})
    count = sum(day.transactions for day in new.values())
    return Traffic(base.name, KIND, partition, base.transactions + count, together([base.days, new]))
