"""Calibration: whether of the transactions that are given a probability of 30 % as many are frauds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Bins of equal width from 0 to 1.
BINS = 10
#: Three rows, a column for each bin: transactions, frauds among them, the sum of the probabilities said.
Sums = NDArray[np.float64]


class Bin(NamedTuple):
    """The transactions of one bin.

    Attributes:
        transactions: How many.
        said: The mean of the probabilities said.
        share: The share of frauds.
    """

    transactions: int
    said: float
    share: float


def no_sums() -> Sums:
    """The sums of nothing."""
    return np.zeros((3, BINS))


def summed(scores: NDArray[np.float64], frauds: NDArray[np.bool_]) -> Sums:
    """The sums of probabilities.

    >>> summed(np.array([0.5, 1.0]), np.array([False, True]))[:, [5, 9]].tolist()
    [[1.0, 1.0], [0.0, 1.0], [0.5, 1.0]]
    """
    places = np.clip(scores * BINS, 0, BINS - 1).astype(np.intp)
    return np.vstack([np.bincount(places, weights, minlength=BINS) for weights in (None, frauds, scores)])


def bins(sums: Sums) -> list[Bin]:
    """The bins that are not empty."""
    return [Bin(int(n), said / n, frauds / n) for n, frauds, said in sums.T.tolist() if n]


def expected_error(sums: Sums) -> float:
    """The expected calibration error: how far what was said lies from the share of frauds, in the mean; nan of nothing.

    Source: Naeini, Cooper, Hauskrecht: Obtaining well calibrated probabilities using Bayesian binning. AAAI 2015.

    >>> expected_error(summed(np.array([0.5, 1.0]), np.array([False, True])))
    0.25
    """
    total = sums[0].sum()
    return float(np.abs(sums[2] - sums[1]).sum() / total) if total else float("nan")
