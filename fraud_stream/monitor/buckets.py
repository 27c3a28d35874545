"""A histogram as Prometheus counts it, and what can be told of it."""

import math
from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple


class Buckets(NamedTuple):
    """How many values are not above each bound.

    Attributes:
        counts: By bound; the largest bound is infinite.
        total: The sum of all values.

    >>> Buckets({1.0: 2, 2.0: 3, math.inf: 4}, 9.0).mean
    2.25
    """

    counts: Mapping[float, float]
    total: float

    @property
    def number(self) -> float:
        """How many values there are."""
        return max(self.counts.values(), default=0.0)

    @property
    def mean(self) -> float | None:
        """The mean of the values; None of nothing."""
        return self.total / self.number if self.number else None

    def quantile(self, share: float) -> float | None:
        """The value that `share` of them do not exceed; None of nothing.

        As Prometheus' ``histogram_quantile``: values lie evenly within a bucket, and beyond the largest finite bound
        it is that bound.

        >>> Buckets({1.0: 2, 2.0: 4, math.inf: 5}, 9.0).quantile(0.6)
        1.5
        """
        rank, lower, below = share * self.number, 0.0, 0.0
        bounds = sorted(self.counts)
        upto = accumulate((self.counts[bound] for bound in bounds), max)  # estimated counts may fall a little
        for bound, below_it in zip(bounds, upto, strict=True):
            if below_it >= rank and below_it > below:
                return lower if bound == math.inf else lower + (bound - lower) * (rank - below) / (below_it - below)
            lower, below = bound, below_it
        return None
