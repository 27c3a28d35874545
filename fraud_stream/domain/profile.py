"""What is known of one customer."""

from bisect import bisect_right, insort

import msgspec

from fraud_stream.domain.grouping import AlertGroup
from fraud_stream.domain.packed import Doubles
from fraud_stream.domain.recent import RecentIds
from fraud_stream.domain.sliding import DAY, HOUR, SlidingSums
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import standard_deviation

#: Places and devices remembered of a customer; the longest unseen is forgotten first.
MAX_KNOWN = 64
#: With fewer transactions than this a customer has no habit to compare with.
ENOUGH_HISTORY = 5
#: An amount of more than so many times the customer's mean is an outlier, and counts no more than that in the mean.
OUTLIER = 3.0
#: Outliers are counted over these spans, seconds.
OUTLIER_SPANS = (DAY, 7 * DAY, 30 * DAY)
#: Outliers are remembered for so long, seconds, and at most so many.
_OUTLIER_MEMORY, _MAX_OUTLIERS = 31 * DAY, 64


class Moments(msgspec.Struct, array_like=True, gc=False):
    """Count, sum and sum of squares of all amounts a customer ever paid."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, amount: float) -> None:
        """Add one amount."""
        self.count += 1
        self.total += amount
        self.squares += amount * amount

    @property
    def mean(self) -> float:
        """Mean amount; 0 where there is none."""
        return self.total / self.count if self.count else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation of the amounts."""
        return standard_deviation(self.count, self.total, self.squares)


class Habit(msgspec.Struct, array_like=True, gc=False):
    """What a customer usually pays: a mean that no single payment can carry away, and what stood out of it.

    Attributes:
        count: Payments.
        total: Their sum, each cut at `OUTLIER` times the mean before it (winsorised).
        outliers: When payments above that were made, seconds, ascending.

    >>> habit = Habit()
    >>> for time in range(6):
    ...     habit.add(float(time), 500.0 if time == 5 else 10.0)
    >>> habit.total, habit.outliers_within(6.0)
    (80.0, [1, 1, 1])
    """

    count: int = 0
    total: float = 0.0
    outliers: Doubles = msgspec.field(default_factory=Doubles.of)

    def add(self, time: float, amount: float) -> None:
        """Add one payment."""
        if self.count >= ENOUGH_HISTORY and amount > (most := OUTLIER * self.total / self.count) > 0:
            insort(self.outliers, time)
            self._forget()
            amount = most
        self.count += 1
        self.total += amount

    def outliers_within(self, time: float) -> list[int]:
        """How many outliers there were in each of `OUTLIER_SPANS`, which end at `time`, seconds."""
        end = bisect_right(self.outliers, time)
        return [end - bisect_right(self.outliers, time - span, 0, end) for span in OUTLIER_SPANS]

    def _forget(self) -> None:
        old = bisect_right(self.outliers, self.outliers[-1] - _OUTLIER_MEMORY)
        del self.outliers[: max(old, len(self.outliers) - _MAX_OUTLIERS)]


class Profile(msgspec.Struct, array_like=True, gc=False):
    """One customer: exact sliding windows, long-run moments, last seen time, place and device, recent transaction ids.

    Attributes:
        offset: Offset of the newest transaction applied.  One that is not newer was decided before.
        moments: All amounts.
        sums: The sliding windows.
        last_time: Event time of the latest transaction, seconds; None before the first.
        locations: Known places and when each was last seen; likewise devices.
        ids: Transaction ids of the last 24 hours.
        habit: What the customer usually pays.
        alerts: The newest group of alerts, where alerts are grouped.

    >>> profile, tx = Profile(), Transaction("T1", "C1", 60.0, 10.0, location="Oslo")
    >>> profile.note(tx, offset=0), profile.apply(tx)
    (True, 0)
    >>> profile.note(tx, offset=1)  # the same payment again
    False
    """

    offset: int = -1
    moments: Moments = msgspec.field(default_factory=Moments)
    sums: SlidingSums = msgspec.field(default_factory=SlidingSums)
    last_time: float | None = None
    locations: dict[str, float] = {}
    devices: dict[str, float] = {}
    ids: RecentIds = msgspec.field(default_factory=RecentIds)
    habit: Habit = msgspec.field(default_factory=Habit)
    alerts: AlertGroup | None = None

    def note(self, tx: Transaction, offset: int, most: int = 1_000) -> bool:
        """Remember the transaction's id; False where it is a duplicate, which changes nothing but `offset`."""
        self.offset = offset
        return self.ids.add(tx.transaction_id, offset, tx.timestamp, most)

    def apply(self, tx: Transaction, most: int = 1_000) -> int:
        """Take a new transaction into the statistics; says how many old ones had to be put into buckets."""
        self.moments.add(tx.amount)
        self.habit.add(tx.timestamp, tx.amount)
        folded = self.sums.add(tx.timestamp, tx.amount, most)
        self.last_time = max(self.last_time or 0.0, tx.timestamp)
        _see(self.locations, tx.location, tx.timestamp)
        _see(self.devices, tx.device, tx.timestamp)
        return folded


def seen_within_hour(known: dict[str, float], now: float) -> int:
    """How many of `known` were seen in the hour that ends at `now`, seconds."""
    earliest, seen = now - HOUR, 0
    for last in known.values():
        if last > earliest:
            seen += 1
    return seen


def _see(known: dict[str, float], value: str | None, time: float) -> None:
    if value is None:
        return
    last = known.get(value)
    if last is None or time > last:
        known[value] = time
    if len(known) > MAX_KNOWN:
        del known[min(known, key=known.__getitem__)]
