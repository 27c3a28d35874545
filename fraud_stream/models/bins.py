"""Bins: how finely a feature is told apart, learnt from its values.

All values begin in one bin.  A bin that holds too much of what was seen is cut at its median; parts are never joined
again, so what was learnt of it holds for both.  Frauds and genuine transactions count half each, however rare frauds
are: bins are fine where it is decided which of the two a transaction is.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fraud_stream.models.cells import CELLS, Places

#: A bin with a larger share of what was seen is cut.
LARGEST_SHARE = 1 / 24
#: With fewer frauds than this their values say too little.
ENOUGH_FRAUDS = 20

Shares = NDArray[np.float64]
Counts = NDArray[np.int64]


def shares(genuine: Counts, frauds: Counts) -> Shares:
    """The share of each cell in what was seen of one feature, both kinds counting half where both are known.

    >>> shares(np.array([3, 1, 0]), np.array([0, 0, 20])).tolist()
    [0.375, 0.125, 0.5]
    """
    kinds = [
        counts / counts.sum() for counts, least in ((genuine, 1), (frauds, ENOUGH_FRAUDS)) if counts.sum() >= least
    ]
    mean: Shares = sum(kinds, np.zeros(len(genuine))) / max(len(kinds), 1)
    return mean


def refined(bins: Places, seen: Shares) -> Places:
    """Finer bins.

    Args:
        bins: The bin of each cell, ascending.
        seen: The share of each cell.
    """
    places = np.flatnonzero(seen)
    starts = np.flatnonzero(np.diff(bins)) + 1
    parts = np.split(places, np.searchsorted(places, starts))
    cuts = {int(cut) for part in parts for cut in _cuts(part, seen)}
    marks = np.zeros(CELLS, dtype=np.int64)
    marks[[*starts, *cuts]] = 1
    return np.cumsum(marks)


def _cuts(places: Places, seen: Shares) -> Iterator[int]:
    """Where a bin with something in the cells `places` is cut: the first cells of the parts after the first."""
    summed = np.cumsum(seen[places])
    if len(places) < 2 or summed[-1] <= LARGEST_SHARE:
        return
    left = int(np.argmin(np.abs(2 * summed[:-1] - summed[-1]))) + 1
    yield int(places[left - 1] + places[left] + 1) // 2
    yield from _cuts(places[:left], seen)
    yield from _cuts(places[left:], seen)
