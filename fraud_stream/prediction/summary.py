"""What came of predicting a file, as `prediction_summary.json` has it."""

import math
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np

from fraud_stream.prediction.parts import Reject
from fraud_stream.prediction.predictor import Cuts, Predicted

NAME = "prediction_summary.json"


class Summary(msgspec.Struct, frozen=True):
    """A file that was predicted.

    Attributes:
        total_transactions: Transactions that were predicted.
        fraudulent_transactions: Those that are taken for fraud.
        normal_transactions: The others.
        fraud_rate: The share of the first; null where there were none.
        avg_fraud_probability: The mean of what is said; likewise.
        high_risk_count: Those that would be blocked.
        medium_risk_count: Those that would be reviewed.
        low_risk_count: Those that would be accepted.
        processing_time_seconds: How long it took.
        timestamp: When it was done.
        rows_per_second: How many were predicted a second.
        rejected: Rows that were not predicted, by reason.
        backwards: Payments that were earlier than the one before them.
        features: ``columns``: as the file has them; ``computed``: as the stream would have.
        model: The model.
        model_sha256: SHA-256 of its file.
        input: The file.
        output: The predictions.
        threshold: The probability from which a transaction is taken for fraud.
        threshold_from: Who chose that.
        block_threshold: The probability from which it would be blocked.
    """

    total_transactions: int
    fraudulent_transactions: int
    normal_transactions: int
    fraud_rate: float
    avg_fraud_probability: float
    high_risk_count: int
    medium_risk_count: int
    low_risk_count: int
    processing_time_seconds: float
    timestamp: datetime
    rows_per_second: float
    rejected: dict[str, int]
    backwards: int
    features: str
    model: str
    model_sha256: str
    input: str
    output: str
    threshold: float
    threshold_from: str
    block_threshold: float


class Origin(NamedTuple):
    """What was predicted, by what, and where to: see `Summary`."""

    backwards: int
    features: str
    model: str
    model_sha256: str
    input: str
    output: str


class Tally:
    """Counts on the way.

    Attributes:
        total: Transactions that were predicted.
        rejected: Rows that were not, by reason.
    """

    def __init__(self) -> None:
        self.total = 0
        self.rejected: Counter[str] = Counter()
        self._frauds, self._sum = 0, 0.0
        self._levels: Counter[str] = Counter()

    def add(self, said: Predicted) -> None:
        """Count predictions."""
        self.total += len(said.frauds)
        self._frauds += int(said.frauds.sum())
        self._sum += float(said.probabilities.sum())
        levels, counts = np.unique(said.levels, return_counts=True)
        self._levels.update(dict(zip(levels.tolist(), counts.tolist(), strict=True)))

    def reject(self, one: Reject) -> None:
        """Count a row that was not predicted."""
        self.rejected[one.reason] += 1

    def summary(self, seconds: float, cuts: Cuts, origin: Origin) -> Summary:
        """What came of it."""
        count = self.total or math.nan  # of nothing there is no share: JSON has null for it
        return Summary(
            self.total,
            self._frauds,
            self.total - self._frauds,
            self._frauds / count,
            self._sum / count,
            self._levels["HIGH"],
            self._levels["MEDIUM"],
            self._levels["LOW"],
            round(seconds, 3),
            datetime.now(UTC),
            round(self.total / max(seconds, 1e-9), 1),
            dict(self.rejected),
            *origin,
            cuts.fraud,
            cuts.chosen_by,
            cuts.block,
        )
