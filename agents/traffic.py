"""Counts all scored transactions, labelled or not, and publishes the counts to `models`.

Each worker counts what it decides, by partition, and adds it to what was published of the partition, by whomever.  A
worker that is killed takes the counts of one interval with it, as nothing but a share and a budget rests on them.
"""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from agents.board import board
from agents.outputs import encode
from fraud_stream.app import app, settings
from fraud_stream.models.blend import contestants
from fraud_stream.models.live.traffic import counted, updated
from fraud_stream.models.panel import Said


class TrafficCounter:
    """Scored transactions that are not published yet."""

    def __init__(self) -> None:
        self._times: dict[int, list[float]] = {}
        self._said: dict[int, list[Said]] = {}
        self._published_at = 0.0

    def note(self, partition: int, times: Iterable[float], said: Iterable[Said]) -> None:
        """Note scored transactions: event times, and what each model said."""
        self._times.setdefault(partition, []).extend(times)
        self._said.setdefault(partition, []).extend(said)

    def publish_if_due(self) -> None:
        """Publish, at most once an interval, or when other workers are about to count on."""
        now = time.time()
        if now < self._published_at + settings.evaluation.publish_interval and not (app.rebalancing or app.should_stop):
            return
        for partition, times in self._times.items():
            online, challenger = np.array(self._said[partition], np.float64).T
            new = counted(np.array(times), contestants(online, challenger))
            record = updated(board.traffic.get(partition), partition, new)
            board.know(record)
            app.group_commit.outbox.put(settings.topics.models, 0, record.name.encode(), encode(record))
        self._times, self._said = {}, {}
        self._published_at = now

    def wait(self) -> None:
        """Others may have counted until now: what they published is read within an interval."""
        self._published_at = time.time()


traffic = TrafficCounter()
app.group_commit.before_commit.append(traffic.publish_if_due)


@app.on_partitions_assigned.connect
async def on_assigned(*_: Any, **__: Any) -> None:
    """Go on from what the owners before have counted."""
    traffic.wait()
