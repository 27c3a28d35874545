"""The customers who were scored highest in a day, for Card Precision@k, in bounded memory.

Source of the measure: Fraud Detection Handbook (Le Borgne, Siblini, Lebichot, Bontempi; ULB 2022), chapter 4.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

#: For each card that is looked at in a day so many are kept: those that were found on the days before are passed over.
KEPT = 10


def card_numbers(customers: Iterable[str]) -> NDArray[np.int64]:
    """A number of 32 bits for each customer: of a thousand kept ones two share one on one day of eight thousand."""
    return np.array([crc32(name.encode("utf-8", "surrogatepass")) for name in customers], dtype=np.int64)


class Payments(NamedTuple):
    """Payments, or what is kept of them for each card: a column each.

    Attributes:
        cards: Numbers of the customers.
        scores: The scores, the highest one of a card.
        frauds: Whether it was fraud, whether one of the card's was.
    """

    cards: NDArray[np.int64]
    scores: NDArray[np.float64]
    frauds: NDArray[np.bool_]

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "Payments":
        """Those that are chosen."""
        return Payments(self.cards[chosen], self.scores[chosen], self.frauds[chosen])


def nobody() -> Payments:
    """No payments."""
    return Payments(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_))


class TopCards:
    """The highest-scored customers of a day.

    Exact as long as a day has no more customers than are kept.  Beyond that a payment of a customer who is not among
    them is forgotten, so that a later one of the same customer knows nothing of its fraud.

    Args:
        most: How many customers are kept.
    """

    def __init__(self, most: int, kept: Payments | None = None) -> None:
        self._most = most
        self._kept = kept or nobody()
        self._new: list[Payments] = []
        self._waiting = 0
        self._floor = -np.inf

    def add(self, payments: Payments) -> None:
        """Take in payments; they are sorted in when there are as many as are kept."""
        high = payments.only(payments.scores >= self._floor)
        self._new.append(high)
        self._waiting += len(high.scores)
        if self._waiting > self._most:
            self._settle()

    def kept(self) -> Payments:
        """Each of the customers with the highest score, the highest first, and whether there was a fraud."""
        if self._new:
            self._settle()
        return self._kept

    def _settle(self) -> None:
        parts = [self._kept, *self._new]
        self._new, self._waiting = [], 0
        whole = Payments(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        cards, place = np.unique(whole.cards, return_inverse=True)
        highest, frauds = np.full(len(cards), -np.inf), np.zeros(len(cards), np.bool_)
        np.maximum.at(highest, place, whole.scores)
        frauds[place[whole.frauds]] = True
        first = np.argsort(-highest, kind="stable")[: self._most]
        self._kept = Payments(cards, highest, frauds).only(first)
        if len(first) == self._most:
            self._floor = float(self._kept.scores[-1])


def card_precisions(days: Iterable[Payments], most: int) -> Iterator[float]:
    """Card Precision@k of each day: frauds among the `most` highest-scored cards, those found before passed over.

    >>> day = Payments(np.array([1, 2, 3]), np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))
    >>> list(card_precisions([day, day], 2))
    [0.5, 0.5]
    """
    found: set[int] = set()
    for kept in days:
        left = kept.only(~np.isin(kept.cards, np.array(list(found), np.int64)))
        hits = left.cards[:most][left.frauds[:most]].tolist()
        found.update(hits)
        yield len(hits) / most
