"""What decides: rules and lists, models, the detector.  One a worker, over all of its partitions."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.board import board
from agents.models import maker, panel
from fraud_stream.app import app, settings
from fraud_stream.domain.decision import Decision, Detector, Judge, NoDetector
from fraud_stream.domain.transaction import Transaction
from fraud_stream.models.anomaly import AnomalyDetector
from fraud_stream.models.panel import Opinion
from fraud_stream.reports import Context

judge = Judge(maker.names, settings.rules, board.thresholds)
#: Every worker decides by the same rules and lists, from the next chunk on.
rules_reader = app.read_whole(settings.topics.rules, judge.rulebook.offer)
detector: Detector = AnomalyDetector(maker.names, settings.anomaly.share) if settings.tells_unusual else NoDetector()


class Decided(NamedTuple):
    """Decisions over some transactions.

    Attributes:
        decisions: One for each.
        opinion: What the models say of them.
        context: What the decisions have in common.
    """

    decisions: list[Decision]
    opinion: Opinion
    context: Context


def decide(
    transactions: Sequence[Transaction], rows: NDArray[np.float64], partition: int, watching: Detector = detector
) -> Decided:
    """Decide transactions of a partition; `rows` has their features, one row each."""
    judge.thresholds = board.thresholds
    opinion = panel.ask(rows)
    decisions = judge.decide(transactions, rows, opinion, watching)
    version, challenger = judge.rulebook.version, opinion.challenger_id
    context = Context(partition, opinion.id, version, time.time(), judge.thresholds.alert, challenger)
    return Decided(decisions, opinion, context)
