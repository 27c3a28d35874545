"""Scores counted by bins of their log odds, frauds apart from genuine ones, and the measures that the counts give.

Any number of scores takes the same few kilobytes, and counts of days add up.  The bins are 0.07 of log odds wide; how
the scores of one bin rank is not known.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
#: Two rows, genuine transactions and frauds; a column for each bin.
Counts = NDArray[np.int64]
BINS = 400
#: Log odds at which the bins end on either side: a probability of 8e-7; what lies beyond is in the last bin.
LARGEST = 14.0
_PER_UNIT = BINS / (2 * LARGEST)
#: So much of a bin a score may lie below its lower edge, or rounding would tell an edge from itself.
_SLACK = 1e-7
_CLOSEST = 1e-12
#: The lower edge of each bin, as a probability.
EDGES: Scores = 1.0 / (1.0 + np.exp((BINS / 2 - np.arange(BINS)) / _PER_UNIT))


def bins_of(scores: Scores) -> NDArray[np.intp]:
    """The bin of each probability.

    >>> bins_of(np.array([0.0, 0.5, 1.0])).tolist()
    [0, 200, 399]
    """
    inside = np.clip(scores, _CLOSEST, 1 - _CLOSEST)
    places = (np.log(inside) - np.log1p(-inside)) * _PER_UNIT + (BINS / 2 + _SLACK)
    found: NDArray[np.intp] = np.clip(places, 0, BINS - 1).astype(np.intp)
    return found


def bin_of(threshold: float) -> int:
    """The bin of a threshold: scores of this bin and above alert."""
    return int(bins_of(np.array([threshold]))[0])


def counted(scores: Scores, frauds: NDArray[np.bool_]) -> Counts:
    """The counts of scores.

    >>> counted(np.array([0.5, 0.5, 0.9]), np.array([True, False, False]))[:, 200].tolist()
    [1, 1]
    """
    places = bins_of(scores) + BINS * frauds
    return np.bincount(places, minlength=2 * BINS).reshape(2, BINS)


class Rates(NamedTuple):
    """What comes of alerting: nan where nothing was alerted, or there is no fraud.

    Attributes:
        precision: The share of frauds among what was alerted.
        recall: The share of the frauds that was alerted.
        f1: Their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


def rates(found: int, alerted: int, frauds: int) -> Rates:
    """The rates of `alerted` transactions, `found` of them frauds, of `frauds` in all.

    >>> rates(3, 4, 6)
    Rates(precision=0.75, recall=0.5, f1=0.6)
    """
    return Rates(_share(found, alerted), _share(found, frauds), _share(2 * found, alerted + frauds))


def rates_at(counts: Counts, threshold: float) -> Rates:
    """The rates of alerting from a threshold on, to within its bin."""
    above = counts[:, bin_of(threshold) :].sum(axis=1)
    return rates(int(above[1]), int(above.sum()), int(counts[1].sum()))


def f1_by_bin(counts: Counts) -> Scores:
    """The F1 of alerting from each bin on; zeros where there is no fraud."""
    above = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    found: Scores = 2 * above[1] / np.maximum(above.sum(axis=0) + above[1, 0], 1)
    return found


def best_f1(counts: Counts) -> tuple[float, float]:
    """The best F1 of all thresholds, and the threshold that gives it."""
    by_bin = f1_by_bin(counts)
    best = int(np.argmax(by_bin))
    return float(by_bin[best]), float(EDGES[best])


def average_precision(counts: Counts) -> float:
    """The area under the precision-recall curve; nan without a fraud.

    The frauds of a bin have the precision at the middle one of them, as if they ranked evenly among its genuine ones.
    """
    genuine, frauds = counts[:, ::-1]
    found = np.cumsum(frauds) - frauds + (frauds + 1) / 2
    precision = found / (found + np.cumsum(genuine) - genuine / 2)
    return _share(float(np.sum(precision * frauds)), int(frauds.sum()))


def roc_auc(counts: Counts) -> float:
    """The area under the ROC curve: how often a fraud ranks above a genuine one, a tie counting half (Mann-Whitney)."""
    genuine, frauds = counts
    below = np.cumsum(genuine) - genuine / 2
    return _share(float(np.sum(frauds * below)), int(genuine.sum()) * int(frauds.sum()))


def _share(part: float, whole: int) -> float:
    return part / whole if whole else float("nan")
