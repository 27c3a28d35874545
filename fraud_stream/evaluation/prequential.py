"""Prequential evaluation: every transaction is scored before anything of it is learnt.

A label becomes known a fixed delay after its transaction, and nothing looks at it earlier: neither the models nor the
features that count known frauds.  Features, models and rules are those of the stream.

Source: Gama, Sebastião, Rodrigues: On evaluating stream learning algorithms. Machine Learning 90(3), 2013.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.decision import Contribution, Decision, Detector, Judge, NoDetector, Thresholds
from fraud_stream.domain.rules import SEVERITY_SCORE
from fraud_stream.domain.sliding import DAY, HOUR
from fraud_stream.domain.transaction import Transaction
from fraud_stream.evaluation.taking import Taker
from fraud_stream.models.anomaly import AnomalyDetector
from fraud_stream.models.blend import blended
from fraud_stream.models.challenger import Challenger
from fraud_stream.models.online import Learning, OnlineModel
from fraud_stream.settings import Settings

#: The challenger is refit so often, on the labelled transactions of so long, seconds.
REFIT_EVERY, REFIT_ON = 7 * DAY, 28 * DAY
#: Frauds that it must have for that.
_ENOUGH_FRAUDS = 20
#: What makes an alert: rules speak first, then the model, then the detector of what is unusual.
RULES, MODEL, COLD_START, DOUBT = "rules", "model", "unusual, cold start", "unusual, in doubt"


class Payment(NamedTuple):
    """A transaction and its label; where it is known, which kind of fraud it is."""

    transaction: Transaction
    is_fraud: bool
    kind: str = ""


def _no_texts() -> NDArray[np.str_]:
    return np.empty(0, dtype=np.str_)


@dataclass(frozen=True)
class Judged:
    """What was said of each transaction, one column each.

    Attributes:
        times: Event times, seconds since 1970.
        customers: Who paid, by number.
        frauds: The labels.
        scores: By contestant, the larger the more suspicious.
        amounts: What was paid.
        alerts: What would have made an alert of it; empty text where nothing would.
        kinds: Kinds of fraud; empty text where there is none, or it is not known.
    """

    times: NDArray[np.float64]
    customers: NDArray[np.int64]
    frauds: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]
    amounts: NDArray[np.float64]
    alerts: NDArray[np.str_] = field(default_factory=_no_texts)
    kinds: NDArray[np.str_] = field(default_factory=_no_texts)

    def only(self, chosen: NDArray[np.bool_]) -> "Judged":
        """Those that are chosen."""
        scores = {name: column[chosen] for name, column in self.scores.items()}
        texts = (column[chosen] if len(column) else column for column in (self.alerts, self.kinds))
        return Judged(
            self.times[chosen], self.customers[chosen], self.frauds[chosen], scores, self.amounts[chosen], *texts
        )


class _Said(NamedTuple):
    """A model that has spoken; None where it must not be asked."""

    probabilities: list[float] | None
    id: str = "online"

    def scores(self, rows: NDArray[np.float64]) -> list[float] | None:
        return self.probabilities

    def contributions(self, rows: NDArray[np.float64], most: int) -> list[list[Contribution]]:
        return [[] for _ in rows]


class _Waiting(NamedTuple):
    """Transactions of one chunk that wait for their labels."""

    payments: list[Payment]
    rows: NDArray[np.float64]


class Scored(NamedTuple):
    """Transactions that were scored together.

    Attributes:
        payments: The transactions with their labels.
        rows: Their features.
        scores: By contestant.
        alerts: What would have made an alert of each.
    """

    payments: list[Payment]
    rows: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]
    alerts: list[str]


class _Found(NamedTuple):
    """What is kept of them: not the rows."""

    payments: list[Payment]
    scores: dict[str, NDArray[np.float64]]
    alerts: list[str]


class Prequential:
    """Goes through payments in order of event time.

    Args:
        settings: Rules, windows and how the model learns.
        delay: Seconds from a transaction to its label.
        learn_from: Models learn transactions from this event time on; features count all labels.
        with_challenger: Whether the challenger is refit too, which takes half of the time.
    """

    def __init__(
        self, settings: Settings, delay: float, learn_from: float = 0.0, *, with_challenger: bool = True
    ) -> None:
        self._taker = Taker(settings)
        names = self._taker.maker.names
        model, anomaly = settings.model, settings.anomaly
        thresholds = Thresholds(model.alert_threshold, model.block_threshold, anomaly.doubt)
        self._judge, self._min_frauds = Judge(names, settings.rules, thresholds), model.min_frauds
        self._detector: Detector = NoDetector()
        if settings.tells_unusual:
            self._detector = AnomalyDetector(names, anomaly.share)
        learning = Learning(settings.model.learning_rate, settings.model.undersampling)
        self._online = OnlineModel("online", names, learning)
        self._trees: Challenger | None = None
        self._delay, self._learn_from = delay, learn_from
        self._waiting: deque[tuple[float, _Waiting]] = deque()
        self._labelled: deque[_Waiting] = deque()
        self._refit_at = 0.0 if with_challenger else math.inf
        self._unlearnt: deque[_Waiting] = deque()

    def run(self, payments: Iterable[Payment]) -> Judged:
        """Score all, learn on the way, and say what came of each; duplicates are left out."""
        return _columns([_Found(one.payments, one.scores, one.alerts) for one in self.scored(payments)])

    def scored(self, payments: Iterable[Payment]) -> Iterator[Scored]:
        """Score all, an hour at a time, and learn on the way; duplicates are left out."""
        for _, hour in groupby(payments, key=lambda one: one.transaction.timestamp // HOUR):
            chunk = list(hour)
            start, end = chunk[0].transaction.timestamp, chunk[-1].transaction.timestamp
            self._note_until(end)
            self._learn_until(start)
            self._refit_if_due(start)
            taken = self._take_in(chunk)
            if taken.payments:
                yield self._judged(taken)
                self._waiting.append((start, taken))

    def _take_in(self, chunk: list[Payment]) -> _Waiting:
        taken, facts = [], []
        for one in chunk:
            of_it = self._taker.take(one.transaction)
            if of_it is not None:
                taken.append(one)
                facts.append(of_it)
        maker = self._taker.maker
        rows = maker.rows(facts) if facts else np.empty((0, len(maker.names)))
        return _Waiting(taken, rows)

    def _judged(self, taken: _Waiting) -> Scored:
        online = self._online.probabilities(taken.rows)
        said = _Said(online if self._online.frauds >= self._min_frauds else None)
        transactions = [one.transaction for one in taken.payments]
        made = self._judge.decide(transactions, taken.rows, said, self._detector)
        return Scored(*taken, self._scores(np.array(online), taken.rows, made), [_alerted_by(one) for one in made])

    def _scores(
        self, online: NDArray[np.float64], rows: NDArray[np.float64], made: list[Decision]
    ) -> dict[str, NDArray[np.float64]]:
        trees = self._trees.probabilities(rows) if self._trees else np.full(len(online), np.nan)
        blend = blended(online, trees) if self._trees else online
        rules = np.array([SEVERITY_SCORE[one.hits[0].rule.severity] if one.hits else 0.0 for one in made])
        unusual = np.array([one.anomaly_score or 0.0 for one in made])
        return {"online": online, "challenger": trees, "blend": blend, "rules": rules, "half-space trees": unusual}

    def _note_until(self, end: float) -> None:
        """Note labels that become known by then: a history does not tell them before their time."""
        while self._waiting and self._waiting[0][0] + self._delay <= end:
            _, part = self._waiting.popleft()
            for one in part.payments:
                known_at = one.transaction.timestamp + self._delay
                self._taker.note(one.transaction, known_at, is_fraud=one.is_fraud)
            self._unlearnt.append(part)

    def _learn_until(self, start: float) -> None:
        """Learn the hours whose labels are all known by then."""
        while self._unlearnt and self._unlearnt[0].payments[-1].transaction.timestamp + self._delay <= start:
            part = self._unlearnt.popleft()
            if part.payments[0].transaction.timestamp >= self._learn_from:
                self._online.learn(part.rows, [one.is_fraud for one in part.payments])
                if self._refit_at < math.inf:
                    self._labelled.append(part)

    def _refit_if_due(self, now: float) -> None:
        oldest = now - self._delay - REFIT_ON
        while self._labelled and self._labelled[0].payments[0].transaction.timestamp < oldest:
            self._labelled.popleft()
        labels = [one.is_fraud for part in self._labelled for one in part.payments] if now >= self._refit_at else []
        if _ENOUGH_FRAUDS <= sum(labels) < len(labels):
            self._trees = Challenger(np.vstack([part.rows for part in self._labelled]), labels)
            self._refit_at = now + REFIT_EVERY


def _alerted_by(made: Decision) -> str:
    if made.anomaly is not None:
        return COLD_START if made.anomaly.why == "cold_start" else DOUBT
    return "" if made.verdict == "accept" else RULES if made.hits else MODEL


def _columns(found: list[_Found]) -> Judged:
    payments = [one for part in found for one in part.payments]
    numbers: dict[str, int] = {}
    customers = [numbers.setdefault(one.transaction.customer_id, len(numbers)) for one in payments]
    names = found[0].scores if found else {}
    return Judged(
        np.array([one.transaction.timestamp for one in payments]),
        np.array(customers, dtype=np.int64),
        np.array([one.is_fraud for one in payments], dtype=bool),
        {name: np.concatenate([part.scores[name] for part in found]) for name in names},
        np.array([one.transaction.amount for one in payments]),
        np.array([alert for part in found for alert in part.alerts], dtype=np.str_),
        np.array([one.kind for one in payments], dtype=np.str_),
    )
