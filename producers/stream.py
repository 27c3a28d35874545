"""The stream: every record a generator sends, one after the other, the same for the same recipe.

Event time is cut into slots of ``1 / rate`` seconds.  A record is either what is due on the agenda (the rest of a case
of fraud or of a spree, a record's second copy) or, where nothing is due before the slot's own moment, something new.
Each record takes a slot, so a rate of 1,000 an hour gives exactly 6,000 records within 6 hours, whatever the agenda.
"""

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from fraud_stream.files.times import time_text
from producers.customers import make_population
from producers.faults import FaultRates, Faults
from producers.frauds import SHARES, Frauds
from producers.habits import Habits
from producers.payments import Payment
from producers.seeding import seeded

#: How hard the share of fraud is pulled to its rate: chance, for each fraud that is owed, that a slot begins a case.
EAGERNESS = 0.25
_ID_MASK = (1 << 48) - 1
_ID_STEP = 0x9E3779B97F4B  # odd, so that 2**48 ids pass before one comes again


@dataclass(frozen=True)
class Recipe:
    """What the stream is made of.

    Attributes:
        rate: Records a second of event time.
        start: Event time of the first slot, seconds since 1970.
        count: How many records there are; None without end.
        customers: How many customers pay.
        merchants: How many merchants are paid.
        fraud_rate: Share of fraud among the records.
        fraud_kinds: Which kinds of fraud there are.
        faults: How much goes wrong with records.
        seed: Makes the population; with `start`, it makes everything else.
        truth: Whether records say if they are fraud.
        kinds: Whether records say what kind of fraud they are.
    """

    rate: float
    start: float
    count: int | None = None
    customers: int = 5_000
    merchants: int = 500
    fraud_rate: float = 0.08
    fraud_kinds: tuple[str, ...] = tuple(SHARES)
    faults: FaultRates = field(default_factory=FaultRates)
    seed: int = 1
    truth: bool = False
    kinds: bool = False

    @property
    def end(self) -> float:
        """Event time after the last slot."""
        return math.inf if self.count is None else self.start + self.count / self.rate


class Sent(NamedTuple):
    """A record, and the truth about it.

    Attributes:
        time: When it is sent, event time in seconds since 1970.
        event_time: Its timestamp; earlier where it is sent a second time.
        customer_id: Its customer, the Kafka key.
        transaction_id: Its id.
        value: The record, JSON.
        kind: The kind of fraud; None where it is genuine.
        missing: Whether it lacks a field.
        outlier: Whether its amount slipped.
        broken: Whether no reader can take it.
        duplicate: Whether it was sent before.
    """

    time: float
    event_time: float
    customer_id: str
    transaction_id: str
    value: bytes
    kind: str | None
    missing: bool = False
    outlier: bool = False
    broken: bool = False
    duplicate: bool = False

    @property
    def is_news(self) -> bool:
        """Whether it tells a reader of a transaction that it did not know."""
        return not (self.duplicate or self.broken)


class _Due(NamedTuple):
    """An entry of the agenda: a payment to come, or a record to send again; `order` settles ties."""

    time: float
    order: int
    what: Payment | Sent
    kind: str | None


class Stream:
    """The records of a recipe, in the order of their sending; can be iterated once.

    Args:
        recipe: What it is made of.

    >>> stream = Stream(Recipe(rate=1.0, start=1_704_067_200.0, count=100, customers=20, merchants=10))
    >>> sum(sent.kind is not None for sent in stream)
    8
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        random = self._random = seeded(recipe.seed, recipe.start, "stream")
        people = make_population(recipe.customers, recipe.merchants, recipe.seed, recipe.start)
        self._habits = Habits(people, random)
        self._frauds = Frauds(people, self._habits, random, recipe.start, recipe.fraud_kinds)
        self._faults = Faults(recipe.faults, recipe.fraud_rate, random)
        self._encode = msgspec.json.Encoder().encode
        self._agenda: list[_Due] = []
        self._entered = 0
        self._frauds_entered = self._frauds_sent = 0
        self._ident = random.getrandbits(48)
        self._resolution = 1 if recipe.rate > 1 else 1_000  # milliseconds

    def __iter__(self) -> Iterator[Sent]:
        """Each record in turn."""
        recipe, agenda, random = self.recipe, self._agenda, self._random.random
        for number in itertools.count() if recipe.count is None else range(recipe.count):
            time = recipe.start + (number + random()) / recipe.rate
            if not agenda or agenda[0].time > time:
                self._begin(time, number)
            due = heapq.heappop(agenda)
            self._frauds_sent += due.kind is not None
            if isinstance(due.what, Sent):
                yield due.what._replace(time=due.time, duplicate=True)
            else:
                yield self._first(due.what, due)

    def _begin(self, time: float, number: int) -> None:
        """Put something new on the agenda: fraud where more of it is owed than was sent, and by chance."""
        kind, episode = None, None
        owed = min(self.recipe.fraud_rate * (number + 1) - self._frauds_sent, self._room)
        if owed > 0 and self._random.random() < EAGERNESS * owed:
            kind, episode = self._frauds.episode(time)
            episode = episode[: math.ceil(min(self._room, len(episode)))]
        for delay, payment in episode or self._habits.episode(time):
            self._enter(time + delay, payment, kind)

    @property
    def _room(self) -> float:
        """How many frauds may still be put on the agenda of a stream that ends."""
        if self.recipe.count is None:
            return math.inf
        return self.recipe.fraud_rate * self.recipe.count - self._frauds_entered

    def _enter(self, time: float, what: Payment | Sent, kind: str | None) -> None:
        if time <= self.recipe.end:
            self._entered += 1
            self._frauds_entered += kind is not None
            heapq.heappush(self._agenda, _Due(time, self._entered, what, kind))

    def _first(self, payment: Payment, due: _Due) -> Sent:
        event_time, faults = self._stamp(payment, due.time), self._faults
        broken = due.kind is None and faults.is_broken()
        outlier = due.kind is None and not broken and faults.inflate(payment)
        missing = not broken and faults.spoil(payment)
        self._tell_truth(payment, due.kind)
        ids = (payment.customer_id, payment.transaction_id)
        value = faults.broken(payment) if broken else self._encode(payment)
        sent = Sent(due.time, event_time, *ids, value, due.kind, missing, outlier, broken)
        self._repeat(sent)
        return sent

    def _stamp(self, payment: Payment, time: float) -> float:
        """Set a payment's id and time; the time is rounded down to what its text can say."""
        milliseconds = int(time * 1_000) // self._resolution * self._resolution
        self._ident = (self._ident + _ID_STEP) & _ID_MASK
        payment.transaction_id = f"TXN-{self._ident:012x}"
        payment.timestamp = time_text(milliseconds)
        return milliseconds / 1_000

    def _tell_truth(self, payment: Payment, kind: str | None) -> None:
        if self.recipe.truth:
            payment.is_fraud = kind is not None
        if self.recipe.kinds and kind:
            payment.fraud_kind = kind

    def _repeat(self, sent: Sent) -> None:
        after = None if sent.broken else self._faults.repeat_after()
        if after is not None:
            self._enter(sent.time + after, sent, sent.kind)
