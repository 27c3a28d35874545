"""The challenger: gradient boosting refit on labelled history, off the stream."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

Rows = NDArray[np.float64]


class Challenger:
    """A fitted scikit-learn HistGradientBoostingClassifier: 100 trees of 15 leaves.

    Args:
        rows: Features of labelled transactions, one row each.
        labels: Whether each was fraud; both kinds must be among them.
        weights: For how many transactions each row stands; one each where it is None.

    Attributes:
        classifier: The classifier.
    """

    def __init__(
        self, rows: Rows, labels: Sequence[bool] | NDArray[np.bool_], weights: NDArray[np.float64] | None = None
    ) -> None:
        self.classifier = HistGradientBoostingClassifier(
            max_iter=100, max_leaf_nodes=15, learning_rate=0.05, l2_regularization=1.0, random_state=0
        )
        # its threads wait for each other in loops: beside a busy worker they take ten times as long as one alone
        with threadpool_limits(1, "openmp"):
            self.classifier.fit(rows, labels, sample_weight=weights)

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        """The probability of fraud of each row."""
        with threadpool_limits(1, "openmp"):
            found: NDArray[np.float64] = self.classifier.predict_proba(rows)[:, 1]
        return found
