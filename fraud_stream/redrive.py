"""Dead letters: reading them, and sending them back to where they came from.

How far they were redriven is kept as committed offsets, since Kafka cannot delete one record: the consumer group
``<app.id>-redrive-<reason>`` holds, for each partition of the dead letters, the offset before which every letter of
that reason was redriven.  A group for each reason, so that redriving one reason passes over no letter of another.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import PATIENCE, ask_group, client_config, list_topics, make_producer
from fraud_stream.reading import tail
from fraud_stream.records import DeadLetter
from fraud_stream.settings import Settings

HEADER_PREFIX = "fraud-stream-"
#: How often a record was redriven; it stays with the record when it becomes a dead letter again.
REDRIVEN = "fraud-stream-redriven"
#: Letters that are sent before their delivery is awaited and their offsets are committed.
_BATCH = 500
#: Letters of a plan that are named where it is told of.
_NAMED = 20
#: librdkafka's partition number for: where the key says.
_BY_KEY = -1


class Place(NamedTuple):
    """Where a letter lies on the topic of the dead letters."""

    partition: int
    offset: int


class Letter(NamedTuple):
    """A record on the topic of the dead letters.

    Attributes:
        message: The record; key and value are those of the record that could not be processed.
        about: Why that was so; None on a foreign record, which nobody here has sent.
        redriven: Whether it was redriven.
    """

    message: Any
    about: DeadLetter | None
    redriven: bool

    @property
    def place(self) -> Place:
        """Where it lies."""
        return Place(self.message.partition(), self.message.offset())

    @property
    def state(self) -> str:
        """``foreign``, ``redriven`` or ``waiting``."""
        return "foreign" if self.about is None else "redriven" if self.redriven else "waiting"


class Progress:
    """How far the letters of each reason were redriven."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, dict[int, int]] = {}
        self._partitions = list_topics(settings).get(settings.topics.dead, 0)

    def includes(self, reason: str, place: Place) -> bool:
        """Whether a letter of that reason was redriven."""
        if reason not in self._known:
            self._known[reason] = self._committed(reason)
        return place.offset < self._known[reason].get(place.partition, 0)

    def commit(self, reason: str, ends: dict[int, int]) -> None:
        """Remember that the letters of that reason before these offsets were redriven.

        Raises:
            BrokerError: The broker does not take it.
        """
        offsets = [TopicPartition(self._settings.topics.dead, partition, end) for partition, end in ends.items()]
        self._ask(reason, lambda group: group.commit(offsets=offsets, asynchronous=False))

    def _committed(self, reason: str) -> dict[int, int]:
        wanted = [TopicPartition(self._settings.topics.dead, partition) for partition in range(self._partitions)]
        found = self._ask(reason, lambda group: group.committed(wanted, timeout=PATIENCE))
        return {one.partition: one.offset for one in found if one.offset > 0}

    def _ask(self, reason: str, question: Callable[[Any], Any]) -> Any:
        group = f"{self._settings.app.id}-redrive-{reason}"
        consumer = Consumer({**client_config(self._settings.broker), "group.id": group, "enable.auto.commit": False})
        try:
            return ask_group(lambda: question(consumer))
        except KafkaException as error:
            raise BrokerError(f"consumer group {group!r}: {error.args[0].str()}") from None
        finally:
            consumer.close()


def letters(settings: Settings, *, newest: int | None = None) -> Iterator[Letter]:
    """Every dead letter, oldest first in each partition, or only so many of the newest of each.

    Raises:
        BrokerError: The broker does not answer, or there is no such topic.
    """
    progress = Progress(settings)
    for message in tail(settings, settings.topics.dead, newest=newest):
        about = described(message)
        place = Place(message.partition(), message.offset())
        yield Letter(message, about, about is not None and progress.includes(about.reason, place))


def described(message: Any) -> DeadLetter | None:
    """Why a record could not be processed; None on a foreign record, which nobody here has sent."""
    ours = [(name, value) for name, value in message.headers() or () if name.startswith(HEADER_PREFIX)]
    try:
        return DeadLetter.from_headers(ours)
    except msgspec.ValidationError:
        return None


