"""What is read of a file to be predicted, part by part, and what could not be."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

#: Rows that are predicted together: with more, what is done with them falls out of the processor's cache.
TOGETHER = 16_384


class Reject(NamedTuple):
    """A row that cannot be predicted.

    Attributes:
        line: The line of the file on which it ends; in Parquet, which row it is.  Both count from 1.
        reason: One of the reasons for which the worker refuses records, or ``duplicate`` or ``bad_feature``.
        detail: What exactly is wrong.
        transaction_id: Which transaction it is, where that is known.
    """

    line: int
    reason: str
    detail: str
    transaction_id: str | None = None


class Part(NamedTuple):
    """Transactions to predict.

    Attributes:
        ids: Their ids.
        amounts: What was paid.
        rows: The features that the model reads, in its order, one row each.
    """

    ids: Sequence[str]
    amounts: NDArray[np.float64]
    rows: NDArray[np.float64]


Refuse = Callable[[Reject], object]


class Reader(Protocol):
    """Reads a file."""

    @property
    def size(self) -> int:
        """How much there is to read, in a unit of its own."""
        ...

    @property
    def position(self) -> int:
        """How much of that has been read."""
        ...

    @property
    def backwards(self) -> int:
        """How many payments were earlier than the one before them, where that matters."""
        ...

    def parts(self, refuse: Refuse) -> Iterator[Part]:
        """What is in the file, in its order; each row that cannot be predicted is refused."""
        ...
