"""What became known of the payments of a merchant, or of a customer: labels, the frauds among them, and when."""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

import msgspec

from fraud_stream.domain.packed import Doubles, Longs
from fraud_stream.domain.sliding import DAY, HOUR

#: Labels are told apart for so long, seconds; what is older is one sum.
MEMORY = 60 * DAY
#: Windows over labels, by the time they became known, seconds.
SPANS = (DAY, 7 * DAY, 30 * DAY)
#: With more moments than this those of one hour share one, and those older than `_FINE` of one day.
_MOST = 256
_FINE = 8 * DAY


class Known(NamedTuple):
    """What is known of the payments at a moment.

    Attributes:
        labels: Labels that became known in each of `SPANS` before it.
        frauds: The frauds among them.
        since_last: Seconds since the last fraud became known; `MEMORY` where there is none.
        since_first: Seconds since the first fraud within `MEMORY` became known; `MEMORY` where there is none.
        genuine: Labels since the last fraud, or in all where there is none.
    """

    labels: tuple[int, ...]
    frauds: tuple[int, ...]
    since_last: float
    since_first: float
    genuine: int


NOTHING = Known((0,) * len(SPANS), (0,) * len(SPANS), MEMORY, MEMORY, 0)


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
    >>> outcomes.at(150.0).frauds[0], outcomes.at(250.0).labels[0], outcomes.at(250.0).genuine
    (1, 2, 1)
    """

    times: Doubles = msgspec.field(default_factory=Doubles.of)
    labels: Longs = msgspec.field(default_factory=Longs.of)
    frauds: Longs = msgspec.field(default_factory=Longs.of)

    def add(self, time: float, is_fraud: bool) -> None:
        """Count a label that became known at `time`."""
        place = bisect_left(self.times, time)
        if place == len(self.times) or self.times[place] != time:
            self.times.insert(place, time)
            self.labels.insert(place, self.labels[place - 1] if place else 0)
            self.frauds.insert(place, self.frauds[place - 1] if place else 0)
        for later in range(place, len(self.times)):  # mostly it is the last
            self.labels[later] += 1
            self.frauds[later] += is_fraud
        self._forget()

    def at(self, time: float) -> Known:
        """What was known at `time`."""
        end = bisect_right(self.times, time)
        if not end:
            return NOTHING
        labels, frauds = self.labels[end - 1], self.frauds[end - 1]
        starts = [bisect_right(self.times, time - span, 0, end) for span in SPANS]
        return Known(
            tuple(labels - self._before(self.labels, start) for start in starts),
            tuple(frauds - self._before(self.frauds, start) for start in starts),
            *self._since(time, end),
        )

    def _since(self, time: float, end: int) -> tuple[float, float, int]:
        labels, frauds = self.labels[end - 1], self.frauds[end - 1]
        forgotten = self._before(self.frauds, bisect_right(self.times, time - MEMORY, 0, end))
        if frauds == forgotten:
            return MEMORY, MEMORY, labels
        last, first = bisect_left(self.frauds, frauds, 0, end), bisect_right(self.frauds, forgotten, 0, end)
        return time - self.times[last], time - self.times[first], labels - self.labels[last]

    @staticmethod
    def _before(counts: Longs, start: int) -> int:
        return counts[start - 1] if start else 0

    def _forget(self) -> None:
        """One moment older than `MEMORY` stays: the sum of all before."""
        old = bisect_right(self.times, self.times[-1] - MEMORY - _FINE) - 1
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


class History(msgspec.Struct, array_like=True, gc=False):
    """The outcomes of one merchant or customer, each label noted once however often it is read.

    Attributes:
        noted: How many were noted: of two histories of one the larger is the newer.
        seen: For each origin of labelled transactions the newest offset noted.
        outcomes: What became known.

    >>> history = History()
    >>> history.note("labels-0", 7, 100.0, True), history.note("labels-0", 7, 100.0, True), history.noted
    (True, False, 1)
    """

    noted: int = 0
    seen: dict[str, int] = {}
    outcomes: Outcomes = msgspec.field(default_factory=Outcomes)

    def note(self, origin: str, offset: int, time: float, is_fraud: bool) -> bool:
        """Note a label that became known at `time`, read at an offset of its origin; whether it was new."""
        if offset <= self.seen.get(origin, -1):
            return False
        self.seen[origin] = offset
        self.noted += 1
        self.outcomes.add(time, is_fraud)
        return True

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
        return History(self.noted, dict(self.seen), Outcomes(Doubles.of(outcomes.times), *counts))
