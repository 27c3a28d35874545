"""What became known of the payments of a merchant, or of a customer: labels, the frauds among them, and when."""

from bisect import bisect_left, bisect_right

import msgspec

from fraud_stream.domain.once import Join, Once
from fraud_stream.domain.packed import Doubles, Longs
from fraud_stream.domain.sliding import DAY, HOUR

#: Labels are told apart for so long, seconds; what is older is one sum.
MEMORY = 60 * DAY
#: A label is taken to be known so long after its payment, seconds: not before it.
_SOONEST = 1.0
#: With more moments than this those of one hour share one, and those older than `_FINE` of one day.
_MOST = 256
_FINE = 8 * DAY
_KEPT = MEMORY + _FINE


#: What is known at a moment, as `KNOWN` names it: a plain tuple, as two are made for each transaction.
Known = tuple[float, float, int, int, int, int, int, int, int]
#: Seconds since the last fraud became known, and since the first within `MEMORY` did, `MEMORY` where there is none;
#: genuine ones since the last fraud, or in all where there is none; frauds, and labels, that became known in 1, 7 and
#: 30 days.
KNOWN = (
    "since_last",
    "since_first",
    "genuine_since_fraud",
    *(f"{what}_{span}" for what in ("frauds", "labels") for span in ("24h", "7d", "30d")),
)
NOTHING: Known = (MEMORY, MEMORY, 0, 0, 0, 0, 0, 0, 0)


def known_at(labelled_at: float, timestamp: float, horizon: float) -> float:
    """When a label counts from, seconds: `labelled_at`, but after its payment and within the horizon of labels.

    A label that is dated years after the others would else let all of them be forgotten.

    >>> known_at(500.0, 100.0, 1_000.0), known_at(50.0, 100.0, 1_000.0), known_at(9e9, 100.0, 1_000.0)
    (500.0, 101.0, 1100.0)
    """
    return min(max(labelled_at, timestamp + _SOONEST), timestamp + horizon)


