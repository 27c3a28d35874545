"""The figures of a live evaluation: of some days together, and of each."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fraud_stream.models.live import calibration, delays, odds
from fraud_stream.models.live.cards import card_precisions
from fraud_stream.models.live.day import QualityDay

#: The contestant whose score decides.
DECIDING = "deciding"
DELAY_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


class Figures(NamedTuple):
    """How good a contestant's scores were; nan where that cannot be told.

    Attributes:
        transactions: Labelled ones that it scored.
        frauds: Frauds among them.
        average_precision: The area under the precision-recall curve.
        roc_auc: The area under the ROC curve.
        precision: The share of frauds from the threshold on.
        recall: The share of the frauds that is from the threshold on.
        f1: Their harmonic mean.
        best_f1: The best F1 of all thresholds.
        best_threshold: The threshold that gives it.
        card_precision: Card Precision@k, the mean of the days that have scores.
        calibration_error: The expected calibration error.
    """

    transactions: int
    frauds: int
    average_precision: float
    roc_auc: float
    precision: float
    recall: float
    f1: float
    best_f1: float
    best_threshold: float
    card_precision: float
    calibration_error: float


def contestants(days: Sequence[QualityDay]) -> list[str]:
    """The names of those that have scores in these days, the deciding one first."""
    names = {name for day in days for name in day.contestants}
    return sorted(names, key=lambda name: (name != DECIDING, name))


def counts_of(days: Sequence[QualityDay], name: str) -> odds.Counts:
    """A contestant's scores of these days by bin of the log odds."""
    parts = [day.contestants[name].counts for day in days if name in day.contestants]
    return sum(parts, np.zeros((2, odds.BINS), np.int64))


def sums_of(days: Sequence[QualityDay], name: str) -> calibration.Sums:
    """A contestant's calibration in these days."""
    parts = [day.contestants[name].sums for day in days if name in day.contestants]
    return sum(parts, calibration.no_sums())


def figures_of(days: Sequence[QualityDay], name: str, threshold: float, cards: int) -> Figures:
    """How good a contestant's scores of these days were.

    Args:
        days: The days.
        name: The contestant.
        threshold: From where on it alerts.
        cards: Cards that are looked at in a day.
    """
    counts, sums = counts_of(days, name), sums_of(days, name)
    best, best_threshold = odds.best_f1(counts) if counts[1].any() else (math.nan, math.nan)
    by_day = cards_by_day(days, name, cards).values()
    return Figures(
        int(counts.sum()),
        int(counts[1].sum()),
        odds.average_precision(counts),
        odds.roc_auc(counts),
        *odds.rates_at(counts, threshold),
        best,
        best_threshold,
        math.fsum(by_day) / len(by_day) if by_day else math.nan,
        calibration.expected_error(sums),
    )


def cards_by_day(days: Sequence[QualityDay], name: str, cards: int) -> dict[int, float]:
    """Card Precision@k of each day that has scores; a card that was found on one of them is not looked at again."""
    kept = {day.day: day.contestants[name].cards.kept() for day in days if name in day.contestants}
    return dict(zip(kept, card_precisions(kept.values(), cards), strict=True))


class Sent(NamedTuple):
    """What the labels say of the alerts as they were sent, those of the rules included.

    Attributes:
        labelled: Labelled transactions.
        frauds: Frauds among them.
        alerted: Those that had alerted.
        rates: Precision, recall and F1 of the alerts.
    """

    labelled: int
    frauds: int
    alerted: int
    rates: odds.Rates


def sent(days: Sequence[QualityDay]) -> Sent:
    """What the labels say of the alerts of these days."""
    outcomes = sum((day.outcomes for day in days), np.zeros((2, 2), np.int64))
    frauds, alerted = int(outcomes[:, 1].sum()), int(outcomes[1].sum())
    return Sent(int(outcomes.sum()), frauds, alerted, odds.rates(int(outcomes[1, 1]), alerted, frauds))


def label_delays(days: Sequence[QualityDay]) -> dict[str, float]:
    """How long labels took, seconds: the quantiles."""
    counts = sum((day.delays for day in days), np.zeros(delays.BINS, np.int64))
    return {name: delays.quantile(counts, share) for name, share in DELAY_QUANTILES.items()}
