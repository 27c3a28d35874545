"""Lengths of time counted by bins of their logarithm, and the quantiles that the counts give."""

import math

import numpy as np
from numpy.typing import NDArray

BINS = 256
#: Bins of one unit of log seconds: each is 8 % wide; the last one begins at 14 years.
_PER_UNIT = BINS / 20.0


def counted(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """The counts of lengths of time; less than a second counts as one."""
    places = np.log(np.maximum(seconds, 1.0)) * _PER_UNIT
    return np.bincount(np.minimum(places, BINS - 1).astype(np.intp), minlength=BINS)


def quantile(counts: NDArray[np.int64], share: float) -> float:
    """The length that `share` of them do not exceed, seconds, right to 4 %; nan of nothing.

    >>> counts = counted(np.array([60.0, 3600.0, 86400.0]))
    >>> abs(quantile(counts, 0.5) / 3600.0 - 1) < 0.04
    True
    """
    upto = np.cumsum(counts)
    if not upto[-1]:
        return float("nan")
    place = int(np.searchsorted(upto, share * upto[-1]))
    return math.exp((place + 0.5) / _PER_UNIT)
