"""Learns labelled transactions, each once its label is known, and publishes the model to `models`.

`labelled` has one partition, so one worker learns.  A label counts from the moment at which it became known, in the
stream's time, which is what life would tell: replayed at full speed, a label of a week later waits for its week.  The
chunks are acknowledged when a model is published that has learnt them; the published state says what is left, so a
label is learnt once whatever crashes.
"""

import logging
import time
from collections.abc import Iterable

import numpy as np

from agents import merchants
from agents.models import learning, maker, reader, shelf
from agents.outputs import encode, features_version
from fraud_stream.app import app, settings
from fraud_stream.domain.outcomes import known_at
from fraud_stream.engine.app import Chunk
from fraud_stream.models.lessons import MOST, Lesson, StreamTime, WaitingLessons
from fraud_stream.models.online import OnlineModel
from fraud_stream.models.progress import TakenIn
from fraud_stream.records import Labelled

log = logging.getLogger(__name__)
#: A model is published before its time where it would be older than this, seconds of the stream's time.
HURRIED = 3_600.0


class Held:
    """A chunk whose lessons are not all learnt."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.left = 0


class Trainer:
    """Learns what is due and publishes now and then.

    Attributes:
        model: The model that learns; None while another worker learns.
        skipped: Labelled transactions of another feature list.
    """

    def __init__(self) -> None:
        self.model: OnlineModel | None = None
        self.skipped = 0
        self.time = StreamTime()
        self._published_at = self._published_to = 0.0
        self._is_leaving = self._has_told = False
        self._start_anew()

    def _start_anew(self) -> None:
        self._taken = TakenIn()
        self._lessons = WaitingLessons()
        self._held: dict[int, Held] = {}
        self._unpublished: list[Chunk] = []
        self._has_learnt = False

    async def take(self, found: Iterable[tuple[int, Labelled]], chunk: Chunk) -> None:
        """Take in what a chunk holds, each with its offset; a model that has learnt all of it acknowledges it."""
        if self.model is None:
            self.model = await self._resume()
        held = Held(chunk)
        for offset, one in found:
            self._take(offset, one, held)
        chunk.held = True
        if not held.left:
            self._unpublished.append(chunk)
        elif self._is_leaving:
            await chunk.give_back()
        self.learn_what_is_due()

    def _take(self, offset: int, one: Labelled, held: Held) -> None:
        self.time.tell(one.stream_time, time.time())
        if offset in self._held:
            self._hand_over(offset, held)
            return
        if not self._taken.takes(offset, one.transaction_id, one.join):
            return
        if one.features_version != features_version:
            self.skipped += 1
            self._taken.finish([offset])
            return
        moment = known_at(one.labelled_at, one.timestamp, settings.labels.horizon)
        self._lessons.add(Lesson(moment, offset, np.frombuffer(one.features), one.is_fraud))
        self._held[offset] = held
        held.left += 1

    def _hand_over(self, offset: int, held: Held) -> None:
        """A chunk came again, and its lesson waits already: the one that came before is not asked for any more."""
        before = self._held[offset]
        self._held[offset] = held
        held.left += 1
        self._learnt(before)

    def _learnt(self, held: Held) -> None:
        held.left -= 1
        if not held.left:
            self._unpublished.append(held.chunk)

    def learn_what_is_due(self) -> None:
        """Learn what has become known by now."""
        due = self._lessons.due(self.time.now(time.time()))
        if not due or self.model is None:
            return
        self.model.learn(np.vstack([lesson.row for lesson in due]), [lesson.is_fraud for lesson in due])
        self._has_learnt = True
        self._taken.finish(lesson.offset for lesson in due)
        for lesson in due:
            self._learnt(self._held.pop(lesson.offset))
        self._tell_early()

    def _tell_early(self) -> None:
        if self._lessons.early and not self._has_told:
            self._has_told = True
            log.warning("more than %d labels wait for their time: the earliest are learnt before it", MOST)

    def publish_if_due(self) -> None:
        """Publish what was learnt, at most once an interval; at once where a rebalance or the end waits for it."""
        self.learn_what_is_due()
        now, waits = time.time(), app.rebalancing or app.should_stop
        if self.model is None or not (self._has_learnt or self._unpublished):
            return
        if now < self._published_at + settings.model.publish_interval and not (waits or self._is_hurried(now)):
            return
        state = self.model.publish(now, self._taken.progress())
        app.group_commit.outbox.put(settings.topics.models, 0, state.name.encode(), encode(state))
        if self._unpublished:
            merchants.publish(now)  # the same chunks were noted there
        for chunk in self._unpublished:
            app.group_commit.finish(chunk.acknowledge)
        self._unpublished, self._has_learnt = [], False
        self._published_at, self._published_to = now, self.time.now(now)

    def _is_hurried(self, now: float) -> bool:
        """Whether a past month is replayed within minutes: a model of a second ago is half a day old there."""
        return self.time.now(now) - self._published_to > HURRIED

    async def leave(self) -> None:
        """Hold nothing back any more: this worker waits until all it has begun is done."""
        self._is_leaving = True
        for chunk in {id(held): held.chunk for held in self._held.values()}.values():
            await chunk.give_back()

    def forget(self) -> None:
        """A rebalance: whoever learns next goes on from what was published."""
        self.model = None
        self._is_leaving = self._has_told = False
        self._start_anew()

    async def _resume(self) -> OnlineModel:
        if reader is not None:
            await reader.catch_up()
        if shelf.state is None:
            return OnlineModel(settings.model.name, maker.names, learning)
        self._taken = TakenIn(shelf.state.progress)
        return OnlineModel.resume(shelf.state, maker.names, learning)


trainer = Trainer()

if settings.model.enabled:
    app.group_commit.before_commit.append(trainer.publish_if_due)
    app.before_wait.append(trainer.leave)
