"""What the labels say of one day's transactions: counts that any number of them takes the same few kilobytes for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.once import Join, Once
from fraud_stream.domain.sliding import DAY
from fraud_stream.models.live import calibration, delays, odds
from fraud_stream.models.live.cards import Payments, TopCards

KIND = "evaluation"
#: Contestants of a record that are read; somebody else may write it.
MOST_CONTESTANTS = 8
_MOST_CARDS = 100_000
#: Days since 1970 that a date can tell.
LAST_DAY = 2_000_000


class LabelledColumns(NamedTuple):
    """Labelled transactions, a column each.

    Attributes:
        times: Event times, seconds since 1970.
        delays: Seconds from the event to its label.
        cards: Numbers of the customers.
        frauds: The labels.
        alerted: Whether an alert was sent, of the model or of a rule.
        scores: By contestant, its probability of fraud; nan where it was not asked.
    """

    times: NDArray[np.float64]
    delays: NDArray[np.float64]
    cards: NDArray[np.int64]
    frauds: NDArray[np.bool_]
    alerted: NDArray[np.bool_]
    scores: Mapping[str, NDArray[np.float64]]

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "LabelledColumns":
        """Those that are chosen."""
        return LabelledColumns(
            self.times[chosen],
            self.delays[chosen],
            self.cards[chosen],
            self.frauds[chosen],
            self.alerted[chosen],
            {name: column[chosen] for name, column in self.scores.items()},
        )


class ContestantRecord(msgspec.Struct, frozen=True):
    """What the labels say of one contestant's scores of a day; the numbers are little-endian.

    Attributes:
        scores: 64-bit integers: transactions by bin of the log odds, the genuine ones, then the frauds.
        calibration: 64-bit floats: by tenth of the probability transactions, frauds, and the sum of the probabilities.
        cards: 32-bit integers: numbers of the highest-scored customers, the highest first.
        highest: 64-bit floats: the highest score of each.
        frauds: Bytes: whether one of its payments was fraud.
    """

    scores: bytes
    calibration: bytes
    cards: bytes
    highest: bytes
    frauds: bytes


class EvaluationDay(msgspec.Struct, frozen=True):
    """What the labels say of one day's transactions, as it travels.

    Attributes:
        name: ``evaluation-`` and the day, the key on the `models` topic.
        kind: ``evaluation``.
        day: Days since 1970, of the event time in UTC.
        noted: Labelled transactions; of two records of a day the larger is the newer.
        outcomes: Genuine transactions without an alert, frauds without one, genuine ones with one, frauds with one.
        delays: By bin of the logarithm how long labels took: 64-bit integers, little-endian.
        contestants: By contestant what the labels say of its scores.
        read: The newest offset of `labelled` that was noted.
        once: What was noted and may come again.
    """

    name: str
    kind: str
    day: int
    noted: int
    outcomes: list[int]
    delays: bytes
    contestants: dict[str, ContestantRecord]
    read: int
    once: Once


class Source(NamedTuple):
    """Where a labelled transaction was read: its offset in `labelled`, the transaction, what it was joined of."""

    offset: int
    transaction_id: str
    join: Join


def day_name(day: int) -> str:
    """The date of a day.

    >>> day_name(19_675)
    '2023-11-14'
    """
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()


class Contestant:
    """What the labels say of one contestant's scores of a day.

    Args:
        cards: How many customers are kept.

    Attributes:
        counts: Its scores by bin of the log odds.
        sums: Its calibration.
        cards: Its highest-scored customers.
    """

    def __init__(self, cards: int) -> None:
        self.counts = np.zeros((2, odds.BINS), np.int64)
        self.sums = calibration.no_sums()
        self.cards = TopCards(cards)

    def add(self, columns: LabelledColumns, scores: NDArray[np.float64]) -> None:
        """Take in transactions with a score each."""
        self.counts += odds.counted(scores, columns.frauds)
        self.sums += calibration.summed(scores, columns.frauds)
        self.cards.add(Payments(columns.cards, scores, columns.frauds))

    def record(self) -> ContestantRecord:
        """As it travels."""
        kept = self.cards.kept()
        parts = (self.counts, self.sums, kept.cards.astype(np.uint32), kept.scores, kept.frauds)
        return ContestantRecord(*(part.tobytes() for part in parts))

    @classmethod
    def of(cls, record: ContestantRecord, cards: int) -> "Contestant":
        """What has travelled.

        Raises:
            ValueError: It is damaged.
        """
        made = cls(cards)
        made.counts = _integers(record.scores, 2 * odds.BINS).reshape(2, odds.BINS)
        made.sums = _floats(record.calibration, 3 * calibration.BINS).reshape(3, calibration.BINS)
        number = len(record.frauds)
        kept = _numbers(record.cards, number, "<u4").astype(np.int64)
        frauds = _numbers(record.frauds, number, "u1").astype(np.bool_)
        made.cards = TopCards(cards, Payments(kept, _floats(record.highest, number), frauds))
        return made


class QualityDay:
    """What the labels say of one day's transactions.

    Args:
        day: Days since 1970.
        cards: How many of a contestant's customers are kept.

    Attributes:
        outcomes: Transactions by whether they alerted (rows) and were fraud (columns).
        delays: How long labels took.
        contestants: By contestant what the labels say of its scores.
        read: The newest offset of `labelled` that was noted.
        once: Tells what was noted before.
    """

    def __init__(self, day: int, cards: int) -> None:
        self.day = day
        self.outcomes = np.zeros((2, 2), np.int64)
        self.delays = np.zeros(delays.BINS, np.int64)
        self.contestants: dict[str, Contestant] = {}
        self.read = -1
        self.once = Once()
        self._cards = cards

    @property
    def noted(self) -> int:
        """How many labelled transactions there are."""
        return int(self.outcomes.sum())

    def is_new(self, source: Source) -> bool:
        """Whether a labelled transaction was not noted before; from now on it was."""
        if source.offset <= self.read:
            return False
        self.read = source.offset
        return self.once.is_first(source.transaction_id, source.join)

    def add(self, columns: LabelledColumns) -> None:
        """Take in transactions of the day."""
        self.outcomes += np.bincount(2 * columns.alerted + columns.frauds, minlength=4).reshape(2, 2)
        self.delays += delays.counted(columns.delays)
        for name, scores in columns.scores.items():
            asked = ~np.isnan(scores)
            if asked.all():
                self._contestant(name).add(columns, scores)
            elif asked.any():
                self._contestant(name).add(columns.only(asked), scores[asked])

    def _contestant(self, name: str) -> Contestant:
        if name not in self.contestants:
            self.contestants[name] = Contestant(self._cards)
        return self.contestants[name]

    def record(self) -> EvaluationDay:
        """As it travels."""
        return EvaluationDay(
            f"{KIND}-{day_name(self.day)}",
            KIND,
            self.day,
            self.noted,
            self.outcomes.ravel().tolist(),
            self.delays.tobytes(),
            {name: contestant.record() for name, contestant in self.contestants.items()},
            self.read,
            self.once.copy(),
        )

    @classmethod
    def of(cls, record: EvaluationDay, cards: int) -> "QualityDay":
        """What has travelled.

        Raises:
            ValueError: It is damaged.
        """
        names = record.contestants
        if not 0 <= record.day <= LAST_DAY or len(names) > MOST_CONTESTANTS or not all(map(str.isidentifier, names)):
            raise ValueError(f"evaluation of day {record.day} with {len(names)} contestants")
        made = cls(record.day, cards)
        made.outcomes = _integers(np.array(record.outcomes, np.int64).tobytes(), 4).reshape(2, 2)
        made.delays = _integers(record.delays, delays.BINS)
        made.contestants = {name: Contestant.of(one, cards) for name, one in record.contestants.items()}
        made.read, made.once = record.read, record.once.copy()
        return made


def _integers(data: bytes, number: int) -> NDArray[np.int64]:
    return _numbers(data, number, "<i8")


def _floats(data: bytes, number: int) -> NDArray[np.float64]:
    return _numbers(data, number, "<f8")


def _numbers(data: bytes, number: int, kind: str) -> NDArray[Any]:
    needed = number * np.dtype(kind).itemsize
    if len(data) != needed or number > _MOST_CARDS:
        raise ValueError(f"{len(data)} bytes of an evaluation, where {needed} are needed")
    found: NDArray[Any] = np.frombuffer(data, kind).copy()
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError("numbers of an evaluation that count nothing")
    return found
