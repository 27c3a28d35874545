"""Fitting the challenger on labelled history, and judging it by the newest part of that."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from fraud_stream.errors import ModelError
from fraud_stream.evaluation.training_set import Columns, TrainingSet
from fraud_stream.models.batch import HeldOut, Measures
from fraud_stream.models.blend import blended
from fraud_stream.models.learners import Learner, Learnt

#: Frauds, and genuine transactions, that it is fitted on at least, and judged by at least.
ENOUGH = 20
#: The newest share of the transactions that it is judged by.
HELD_OUT = 0.2
Scores = NDArray[np.float64]
Weights = NDArray[np.float64] | None


class Tested(NamedTuple):
    """What a challenger that knows the labels of its time, and none later, says of the newest transactions.

    Attributes:
        told: How good that is, beside the online model.
        frauds: Their labels.
        scores: What it says of them.
        weights: For how many transactions each stands; None where for itself.
        threshold: The probability with the best F1 in the newest part of what it was fitted on, by one that was fitted
            on what was known before that; None where that has too few frauds.
    """

    told: HeldOut
    frauds: NDArray[np.bool_]
    scores: Scores
    weights: Weights
    threshold: float | None


class Fitted(NamedTuple):
    """What came of it.

    Attributes:
        challenger: Fitted on all.
        columns: What it was fitted on.
        tested: What one that was fitted on the older part says of the newest; None where that has too few frauds.
    """

    challenger: Learnt
    columns: Columns
    tested: Tested | None

    @property
    def held_out(self) -> HeldOut | None:
        """How good that is."""
        return self.tested and self.tested.told


def refit(history: TrainingSet, learner: Learner, made: tuple[str, ...]) -> Fitted:
    """Fit a challenger.

    Args:
        history: Transactions with the features `made`.
        learner: What fits it.
        made: The names of their features.

    Raises:
        ModelError: There are too few frauds, or genuine transactions.
    """
    if not history.read:
        raise ModelError("there are no labelled transactions to learn from")
    columns = history.columns()
    if not _is_enough(columns.frauds):
        frauds = int(columns.frauds.sum())
        raise ModelError(
            f"{frauds:,} frauds among {len(columns.frauds):,} labelled transactions; at least {ENOUGH} frauds and "
            f"{ENOUGH} genuine ones are needed: wait for more labels, or take a longer --history"
        )
    places = [made.index(name) for name in learner.features]
    columns = columns._replace(rows=columns.rows[:, places])
    weights = history.weights(columns.frauds)
    return Fitted(learner.fit(columns.rows, columns.frauds, weights), columns, tested(columns, weights, learner))


class _Halves(NamedTuple):
    """Which transactions are the newest, and of which others the label was known when those began."""

    known: NDArray[np.bool_]
    newest: NDArray[np.bool_]


def tested(columns: Columns, weights: Weights, learner: Learner) -> Tested | None:
    """Have a challenger judge the newest transactions; None where there are too few frauds, or before them.

    Args:
        columns: In order of event time, with the features that the learner reads.
        weights: For how many transactions each stands.
        learner: What fits it.
    """
    known, newest = halves = _split(columns)
    if not _are_enough(columns, halves):
        return None
    scored = newest & ~np.isnan(columns.online)
    chosen = scored if _is_enough(columns.frauds[scored]) else newest
    before, of_before = columns.only(known), _of(weights, known)
    test, of_test = columns.only(chosen), _of(weights, chosen)
    scores = learner.fit(before.rows, before.frauds, of_before).probabilities(test.rows)
    threshold = _threshold(before, of_before, learner)
    return Tested(_told(test, of_test, scores), test.frauds, scores, of_test, threshold)


def _threshold(columns: Columns, weights: Weights, learner: Learner) -> float | None:
    """The probability with the best F1 in the newest part, by one that knows what was known before it."""
    known, newest = halves = _split(columns)
    if not _are_enough(columns, halves):
        return None
    fitted = learner.fit(columns.rows[known], columns.frauds[known], _of(weights, known))
    scores = fitted.probabilities(columns.rows[newest])
    return best_threshold(columns.frauds[newest], scores, _of(weights, newest))


def best_threshold(frauds: NDArray[np.bool_], scores: Scores, weights: Weights = None) -> float:
    """The score from which an alert gives the best F1.

    >>> best_threshold(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.5, 0.9]))
    0.4
    """
    precision, recall, thresholds = precision_recall_curve(frauds, scores, sample_weight=weights)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[np.argmax(f1[:-1])])


def _split(columns: Columns) -> _Halves:
    newest = np.arange(len(columns.times)) >= int(len(columns.times) * (1.0 - HELD_OUT))
    begins = float(columns.times[newest][0])
    return _Halves(~newest & (columns.known <= begins), newest)


def _are_enough(columns: Columns, halves: _Halves) -> bool:
    return all(_is_enough(columns.frauds[chosen]) for chosen in halves)


def _of(weights: Weights, chosen: NDArray[np.bool_]) -> Weights:
    return None if weights is None else weights[chosen]


def _told(test: Columns, weights: Weights, scores: Scores) -> HeldOut:
    """The measures; of the online model where it was asked of each of these."""
    with_online = not np.isnan(test.online).any()
    return HeldOut(
        float(test.times[0]),
        float(test.times[-1]),
        len(test.frauds),
        int(test.frauds.sum()),
        _measures(test.frauds, scores, weights),
        _measures(test.frauds, test.online, weights) if with_online else None,
        _measures(test.frauds, blended(test.online, scores), weights) if with_online else None,
    )


def _measures(frauds: NDArray[np.bool_], scores: Scores, weights: Weights) -> Measures:
    return Measures(
        float(average_precision_score(frauds, scores, sample_weight=weights)),
        float(roc_auc_score(frauds, scores, sample_weight=weights)),
    )


def _is_enough(frauds: NDArray[np.bool_]) -> bool:
    return min(int(frauds.sum()), int((~frauds).sum())) >= ENOUGH
