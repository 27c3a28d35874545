"""Labelled transactions as columns of numbers, to fit a model on: bounded in time and in number."""

from collections import deque
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Values of `Columns.ids`.
_IDS = 2**64


def transaction_number(customer_id: str, transaction_id: str) -> int:
    """A number of 64 bits that stands for a customer's transaction.

    >>> transaction_number("C1", "T1") == transaction_number("C1", "T1") != transaction_number("C1T", "1")
    True
    """
    name = f"{customer_id}\0{transaction_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "little")


class Columns(NamedTuple):
    """Labelled transactions, one row each.

    Attributes:
        ids: What stands for each: see `transaction_number`.
        times: Event times, seconds since 1970.
        known: When the label became known, likewise.
        frauds: The labels.
        online: What the online model had said; NaN where it had not been asked.
        rows: Features.
    """

    ids: NDArray[np.uint64]
    times: NDArray[np.float64]
    known: NDArray[np.float64]
    frauds: NDArray[np.bool_]
    online: NDArray[np.float64]
    rows: NDArray[np.float64]

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Columns":
        """Those that are chosen, by a mask or in the order of their places."""
        return Columns._make(column[chosen] for column in self)


class TrainingSet:
    """Collects labelled transactions, of which it keeps the newest.

    Where genuine ones are too many, every other of them is left out, as often as needed, and those that are kept stand
    for the others.  Which are kept hangs on their ids alone, so it is the same each time.

    Args:
        span: Seconds of event time before the newest that are kept.
        most: Transactions to keep at most; frauds are all kept.

    Attributes:
        span: As it was given.
        share: The share of the genuine transactions that is kept.
        read: How many were added.

    >>> found = TrainingSet(100.0, 1_000)
    >>> column = np.array([1.0, 150.0])
    >>> found.add(Columns(np.array([1, 2], dtype=np.uint64), column, column, column > 5, column, column[:, None]))
    >>> found.columns().times.tolist()
    [150.0]
    """

    def __init__(self, span: float, most: int) -> None:
        self.share = 1.0
        self.read = 0
        self.span, self._most = span, most
        self._newest = -np.inf
        self._parts: deque[Columns] = deque()

    def add(self, part: Columns) -> None:
        """Add transactions that were labelled next."""
        self.read += len(part.times)
        self._newest = max(self._newest, float(part.times.max(initial=-np.inf)))
        self._parts.append(self._kept(part))
        while self._parts and self._parts[0].times.max(initial=-np.inf) <= self._newest - self.span:
            self._parts.popleft()
        while self._is_too_large():
            self.share /= 2
            self._parts = deque(map(self._kept, self._parts))

    def columns(self) -> Columns:
        """What was kept, in order of event time, each transaction once: its first label counts."""
        if not self._parts:
            raise ValueError("nothing was added")
        whole = self._kept(Columns._make(map(np.concatenate, zip(*self._parts, strict=True))))
        self._parts.clear()  # so that there are two copies at most
        _, first = np.unique(whole.ids, return_index=True)
        found = whole.only(first[np.argsort(whole.times[first], kind="stable")])
        self._parts.append(found)
        return found

    def weights(self, frauds: NDArray[np.bool_]) -> NDArray[np.float64] | None:
        """For how many transactions each stands; None where all were kept."""
        return None if self.share == 1.0 else np.where(frauds, 1.0, 1.0 / self.share)

    def _kept(self, part: Columns) -> Columns:
        recent = part.times > self._newest - self.span
        return part.only(recent & (part.frauds | (part.ids < np.uint64(min(self.share * _IDS, _IDS - 1)))))

    def _is_too_large(self) -> bool:
        count = sum(len(part.times) for part in self._parts)
        return count > self._most and any(not part.frauds.all() for part in self._parts)