@dataclass(frozen=True)
class Selection:
    """Which letters to redrive.

    Attributes:
        reasons: Letters of these reasons; of all where there are none.
        places: These letters alone, whether they were redriven or not.
        limit: At most so many.
    """

    reasons: frozenset[str] = frozenset()
    places: frozenset[Place] = frozenset()
    limit: int | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether it is to be redriven, the limit aside."""
        if letter.about is None:
            return False
        if self.places:
            return letter.place in self.places
        return not letter.redriven and (not self.reasons or letter.about.reason in self.reasons)


@dataclass
class Plan:
    """The letters that are to be redriven, and what is left.

    Attributes:
        chosen: Where they lie.
        topics: How many go to each topic.
        left: How many stay, by the reason they stay for.
    """

    chosen: set[Place] = field(default_factory=set)
    topics: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)

    @property
    def places(self) -> list[str]:
        """Where all of them lie."""
        return [f"{place.partition}:{place.offset}" for place in sorted(self.chosen)]

    @property
    def target(self) -> str:
        """The letters in a few words: where the first ones lie."""
        named = self.places[:_NAMED]
        more = len(self.chosen) - len(named)
        return ", ".join(named) + (f" and {more} more" if more else "")


def make_plan(found: Iterable[Letter], selection: Selection) -> Plan:
    """What a redrive of this selection would send."""
    plan = Plan()
    for letter in found:
        why = _why_left(letter, selection, len(plan.chosen))
        if why is None and letter.about is not None:
            plan.chosen.add(letter.place)
            plan.topics[letter.about.topic] = plan.topics.get(letter.about.topic, 0) + 1
        elif why is not None:
            plan.left[why] = plan.left.get(why, 0) + 1
    return plan


def _why_left(letter: Letter, selection: Selection, chosen: int) -> str | None:
    if letter.about is None:
        return "foreign"
    if not selection.takes(letter):
        return "redriven before" if letter.redriven and not selection.places else "not selected"
    return "beyond the limit" if selection.limit is not None and chosen >= selection.limit else None


def redrive(settings: Settings, plan: Plan, *, remember: bool = True) -> int:
    """Send the letters of a plan back to their topics and partitions; says how many were delivered.

    Args:
        settings: Where the letters are.
        plan: Which letters.
        remember: Commit how far each reason was redriven, after the letters were delivered.

    Raises:
        BrokerError: One could not be delivered.  Those delivered before are remembered; the rest is still waiting.
    """
    partitions = check_topics(settings, plan)
    producer, progress, sent = make_producer(settings.broker), Progress(settings), 0
    chosen = (letter for letter in letters(settings) if letter.place in plan.chosen)
    while batch := list(islice(chosen, _BATCH)):
        try:
            _deliver(producer, batch, partitions)
        except BrokerError as error:
            raise BrokerError(f"{sent} of {len(plan.chosen)} were sent, then: {error}") from None
        sent += len(batch)
        if remember:
            _remember(progress, batch)
    return sent


def check_topics(settings: Settings, plan: Plan) -> dict[str, int]:
    """How many partitions each topic has; a broker may make a topic of any name that is sent to, so they must be there.

    Raises:
        BrokerError: A topic that letters came from is not there.
    """
    there = list_topics(settings)
    missing = sorted(set(plan.topics) - set(there))
    if missing:
        raise BrokerError(f"letters came from topics that are not there: {', '.join(map(repr, missing))}")
    return there


def _deliver(producer: Producer, batch: list[Letter], partitions: dict[str, int]) -> None:
    failures: list[str] = []
    for letter in batch:
        if letter.about is not None:
            _produce(producer, letter.message, letter.about, partitions[letter.about.topic], failures)
    if producer.flush(PATIENCE):
        failures.append(f"the broker has not answered for {PATIENCE:.0f} s")
    if failures:
        raise BrokerError(failures[0])


def _produce(producer: Producer, message: Any, about: DeadLetter, partitions: int, failures: list[str]) -> None:
    def hear(error: Any, _: Any = None) -> None:
        if error is not None:
            failures.append(f"{about.topic} {about.partition}: {error.str()}")

    # a customer's records stay in one partition; where the topic has it no longer, the key decides
    partition = about.partition if 0 <= about.partition < partitions else _BY_KEY
    headers = _headers(message.headers())
    try:
        producer.produce(about.topic, message.value(), message.key(), partition, on_delivery=hear, headers=headers)
    except KafkaException as error:
        hear(error.args[0])


def _headers(received: list[tuple[str, bytes]]) -> list[tuple[str, str | bytes | None]]:
    """The record's own headers, and how often it was redriven."""
    own = [(name, value) for name, value in received if not name.startswith(HEADER_PREFIX)]
    counts = [int(value) for name, value in received if name == REDRIVEN and re.fullmatch(b"[0-9]{1,9}", value or b"")]
    return [*own, (REDRIVEN, str(max(counts, default=0) + 1).encode())]


def _remember(progress: Progress, batch: list[Letter]) -> None:
    ends: dict[str, dict[int, int]] = {}
    for letter in batch:
        if letter.about is not None:
            ends.setdefault(letter.about.reason, {})[letter.place.partition] = letter.place.offset + 1
    for reason, of_partitions in ends.items():
        progress.commit(reason, of_partitions)
