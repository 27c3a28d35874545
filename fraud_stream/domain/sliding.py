"""Exact sliding windows over one customer's amounts.

A window of span s at time t holds the transactions with event time in (t - s, t].  Amounts are summed in millionths as
integers, so that what leaves a window takes away exactly what it brought.
"""

from bisect import bisect_right
from typing import NamedTuple

import msgspec

from fraud_stream.domain.packed import Doubles, Longs

HOUR = 3_600.0
DAY = 86_400.0
#: The spans that are kept, seconds, ascending.
SPANS = (HOUR, DAY, 7 * DAY, 30 * DAY)
#: Entries are kept this much longer than the longest span, seconds, so that a late transaction's windows are exact too.
GRACE = DAY
#: Expired entries are cut off in runs of this length, which costs less than one at a time.
_TRIM = 32
#: Amounts are counted in units of which so many are one.
MILLION = 1_000_000
_EACH = range(len(SPANS))


class Window(NamedTuple):
    """What one sliding window holds: number of transactions and sum of their amounts."""

    count: int  # type: ignore[assignment]  # shadows tuple.count, which nobody needs here
    total: float


class SlidingSums(msgspec.Struct, array_like=True, gc=False):
    """Counts and sums of the amounts of the last hour, day, 7 days and 30 days.

    The entries are in order of event time.  The first ``len(buckets)`` of them are buckets: several old transactions
    of one hour (or minute) that share an entry, made when a customer has more transactions than are kept one by one.

    Attributes:
        times: Event time of each entry, seconds; of a bucket, that of its latest transaction.
        amounts: Amount of each entry, in millionths.
        buckets: How many transactions each leading bucket holds.
        squares: The sum of squared amounts of each leading bucket.
        starts: For each span, the first entry inside.
        counts: For each span, the transactions inside.
        totals: For each span, their sum, in millionths.
        square: Sum of the squared amounts inside the longest span.

    >>> sums = SlidingSums()
    >>> for time, amount in ((0.0, 5.0), (1800.0, 7.0), (3600.0, 1.0)):
    ...     _ = sums.add(time, amount)
    >>> sums.windows(3600.0)[0]
    Window(count=2, total=8.0)
    """

    times: Doubles = msgspec.field(default_factory=Doubles.of)
    amounts: Longs = msgspec.field(default_factory=Longs.of)
    buckets: Longs = msgspec.field(default_factory=Longs.of)
    squares: Doubles = msgspec.field(default_factory=Doubles.of)
    starts: list[int] = msgspec.field(default_factory=lambda: [0] * len(SPANS))
    counts: list[int] = msgspec.field(default_factory=lambda: [0] * len(SPANS))
    totals: list[int] = msgspec.field(default_factory=lambda: [0] * len(SPANS))
    square: float = 0.0

    def add(self, time: float, amount: float, most: int = 1_000) -> int:
        """Add one transaction; says how many transactions had to be put into buckets to keep at most `most` entries.

        What leaves the windows does so when they are read.
        """
        units = round(amount * MILLION)
        if self.times and time < self.times[-1]:
            self._insert(time, units)
        else:
            self._append(time, units)
        return self._fold(most) if len(self.times) > most else 0

    def windows(self, time: float) -> list[Window]:
        """For each span the window that ends at `time`."""
        if self.times and time < self.times[-1]:
            return [Window(count, units / MILLION) for count, units in (self._window_before(time, s) for s in SPANS)]
        self._expire(time)
        return [Window(count, units / MILLION) for count, units in zip(self.counts, self.totals, strict=True)]

    def row(self, time: float) -> list[int]:
        """The count of each window that ends at `time`, then the total of each, in units of 1 / `MILLION`."""
        if time < self.times[-1]:
            before = [self._window_before(time, span) for span in SPANS]
            return [count for count, _ in before] + [units for _, units in before]
        self._expire(time)
        return self.counts + self.totals

    def longest(self, time: float) -> tuple[int, float, float]:
        """Count, total and sum of squares of the window of the longest span that ends at `time`."""
        if self.times and time < self.times[-1]:
            count, units = self._window_before(time, SPANS[-1])
            return count, units / MILLION, sum(map(self._square, self._inside(time, SPANS[-1])))
        self._expire(time)
        return self.counts[-1], self.totals[-1] / MILLION, self.square

    def _append(self, time: float, units: int) -> None:
        self.times.append(time)
        self.amounts.append(units)
        counts, totals = self.counts, self.totals
        for n in _EACH:
            counts[n] += 1
            totals[n] += units
        self.square += (units / MILLION) ** 2

    def _expire(self, now: float) -> None:
        times, end, starts = self.times, len(self.times), self.starts
        for n, span in enumerate(SPANS):
            start = starts[n]
            if start < end and times[start] <= now - span:
                starts[n] = self._leave_until(n, start, now - span)
        if self.starts[-1] >= _TRIM:
            self._trim(bisect_right(self.times, now - SPANS[-1] - GRACE))

    def _leave_until(self, n: int, start: int, time: float) -> int:
        while start < len(self.times) and self.times[start] <= time:
            self._leave(n, start)
            start += 1
        return start

    def _leave(self, n: int, entry: int) -> None:
        self.counts[n] -= self._count(entry)
        self.totals[n] -= self.amounts[entry]
        if n == len(SPANS) - 1:
            self.square -= self._square(entry)

    def _trim(self, entries: int) -> None:
        if entries < _TRIM:
            return
        for packed in (self.times, self.amounts, self.buckets, self.squares):
            del packed[:entries]
        self.starts = [start - entries for start in self.starts]
        inside = range(self.starts[-1], len(self.times))
        self.square = sum(map(self._square, inside))  # afresh: rounding errors must not add up

    def _count(self, entry: int) -> int:
        return int(self.buckets[entry]) if entry < len(self.buckets) else 1

    def _square(self, entry: int) -> float:
        if entry < len(self.squares):
            return self.squares[entry]
        return (self.amounts[entry] / MILLION) ** 2

    def _insert(self, time: float, units: int) -> None:
        """A late transaction: put it in its place and count afresh."""
        entry = max(bisect_right(self.times, time), len(self.buckets))
        self.times.insert(entry, max(time, self.times[entry - 1]) if entry else time)
        self.amounts.insert(entry, units)
        self._recount(self.times[-1])

    def _recount(self, now: float) -> None:
        entries = range(len(self.times))
        self.starts = [bisect_right(self.times, now - span) for span in SPANS]
        self.counts = [sum(map(self._count, entries[start:])) for start in self.starts]
        self.totals = [int(sum(self.amounts[start:])) for start in self.starts]
        self.square = sum(map(self._square, entries[self.starts[-1] :]))

    def _window_before(self, time: float, span: float) -> tuple[int, int]:
        inside = self._inside(time, span)
        return sum(map(self._count, inside)), sum(self.amounts[inside.start : inside.stop])

    def _inside(self, time: float, span: float) -> range:
        """The entries of the window that ends at `time`, which is before the newest."""
        return range(bisect_right(self.times, time - span), bisect_right(self.times, time))

    def _fold(self, most: int) -> int:
        """Put all but the newest `most` / 8 entries into buckets of an hour, those of the last hour into minutes."""
        head, old = self.times[-1], len(self.times) - most // 8
        times, amounts, buckets, squares = Doubles.of(), Longs.of(), Longs.of(), Doubles.of()
        previous = None
        for entry in range(old):
            time = self.times[entry]
            width = 60.0 if time > head - HOUR else HOUR
            bucket = (width, time // width)
            if bucket == previous:
                times[-1] = time
                amounts[-1] += self.amounts[entry]
                buckets[-1] += self._count(entry)
                squares[-1] += self._square(entry)
            else:
                times.append(time)
                amounts.append(self.amounts[entry])
                buckets.append(self._count(entry))
                squares.append(self._square(entry))
            previous = bucket
        folded = old - len(times)
        times.extend(self.times[old:])
        amounts.extend(self.amounts[old:])
        self.times, self.amounts, self.buckets, self.squares = times, amounts, buckets, squares
        self._recount(head)
        return folded
