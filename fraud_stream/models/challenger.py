"""The challenger: gradient boosting refit on labelled history, off the stream."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

Rows = NDArray[np.float64]


class Challenger:
    """A fitted scikit-learn HistGradientBoostingClassifier: 100 trees of 15 leaves.

    Args:
        rows: Features of labelled transactions, one row each.
        labels: Whether each was fraud; both kinds must be among them.
    """

    def __init__(self, rows: Rows, labels: Sequence[bool]) -> None:
        self._trees = HistGradientBoostingClassifier(
            max_iter=100, max_leaf_nodes=15, learning_rate=0.05, l2_regularization=1.0, random_state=0
        ).fit(rows, labels)

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        """The probability of fraud of each row."""
        found: NDArray[np.float64] = self._trees.predict_proba(rows)[:, 1]
        return found


def blended(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two models' probabilities as one: the mean of their log odds.

    >>> blended(np.array([0.5, 0.2]), np.array([0.5, 0.8])).round(3).tolist()
    [0.5, 0.5]
    """
    logits = [np.log(p) - np.log1p(-p) for p in (np.clip(part, 1e-12, 1 - 1e-12) for part in (one, other))]
    found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(logits[0] + logits[1]) / 2))
    return found
