"""A histogram of durations that takes a whole chunk at once, as Prometheus counts them."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

#: Upper bounds, seconds: fine about a tenth of a second, where a stream that keeps up is.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)


class Histogram:
    """Counts values by buckets.

    Args:
        bounds: The upper bound of each bucket but the last, which has none, ascending; a bucket has its bound in it.

    Attributes:
        total: The sum of all values.

    >>> histogram = Histogram((1.0, 2.0))
    >>> histogram.add([0.5, 1.0, 5.0])
    >>> list(histogram.cumulative()), histogram.total
    ([('1.0', 2), ('2.0', 2), ('+Inf', 3)], 6.5)
    """

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.total = 0.0
        self._bounds = np.array(bounds)
        self._counts = np.zeros(len(bounds) + 1, np.int64)

    def add(self, values: ArrayLike) -> None:
        """Count values."""
        array = np.asarray(values, dtype=float)
        self._counts += np.bincount(np.searchsorted(self._bounds, array), minlength=len(self._counts))
        self.total += float(array.sum())

    def cumulative(self) -> Iterator[tuple[str, int]]:
        """Each bucket's bound as Prometheus writes it, and how many values are not above it."""
        names = [*map(str, self._bounds.tolist()), "+Inf"]
        return zip(names, np.cumsum(self._counts).tolist(), strict=True)
