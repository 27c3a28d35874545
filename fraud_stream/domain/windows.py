"""Statistics of one customer in one window."""
# ruff: noqa: PLR1730 - min() and max() cost four times as much as a comparison, on the hot path

import math
from collections.abc import Iterable

import msgspec

from fraud_stream.domain.transaction import Transaction

#: More different values than this are no longer told apart: a window that saw so many alerts anyway, and its value must
#: stay smaller than a broker's largest record.
MAX_DISTINCT = 100


class WindowStats(msgspec.Struct, array_like=True, gc=False):
    """Statistics of the transactions in one window, as one compact value.

    Attributes:
        offset: Offset of the newest transaction applied; older ones are ignored, so a replay changes nothing.
        count: Transactions.
        total: Sum of the amounts.
        squares: Sum of the squared amounts.
        low: Smallest amount.
        high: Largest amount.
        first: Event time of the earliest transaction, seconds.
        last: Event time of the latest transaction, seconds.
        locations: Different locations, in order of appearance; likewise devices, merchants, categories.

    >>> stats, tx = WindowStats(), Transaction("T1", "C1", 60.0, 10.0)
    >>> stats.add(tx, offset=7), stats.add(tx, offset=7)
    (True, False)
    >>> stats.count, stats.mean
    (1, 10.0)
    """

    offset: int = -1
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    first: float = math.inf
    last: float = -math.inf
    locations: list[str] = []
    devices: list[str] = []
    merchants: list[str] = []
    categories: list[str] = []

    def add(self, tx: Transaction, offset: int) -> bool:
        """Add one transaction unless its offset was applied before; says whether it was added."""
        if offset <= self.offset:
            return False
        self.offset = offset
        self._add_numbers(tx.amount, tx.timestamp)
        _note(self.locations, tx.location)
        _note(self.devices, tx.device)
        _note(self.merchants, tx.merchant_id)
        _note(self.categories, tx.product_category)
        return True

    def _add_numbers(self, amount: float, time: float) -> None:
        self.count += 1
        self.total += amount
        self.squares += amount * amount
        if amount < self.low:
            self.low = amount
        if amount > self.high:
            self.high = amount
        if time < self.first:
            self.first = time
        if time > self.last:
            self.last = time

    def merge(self, other: "WindowStats") -> None:
        """Add all that `other` has seen; the two must have no transaction in common."""
        self.offset = max(self.offset, other.offset)
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        for mine, theirs in zip(self._distinct(), other._distinct(), strict=True):
            for value in theirs:
                _note(mine, value)

    def _distinct(self) -> tuple[list[str], ...]:
        return self.locations, self.devices, self.merchants, self.categories

    @property
    def mean(self) -> float:
        """Mean amount; 0 for an empty window."""
        return self.total / self.count if self.count else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation of the amounts (of the population, as the window is complete)."""
        return standard_deviation(self.count, self.total, self.squares)


def merged(panes: Iterable[WindowStats]) -> WindowStats:
    """One window's statistics from those of its panes.

    Source: Li, Maier, Tufte, Papadimos, Tucker: No pane, no gain. SIGMOD Record 34(1), 2005.
    """
    window = WindowStats()
    for pane in panes:
        window.merge(pane)
    return window


def standard_deviation(count: int, total: float, squares: float) -> float:
    """Standard deviation from a count, a sum and a sum of squares.

    >>> standard_deviation(2, 4.0, 10.0)
    1.0
    """
    if count < 2:
        return 0.0
    mean = total / count
    return math.sqrt(max(0.0, squares / count - mean * mean))


def _note(seen: list[str], value: str | None) -> None:
    if value is not None and value not in seen and len(seen) < MAX_DISTINCT:
        seen.append(value)
