"""Counts all scored transactions, labelled or not, and publishes the counts to `models`.

Each worker counts what it decides, by partition, and adds it to what was published of the partition, by whomever.  A
worker that is killed takes the counts of one interval with it, as nothing but a share and a budget rests on them.
"""

import time
from collections.abc import Sequence

import numpy as np

from agents.board import board
from agents.outputs import encode
from fraud_stream.app import app, settings
from fraud_stream.models.live.traffic import counted, updated


class TrafficCounter:
    """Scored transactions that are not published yet."""

    def __init__(self) -> None:
        self._times: dict[int, list[float]] = {}
        self._scores: dict[int, list[float | None]] = {}
        self._published_at = 0.0

    def note(self, partition: int, times: Sequence[float], scores: Sequence[float | None]) -> None:
        """Note scored transactions: event times, and the model's scores, None where it was not asked."""
        self._times.setdefault(partition, []).extend(times)
        self._scores.setdefault(partition, []).extend(scores)

    def publish_if_due(self) -> None:
        """Publish, at most once an interval, or when other workers are about to count on."""
        now = time.time()
        if now < self._published_at + settings.evaluation.publish_interval and not (app.rebalancing or app.should_stop):
            return
        for partition, times in self._times.items():
            new = counted(np.array(times), np.array(self._scores[partition], np.float64))
            record = updated(board.traffic.get(partition), partition, new)
            board.know(record)
            app.group_commit.outbox.put(settings.topics.models, 0, record.name.encode(), encode(record))
        self._times, self._scores = {}, {}
        self._published_at = now


traffic = TrafficCounter()
app.group_commit.before_commit.append(traffic.publish_if_due)
