"""Transactions of the past as columns, with what labels have told of them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.rules import TEXT_FIELDS, CompiledRule

Column = NDArray[Any]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Labels = NDArray[np.int8]
#: What is known of a transaction.
UNKNOWN, GENUINE, FRAUD = -1, 0, 1


class Past(NamedTuple):
    """Transactions, one row each.

    Attributes:
        transaction_ids: Their ids.
        customer_ids: Who paid.
        numbers: What stands for each: see `numbered`.
        times: Event times, seconds since 1970.
        amounts: What was paid.
        labels: `FRAUD`, `GENUINE` or `UNKNOWN`.
        columns: The features and fields that rules name.
    """

    transaction_ids: Sequence[str]
    customer_ids: Sequence[str]
    numbers: Numbers
    times: NDArray[np.float64]
    amounts: NDArray[np.float64]
    labels: Labels
    columns: Mapping[str, Column]

    @classmethod
    def of(
        cls,
        ids: tuple[Sequence[str], Sequence[str]],
        times: Sequence[float] | NDArray[np.float64],
        amounts: Sequence[float] | NDArray[np.float64],
        labels: Sequence[bool | None],
        columns: Mapping[str, Column],
    ) -> "Past":
        """Transactions by their ids: those of the customers, and their own."""
        customers, transactions = ids
        numbers, known = numbered(customers, transactions), as_labels(labels)
        return cls(transactions, customers, numbers, np.asarray(times), np.asarray(amounts), known, columns)

    def only(self, chosen: Mask) -> "Past":
        """Those that are chosen."""
        kept = chosen.tolist()
        return Past(
            list(compress(self.transaction_ids, kept)),
            list(compress(self.customer_ids, kept)),
            self.numbers[chosen],
            self.times[chosen],
            self.amounts[chosen],
            self.labels[chosen],
            {name: column[chosen] for name, column in self.columns.items()},
        )


class Needed(NamedTuple):
    """What rules name.

    Attributes:
        features: Features, in the order of a feature row.
        texts: Text fields of the transaction.
    """

    features: tuple[str, ...]
    texts: tuple[str, ...]

    @classmethod
    def by(cls, rules: Iterable[CompiledRule], features: Sequence[str]) -> "Needed":
        """What these rules name, of the features that there are."""
        named = {comparison.name for rule in rules for comparison in rule.comparisons}
        return cls(*(tuple(name for name in names if name in named) for names in (features, TEXT_FIELDS)))


def numbered(customer_ids: Sequence[str], transaction_ids: Sequence[str]) -> Numbers:
    """A number for each transaction of a customer, the same for the same in this process alone.

    Two of ten million have the same one with a probability of 3e-6: 1e7 ** 2 / 2 ** 65.

    >>> one, other, again = numbered(["C1", "C1T", "C1"], ["T1", "1", "T1"])
    >>> bool(one == again != other)
    True
    """
    return np.fromiter(map(hash, zip(customer_ids, transaction_ids, strict=True)), np.int64, len(transaction_ids))


class KnownLabels:
    """Labels by transaction; the first one of a transaction counts.

    Args:
        numbers: What stands for the transactions, in the order in which the labels came.
        frauds: The labels.

    >>> known = KnownLabels(numbered(["C1", "C1"], ["T1", "T1"]), np.array([True, False]))
    >>> known.of(numbered(["C1", "C2"], ["T1", "T1"])).tolist() == [FRAUD, UNKNOWN]
    True
    """

    def __init__(self, numbers: Numbers, frauds: Mask) -> None:
        self._numbers, first = np.unique(numbers, return_index=True)
        self._labels: Labels = frauds[first].astype(np.int8)

    def of(self, numbers: Numbers) -> Labels:
        """The label of each transaction."""
        found = np.full(len(numbers), UNKNOWN, dtype=np.int8)
        if len(self._numbers):
            places = np.searchsorted(self._numbers, numbers).clip(max=len(self._numbers) - 1)
            known = self._numbers[places] == numbers
            found[known] = self._labels[places[known]]
        return found


def as_labels(labels: Sequence[bool | None]) -> Labels:
    """Labels as numbers.

    >>> as_labels([True, False, None]).tolist() == [FRAUD, GENUINE, UNKNOWN]
    True
    """
    return np.array([UNKNOWN if label is None else label for label in labels], dtype=np.int8)
