"""What is known of one customer."""

import msgspec

from fraud_stream.domain.recent import RecentIds
from fraud_stream.domain.sliding import HOUR, SlidingSums
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import standard_deviation

#: Places and devices remembered of a customer; the longest unseen is forgotten first.
MAX_KNOWN = 64


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


class Profile(msgspec.Struct, array_like=True, gc=False):
    """One customer: exact sliding windows, long-run moments, last seen time, place and device, recent transaction ids.

    Attributes:
        offset: Offset of the newest transaction applied.  One that is not newer was decided before.
        moments: All amounts.
        sums: The sliding windows.
        last_time: Event time of the latest transaction, seconds; None before the first.
        locations: Known places and when each was last seen; likewise devices.
        ids: Transaction ids of the last 24 hours.

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

    def note(self, tx: Transaction, offset: int, most: int = 1_000) -> bool:
        """Remember the transaction's id; False where it is a duplicate, which changes nothing but `offset`."""
        self.offset = offset
        return self.ids.add(tx.transaction_id, offset, tx.timestamp, most)

    def apply(self, tx: Transaction, most: int = 1_000) -> int:
        """Take a new transaction into the statistics; says how many old ones had to be put into buckets."""
        self.moments.add(tx.amount)
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
