"""Judges the scores by the labels as they come, and publishes what they tell to `models`.

`labelled` has one partition, so one worker judges.  Its chunks are acknowledged when what they tell is published; what
is published says which labels it holds, so that each counts once whatever crashes.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np

from agents.board import board
from agents.models import reader
from agents.outputs import encode
from fraud_stream.app import app, settings
from fraud_stream.engine.app import Chunk
from fraud_stream.models.blend import contestants
from fraud_stream.models.live.cards import card_numbers
from fraud_stream.models.live.day import KIND, LabelledColumns, Source, day_name
from fraud_stream.models.live.figures import DECIDING
from fraud_stream.models.live.quality import LiveQuality
from fraud_stream.records import Labelled


class Both:
    """Acknowledges a chunk the second time it is called: two must have done with it.

    Args:
        acknowledge: Acknowledges it.
    """

    def __init__(self, acknowledge: Callable[[], Awaitable[Any]]) -> None:
        self._acknowledge = acknowledge
        self._left = 2

    async def __call__(self) -> None:
        """One has done with it."""
        self._left -= 1
        if not self._left:
            await self._acknowledge()


class Evaluator:
    """Notes labelled transactions, while this worker reads them, and publishes now and then.

    Attributes:
        quality: What the labels have told; None until all is read that another worker has published.
    """

    def __init__(self) -> None:
        self.quality: LiveQuality | None = None
        self._unpublished: list[Both] = []
        self._published_at = 0.0
        self._rebalances = 0

    @property
    def too_old(self) -> int:
        """Labelled transactions of days before those that are remembered, since this worker reads them."""
        return self.quality.too_old if self.quality else 0

    async def note(self, found: Sequence[tuple[int, Labelled]], chunk: Chunk) -> None:
        """Note what a chunk holds, each with its offset; it is not acknowledged before that is published."""
        if self.quality is None:
            rebalances = self._rebalances
            await reader.catch_up()
            if rebalances != self._rebalances:
                return  # another worker reads these labels
            self.quality = board.quality.copy()
        chunk.acknowledge = both = Both(chunk.acknowledge)
        if found:
            sources = [Source(offset, one.transaction_id, one.join) for offset, one in found]
            self.quality.note(columns([one for _, one in found]), sources)
        self._unpublished.append(both)

    def publish_if_due(self) -> None:
        """Publish what has changed, at most once an interval; at once where a rebalance or the end waits for it."""
        now = time.time()
        waits = app.rebalancing or app.should_stop
        if not self._unpublished or (now < self._published_at + settings.evaluation.publish_interval and not waits):
            return
        self._publish()
        for both in self._unpublished:
            app.group_commit.finish(both)
        self._unpublished = []
        self._published_at = now

    def forget(self) -> None:
        """A rebalance: whoever notes next goes on from what was published."""
        self.quality = None
        self._unpublished = []
        self._rebalances += 1

    def _publish(self) -> None:
        if self.quality is None:
            return
        for day in self.quality.changed():
            record = day.record()
            app.group_commit.outbox.put(settings.topics.models, 0, record.name.encode(), encode(record))
        for number in self.quality.forgotten():
            app.group_commit.outbox.put(settings.topics.models, 0, f"{KIND}-{day_name(number)}".encode(), None)


def columns(found: Sequence[Labelled]) -> LabelledColumns:
    """Labelled transactions as columns."""
    times = np.array([one.timestamp for one in found])
    return LabelledColumns(
        times,
        np.array([one.labelled_at for one in found]) - times,
        card_numbers(one.customer_id for one in found),
        np.array([one.is_fraud for one in found], np.bool_),
        np.array([one.verdict != "accept" for one in found], np.bool_),
        scores(found),
    )


def scores(found: Sequence[Labelled]) -> dict[str, np.ndarray]:
    """What each contestant said, nan where it was not asked."""
    online = _probabilities([one.online_score for one in found])
    challenger = _probabilities([one.challenger_score for one in found])
    return {DECIDING: _probabilities([one.score for one in found]), **contestants(online, challenger)}


def _probabilities(values: Sequence[float | None]) -> np.ndarray:
    """A column of probabilities; somebody else may have written what is none."""
    found: np.ndarray = np.clip(np.array(values, np.float64), 0.0, 1.0)
    return found


evaluator = Evaluator()
app.group_commit.before_commit.append(evaluator.publish_if_due)
