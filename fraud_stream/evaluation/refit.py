"""Fitting the challenger on labelled history, and judging it by the newest part of that."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from fraud_stream.errors import ModelError
from fraud_stream.evaluation.training_set import Columns, TrainingSet
from fraud_stream.models.batch import HeldOut, Measures
from fraud_stream.models.blend import blended
from fraud_stream.models.challenger import Challenger

#: Frauds, and genuine transactions, that it is fitted on at least, and judged by at least.
ENOUGH = 20
#: The newest share of the transactions that it is judged by.
HELD_OUT = 0.2
Scores = NDArray[np.float64]


class Fitted(NamedTuple):
    """What came of it.

    Attributes:
        challenger: Fitted on all.
        columns: What it was fitted on.
        held_out: What one that was fitted on the older part says of the newest; None where that has too few frauds.
    """

    challenger: Challenger
    columns: Columns
    held_out: HeldOut | None


def refit(history: TrainingSet) -> Fitted:
    """Fit a challenger.

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
    weights = history.weights(columns.frauds)
    return Fitted(Challenger(columns.rows, columns.frauds, weights), columns, judged(columns, weights))


def judged(columns: Columns, weights: NDArray[np.float64] | None) -> HeldOut | None:
    """What a challenger that knows the labels of its time, and none later, says of the newest transactions.

    Args:
        columns: In order of event time.
        weights: For how many transactions each stands.
    """
    newest = np.arange(len(columns.times)) >= int(len(columns.times) * (1.0 - HELD_OUT))
    begins = float(columns.times[newest][0])
    known = ~newest & (columns.known <= begins)
    if not _is_enough(columns.frauds[known]) or not _is_enough(columns.frauds[newest]):
        return None
    trees = Challenger(columns.rows[known], columns.frauds[known], None if weights is None else weights[known])
    scored = newest & ~np.isnan(columns.online)
    chosen = scored if _is_enough(columns.frauds[scored]) else newest
    test = columns.only(chosen)
    return _told(test, None if weights is None else weights[chosen], trees.probabilities(test.rows))


def _told(test: Columns, weights: NDArray[np.float64] | None, scores: Scores) -> HeldOut:
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


def _measures(frauds: NDArray[np.bool_], scores: Scores, weights: NDArray[np.float64] | None) -> Measures:
    return Measures(
        float(average_precision_score(frauds, scores, sample_weight=weights)),
        float(roc_auc_score(frauds, scores, sample_weight=weights)),
    )


def _is_enough(frauds: NDArray[np.bool_]) -> bool:
    return min(int(frauds.sum()), int((~frauds).sum())) >= ENOUGH
