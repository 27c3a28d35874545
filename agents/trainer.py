"""Learns labelled transactions in order, and publishes the model to `models`.

`labelled` has one partition, so one worker learns.  The chunks are acknowledged when the model that has learnt them is
published; the published state says how far it has learnt, so a label is learnt once whatever crashes.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import numpy as np

from agents.models import learning, maker, reader, shelf
from agents.outputs import encode, features_version
from fraud_stream.app import app, settings
from fraud_stream.engine.app import Chunk
from fraud_stream.models.online import Lesson, OnlineModel
from fraud_stream.records import Labelled


class Trainer:
    """Learns chunks and publishes now and then.

    Attributes:
        model: The model that learns; None while another worker learns.
        skipped: Labelled transactions of another feature list.
    """

    def __init__(self) -> None:
        self.model: OnlineModel | None = None
        self.skipped = 0
        self._unpublished: list[Callable[[], Awaitable[Any]]] = []
        self._published_at = 0.0

    async def learn(self, found: Iterable[Labelled], chunk: Chunk) -> None:
        """Learn what a chunk holds; it is acknowledged with the next published state."""
        if self.model is None:
            self.model = await self._resume()
        self.model.learn(self._lessons(found))
        chunk.held = True
        self._unpublished.append(chunk.acknowledge)

    def publish_if_due(self) -> None:
        """Publish what was learnt, at most once an interval."""
        now = time.time()
        if self.model is None or not self._unpublished or now < self._published_at + settings.model.publish_interval:
            return
        state = self.model.publish(now)
        app.group_commit.outbox.put(settings.topics.models, 0, state.name.encode(), encode(state))
        for acknowledge in self._unpublished:
            app.group_commit.finish(acknowledge)
        self._unpublished = []
        self._published_at = now

    def forget(self) -> None:
        """A rebalance: whoever learns next goes on from what was published."""
        self.model = None
        self._unpublished = []

    async def _resume(self) -> OnlineModel:
        if reader is not None:
            await reader.catch_up()
        if shelf.state is None:
            return OnlineModel(settings.model.name, maker.names, learning)
        return OnlineModel.resume(shelf.state, maker.names, learning)

    def _lessons(self, found: Iterable[Labelled]) -> Iterator[Lesson]:
        for one in found:
            if one.features_version == features_version:
                yield Lesson(np.frombuffer(one.features), one.is_fraud, one.origin, one.offset)
            else:
                self.skipped += 1


trainer = Trainer()

if settings.model.enabled:
    app.group_commit.before_commit.append(trainer.publish_if_due)