class Outcomes(msgspec.Struct, array_like=True, gc=False):
    """Labels and frauds, counted up by the moments at which they became known.

    A moment is asked for by `at`, and what became known after it does not count: labels may be noted before their time.

    Attributes:
        times: The moments, seconds, ascending.
        labels: How many labels were known at each, in all.
        frauds: The frauds among them.

    >>> outcomes = Outcomes()
    >>> outcomes.add(100.0, True), outcomes.add(200.0, False)
    (None, None)
    >>> outcomes.at(150.0)
    (50.0, 50.0, 0, 1, 1, 1, 1, 1, 1)
    >>> outcomes.at(250.0)
    (150.0, 150.0, 1, 1, 1, 1, 2, 2, 2)
    """

    times: Doubles = msgspec.field(default_factory=Doubles.of)
    labels: Longs = msgspec.field(default_factory=Longs.of)
    frauds: Longs = msgspec.field(default_factory=Longs.of)

    def add(self, time: float, is_fraud: bool) -> None:
        """Count a label that became known at `time`."""
        times, labels, frauds = self.times, self.labels, self.frauds
        place = bisect_left(times, time)
        if place == len(times) or times[place] != time:
            times.insert(place, time)
            labels.insert(place, labels[place - 1] if place else 0)
            frauds.insert(place, frauds[place - 1] if place else 0)
        for later in range(place, len(times)):  # mostly it is the last
            labels[later] += 1
        if is_fraud:
            for later in range(place, len(times)):
                frauds[later] += 1
        if times[0] < times[-1] - _KEPT or len(times) > _MOST:
            self._forget()

    def at(self, time: float) -> Known:
        """What was known at `time`: on the hot path, so each window is looked for within the longer one's end."""
        times, labels, frauds = self.times, self.labels, self.frauds
        now = bisect_right(times, time) - 1
        if now < 0:
            return NOTHING
        day = bisect_right(times, time - DAY, 0, now + 1) - 1
        week = bisect_right(times, time - 7 * DAY, 0, day + 1) - 1
        month = bisect_right(times, time - 30 * DAY, 0, week + 1) - 1
        known, bad = labels[now], frauds[now]
        in_day = known - labels[day] if day >= 0 else known
        in_week = known - labels[week] if week >= 0 else known
        in_month = known - labels[month] if month >= 0 else known
        if not bad:
            return MEMORY, MEMORY, known, 0, 0, 0, in_day, in_week, in_month
        bad_day = bad - frauds[day] if day >= 0 else bad
        bad_week = bad - frauds[week] if week >= 0 else bad
        bad_month = bad - frauds[month] if month >= 0 else bad
        since = self._of_frauds(time, now, bisect_right(times, time - MEMORY, 0, month + 1) - 1)
        return *since, bad_day, bad_week, bad_month, in_day, in_week, in_month

    def _of_frauds(self, time: float, now: int, forgotten: int) -> tuple[float, float, int]:
        """Seconds since the last fraud, and since the first behind `forgotten`; genuine ones since the last."""
        labels, frauds = self.labels, self.frauds
        before = frauds[forgotten] if forgotten >= 0 else 0
        if frauds[now] == before:
            return MEMORY, MEMORY, labels[now] - frauds[now]
        last, first = bisect_left(frauds, frauds[now], 0, now + 1), bisect_right(frauds, before, 0, now + 1)
        return time - self.times[last], time - self.times[first], labels[now] - labels[last]

    def _forget(self) -> None:
        """One moment older than `MEMORY` stays: the sum of all before."""
        old = bisect_right(self.times, self.times[-1] - _KEPT) - 1
        if old > 0:
            del self.times[:old], self.labels[:old], self.frauds[:old]
        if len(self.times) > _MOST:
            self._thin()

    def _thin(self) -> None:
        """Keep the last moment of each hour, of each day where it is old: counts that only grow lose nothing else."""
        fine = self.times[-1] - _FINE
        last = {(time < fine, time // (DAY if time < fine else HOUR)): n for n, time in enumerate(self.times)}
        kept = list(last.values())
        self.times = Doubles.of(self.times[n] for n in kept)
        self.labels = Longs.of(self.labels[n] for n in kept)
        self.frauds = Longs.of(self.frauds[n] for n in kept)


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became known of a payment.

    Attributes:
        transaction_id: The payment.
        join: Where it and its label came from.
        time: When it became known, seconds.
        is_fraud: What it was.
    """

    transaction_id: str
    join: Join
    time: float
    is_fraud: bool


class History(msgspec.Struct, array_like=True, gc=False):
    """The outcomes of one merchant or customer, each noted once however often it comes.

    Attributes:
        noted: How many were noted: of two histories of one the larger is the newer.
        once: Tells what was noted before.
        outcomes: What became known.
        read: The newest offset of `labelled` that it was noted from, where it was noted from there.

    >>> history = History()
    >>> one = Outcome("T1", Join(), 100.0, True)
    >>> history.note(one), history.note(one), history.noted
    (True, False, 1)
    """

    noted: int = 0
    once: Once = msgspec.field(default_factory=Once)
    outcomes: Outcomes = msgspec.field(default_factory=Outcomes)
    read: int = -1

    def note(self, outcome: Outcome) -> bool:
        """Note an outcome; whether it was new."""
        if not self.once.is_first(outcome.transaction_id, outcome.join):
            return False
        self.add(outcome.time, outcome.is_fraud)
        return True

    def add(self, time: float, is_fraud: bool) -> None:
        """Count what became known at `time`."""
        self.noted += 1
        self.outcomes.add(time, is_fraud)

    def at(self, time: float) -> Known:
        """What was known at `time`."""
        return self.outcomes.at(time)

    @property
    def offset(self) -> int:
        """What guards it in a table: it grows with each label."""
        return self.noted - 1

    def copy(self) -> "History":
        """Another one that is the same."""
        outcomes = self.outcomes
        counts = Longs.of(outcomes.labels), Longs.of(outcomes.frauds)
        return History(self.noted, self.once.copy(), Outcomes(Doubles.of(outcomes.times), *counts), self.read)
