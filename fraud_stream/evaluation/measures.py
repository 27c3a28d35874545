"""How good scores are: the measures of the field, each of a contestant's scores and the labels.

Card Precision@k and the test set without known cards are the Fraud Detection Handbook's (Le Borgne, Siblini, Lebichot,
Bontempi; ULB 2022, chapters 4 and 5): an analyst looks at k cards a day, and not again at one that was found.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.prequential import Judged

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]
#: Cards that an analyst looks at in a day.
CARDS_A_DAY = 100
#: Days before the test whose frauds are known when it begins.
TRAINING_DAYS = 7


class Quality(NamedTuple):
    """How good the scores of a contestant are.

    Attributes:
        average_precision: Area under the precision-recall curve.
        roc_auc: Area under the ROC curve.
        card_precision: Card Precision@100: frauds among the 100 highest-scored cards of a day, averaged over the days.
        recall_at_1_percent: The share of the frauds found where 1 % of the genuine transactions are alerted.
        f1: The best F1 that a threshold can give.
    """

    average_precision: float
    roc_auc: float
    card_precision: float
    recall_at_1_percent: float
    f1: float


def quality(judged: Judged, contestant: str) -> Quality | None:
    """The measures of a contestant; None where it has no scores, or one kind of label is missing."""
    scores, frauds = judged.scores[contestant], judged.frauds
    if frauds.all() or not frauds.any() or np.isnan(scores).any():
        return None
    return Quality(
        float(average_precision_score(frauds, scores)),
        float(roc_auc_score(frauds, scores)),
        card_precision(judged, scores),
        recall_at(frauds, scores, 0.01),
        best_f1(frauds, scores),
    )


def between(judged: Judged, start: float, end: float) -> Judged:
    """The transactions from `start` to `end`, seconds since 1970."""
    return judged.only((judged.times >= start) & (judged.times < end))


def without_known_cards(judged: Judged, start: float, end: float, delay: float) -> Judged:
    """The test from `start` to `end` without the payments of customers who are known to be compromised.

    Known are, on a day, those with a fraud on a day at least `delay` and one day before it, and not before the last
    `TRAINING_DAYS` whose labels were known when the test began.
    """
    days = judged.times // DAY
    first = start // DAY - delay // DAY - TRAINING_DAYS
    counts = judged.frauds & (days >= first)
    known_from = np.full(int(judged.customers.max(initial=-1)) + 1, np.inf)
    np.minimum.at(known_from, judged.customers[counts], days[counts] + delay // DAY + 1)
    inside = (judged.times >= start) & (judged.times < end)
    return judged.only(inside & (days < known_from[judged.customers]))


def card_precision(judged: Judged, scores: Scores, most: int = CARDS_A_DAY) -> float:
    """Card Precision@k: each day's fraudulent cards among its `most` highest-scored ones, over `most`, averaged."""
    return float(np.mean(list(_found_by_day(judged, scores, most)))) / most


def _found_by_day(judged: Judged, scores: Scores, most: int) -> Iterator[int]:
    found = np.zeros(int(judged.customers.max(initial=-1)) + 1, dtype=bool)
    days = judged.times // DAY
    for day in np.unique(days):
        today = (days == day) & ~found[judged.customers]
        cards, place = np.unique(judged.customers[today], return_inverse=True)
        highest, fraud = np.full(len(cards), -np.inf), np.zeros(len(cards), dtype=bool)
        np.maximum.at(highest, place, scores[today])
        np.logical_or.at(fraud, place, judged.frauds[today])
        looked_at = np.argsort(-highest, kind="stable")[:most]
        hits = cards[looked_at[fraud[looked_at]]]
        found[hits] = True
        yield len(hits)


def recall_at(frauds: Labels, scores: Scores, false_positive_rate: float) -> float:
    """The largest share of the frauds found with at most that share of the genuine transactions alerted."""
    wrong, right, _ = roc_curve(frauds, scores, drop_intermediate=False)
    return float(right[wrong <= false_positive_rate].max())


def best_f1(frauds: Labels, scores: Scores) -> float:
    """The best F1 of all thresholds."""
    precision, recall, _ = precision_recall_curve(frauds, scores)
    return float((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max())
