"""Live evaluation: how good the scores were, as labels tell it, day by day of the transactions' own time.

It is prequential: what is judged is the score that a transaction was given when it was decided, before anything of it
was learnt.

Source: Gama, Sebastião, Rodrigues: On evaluating stream learning algorithms. Machine Learning 90(3), 2013.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.sliding import DAY
from fraud_stream.models.live.cards import KEPT
from fraud_stream.models.live.day import LAST_DAY, EvaluationDay, LabelledColumns, QualityDay, Source

#: So many days that have labelled transactions are remembered, the newest ones.
MOST_DAYS = 30


class LiveQuality:
    """What labels say of the transactions of the last days.

    Days are counted, not subtracted: one event time far ahead takes the place of one day, and does not make all others
    too old.

    Args:
        cards: Cards that are looked at in a day.

    Attributes:
        too_old: Labelled transactions of days before those that are remembered.
    """

    def __init__(self, cards: int = 100) -> None:
        self.too_old = 0
        self._days: dict[int, QualityDay] = {}
        self._changed: set[int] = set()
        self._forgotten: set[int] = set()
        self._cards = KEPT * cards

    def days(self) -> list[QualityDay]:
        """The days that are remembered, the oldest first."""
        return [self._days[day] for day in sorted(self._days)]

    def note(self, columns: LabelledColumns, sources: Sequence[Source]) -> None:
        """Note labelled transactions, each once.

        Args:
            columns: The transactions.
            sources: Where each was read.
        """
        for number, places in _by_day(columns.times):
            day = self._day(number)
            if day is None:
                self.too_old += len(places)
                continue
            new = [place for place in places.tolist() if day.is_new(sources[place])]
            if new:
                self._changed.add(number)
                day.add(columns.only(np.array(new)))

    def _day(self, number: int) -> QualityDay | None:
        """A day, made if it is one of the newest; None where it is too old."""
        if number not in self._days:
            if len(self._days) >= MOST_DAYS and number < min(self._days):
                return None
            self._days[number] = QualityDay(number, self._cards)
            self._forget()
        return self._days[number]

    def _forget(self) -> None:
        while len(self._days) > MOST_DAYS:
            oldest = min(self._days)
            del self._days[oldest]
            self._changed.discard(oldest)
            self._forgotten.add(oldest)

    def changed(self) -> Iterator[QualityDay]:
        """The days in which something was noted since this was last asked."""
        numbers, self._changed = self._changed, set()
        return (self._days[number] for number in sorted(numbers))

    def forgotten(self) -> list[int]:
        """The days that became too old since this was last asked."""
        numbers, self._forgotten = self._forgotten, set()
        return sorted(numbers)

    def take(self, record: EvaluationDay) -> None:
        """Take over what another worker noted, unless as much is known here.

        Raises:
            ValueError: The record is damaged.
        """
        taken = QualityDay.of(record, self._cards)
        known = self._day(record.day)
        if known is not None and known.noted < taken.noted:
            self._days[taken.day] = taken

    def copy(self) -> "LiveQuality":
        """Another one that goes on from here."""
        other = LiveQuality(self._cards // KEPT)
        for day in self.days():
            other.take(day.record())
        other._forgotten = set(self._forgotten)
        return other


def _by_day(times: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """The days of some times, and the places of each day's times, in order."""
    numbers = np.clip(times // DAY, 0, LAST_DAY).astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    return zip(found.tolist(), np.split(order, starts[1:]), strict=True)
