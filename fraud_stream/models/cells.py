"""Cells: a fixed grid over all numbers, fine enough for any feature, in which values are counted and bins are cut.

A cell is `GROWTH` times as far from zero as the one before it, so a value is known to 8 %, whatever its size.  Counts
by cell give any quantile to that accuracy, in one pass, and merge and travel as plain numbers.

Source: Masson, Rim, Lee: DDSketch, a fast and fully-mergeable quantile sketch. PVLDB 12(12), 2019.
"""

import math

import numpy as np
from numpy.typing import NDArray

GROWTH = 1.08
#: What is nearer to zero is zero.
SMALLEST = 1e-3
#: Cells on each side of zero; what lies beyond is in the last, above a billion.
SIDE = math.ceil(math.log(1e9 / SMALLEST, GROWTH))
ZERO, CELLS = SIDE, 2 * SIDE + 1

Rows = NDArray[np.float64]
Places = NDArray[np.int64]


def cells_of(rows: Rows) -> Places:
    """The cell of each number, 0 to `CELLS` - 1 in the numbers' order; what is not a number has that of 0.

    >>> (cells_of(np.array([0.0, -1.0, 1.0, 1e30])) - ZERO).tolist()
    [0, -90, 90, 360]
    """
    known = np.nan_to_num(rows, nan=0.0)
    with np.errstate(divide="ignore"):
        steps = np.ceil((np.log(np.abs(known)) - math.log(SMALLEST)) * (1.0 / math.log(GROWTH)))
    found: Places = (ZERO + np.sign(known) * np.clip(steps, 0, SIDE)).astype(np.int64)
    return found
