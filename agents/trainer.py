"""Learns from `labelled` in order, and publishes the model to `models`.

`labelled` has one partition, so one worker learns.  Its chunks are acknowledged when the model that has learnt them is
published; the published state says how far it has learnt, so a label is learnt once whatever crashes.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from agents.models import maker, reader, shelf
from agents.outputs import encode, features_version, send_dead_letter
from fraud_stream.app import app, settings
from fraud_stream.domain.intake import Refused
from fraud_stream.engine.app import Chunk
from fraud_stream.models.online import Lesson, OnlineModel
from fraud_stream.records import Labelled

decoder = msgspec.json.Decoder(Labelled)


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

    async def learn(self, chunk: Chunk) -> None:
        """Learn a chunk; it is acknowledged with the next published state."""
        if self.model is None:
            self.model = await self._resume()
        self.model.learn(self._lessons(chunk))
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
            return OnlineModel(settings.model.name, maker.names, settings.model.learning_rate)
        return OnlineModel.resume(shelf.state, maker.names, settings.model.learning_rate)

    def _lessons(self, chunk: Chunk) -> Iterator[Lesson]:
        for record in chunk.records:
            try:
                one = read_labelled(record.value)
            except Refused as refused:
                send_dead_letter(record, refused)
                continue
            if one.features_version == features_version:
                yield Lesson(one.features, one.is_fraud, one.origin, one.offset)
            else:
                self.skipped += 1


def read_labelled(value: bytes | None) -> Labelled:
    """The labelled transaction in `value`.

    Raises:
        Refused: It is none: somebody else writes to this topic.
    """
    try:
        labelled = decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("undecodable", f"no labelled transaction: {error}") from None
    if labelled.features_version == features_version and len(labelled.features) != len(maker.names):
        raise Refused("wrong_type", f"{len(labelled.features)} features; there are {len(maker.names)}")
    return labelled


trainer = Trainer()

if settings.model.enabled:
    app.group_commit.before_commit.append(trainer.publish_if_due)

    @app.chunk_agent(settings.topics.labelled, partitions=1)
    async def training(chunk: Chunk) -> None:
        """Learn a chunk of labelled transactions."""
        await trainer.learn(chunk)

    @app.on_partitions_revoked.connect
    async def on_revoked(*_: Any, **__: Any) -> None:
        """Stop learning until it is known who learns next."""
        trainer.forget()
