"""The figures of a model's card, from what it said of the test."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from fraud_stream.evaluation.refit import Tested
from fraud_stream.models.card import ConfusionMatrix, Figures, Threshold


def threshold_of(tested: Tested | None, usual: float) -> Threshold:
    """What is taken for fraud; `usual` where the data cannot tell."""
    found = None if tested is None else tested.threshold
    return Threshold(usual, "[model] alert_threshold") if found is None else Threshold(found, "best F1")


def figures_of(tested: Tested, threshold: float) -> Figures:
    """How good it is at a threshold."""
    said, truth, weights = tested.scores >= threshold, tested.frauds, tested.weights
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, said, average="binary", sample_weight=weights, zero_division=0.0
    )
    challenger = tested.told.challenger
    return Figures(
        float(accuracy_score(truth, said, sample_weight=weights)),
        float(precision),
        float(recall),
        float(f1),
        challenger.average_precision,
        challenger.roc_auc,
        ConfusionMatrix(*_counts(truth, said, weights)),
    )


def _counts(truth: NDArray[np.bool_], said: NDArray[np.bool_], weights: NDArray[np.float64] | None) -> list[int]:
    found = confusion_matrix(truth, said, labels=[False, True], sample_weight=weights)
    return [round(count) for count in found.ravel().tolist()]
