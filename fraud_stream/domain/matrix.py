"""Rows of numbers as one array."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray


def matrix(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Rows as one array; at least one.

    Raises:
        ValueError: They are not all of one length.

    >>> matrix([[1.0, 2], [3, 4.5]]).tolist()
    [[1.0, 2.0], [3.0, 4.5]]
    """
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        raise ValueError(f"rows of different lengths: {sorted({len(row) for row in rows})}")
    return np.fromiter(chain.from_iterable(rows), float, len(rows) * width).reshape(-1, width)  # np.array takes twice
