"""From a feature row to a decision: rules, the model's score, what is unusual, lists, the verdict and the reasons."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.listing import Listed
from fraud_stream.domain.rulebook import Rulebook
from fraud_stream.domain.rules import SEVERITY_SCORE, CompiledRule, Rule
from fraud_stream.domain.transaction import Transaction

Verdict = Literal["accept", "review", "block"]
RiskLevel = Literal["LOW", "MEDIUM", "HIGH"]
#: How risky a payment is, by what is to be done with it.
RISK_LEVELS: dict[Verdict, RiskLevel] = {"accept": "LOW", "review": "MEDIUM", "block": "HIGH"}
Rows = NDArray[np.float64]
#: How many of a model's reasons an alert gives.
MODEL_REASONS = 3


class Contribution(NamedTuple):
    """What one feature added to the log odds of fraud."""

    feature: str
    value: float
    amount: float


class Scorer(Protocol):
    """A model as the decisions see it."""

    @property
    def id(self) -> str:
        """Name and version."""
        ...

    def scores(self, rows: Rows) -> Sequence[float] | None:
        """The probability of fraud of each row; None while the model must not be asked."""
        ...

    def contributions(self, rows: Rows, most: int) -> list[list[Contribution]]:
        """For each row the features that added something, the largest `most` of them, the largest first."""
        ...


class NoModel:
    """The scorer of an application without a model."""

    id = "none"

    def scores(self, rows: Rows) -> None:
        """It has no opinion."""

    def contributions(self, rows: Rows, most: int) -> list[list[Contribution]]:
        """And no reasons."""
        return [[] for _ in rows]


class Watched(NamedTuple):
    """What a detector says of each transaction.

    Attributes:
        scores: How unusual it is, 0 to 1; None while too little was seen.
        is_unusual: Whether that is worth an alert.
    """

    scores: Sequence[float | None]
    is_unusual: Sequence[bool]


class Detector(Protocol):
    """What tells unusual transactions without labels, as the decisions see it."""

    def watch(self, rows: Rows) -> Watched:
        """What is to be said of each row; it is learnt then."""
        ...

    def look(self, rows: Rows) -> Watched:
        """What would be said of each row if it came next; nothing is learnt."""
        ...

    def reasons(self, rows: Rows, most: int) -> list[list[Contribution]]:
        """For each row the features that make it most unusual, the largest `most` of them, the largest first."""
        ...


class NoDetector:
    """The detector of an application without one."""

    def watch(self, rows: Rows) -> Watched:
        """It has no opinion."""
        return Watched([None] * len(rows), [False] * len(rows))

    look = watch

    def reasons(self, rows: Rows, most: int) -> list[list[Contribution]]:
        """And no reasons."""
        return [[] for _ in rows]


class OnlyLooking:
    """A detector that learns nothing of what it is shown."""

    def __init__(self, detector: Detector) -> None:
        self.watch = self.look = detector.look
        self.reasons = detector.reasons


class Anomaly(NamedTuple):
    """Why a transaction is alerted that is unusual and nothing else.

    Attributes:
        why: ``cold_start``: the model must not be asked yet; ``doubt``: it is uncertain.
        reasons: What makes the transaction unusual; an amount is how much of the detector's score it makes.
    """

    why: Literal["cold_start", "doubt"]
    reasons: list[Contribution]


class Thresholds(NamedTuple):
    """From where on something happens.

    Attributes:
        alert: The model's probability of fraud that makes an alert.
        block: The risk from which the verdict is block.
        doubt: The probability from which an unusual transaction makes one.
    """

    alert: float = 0.5
    block: float = 0.9
    doubt: float = 0.2


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What was decided of one transaction.

    Attributes:
        score: The model's probability of fraud; None where it was not asked.
        risk: How risky the transaction is, 0 to 1: the larger of the score and what the rules say.
        verdict: What to do.
        hits: The active rules that hit, the most severe first.
        shadow: The shadow rules that hit.
        contributions: The model's largest reasons, for alerts only.
        anomaly_score: How unusual it is, 0 to 1; None where that was not told.
        anomaly: Why it is alerted, where that is because it is unusual.
        listed: The entry of the allow or deny list that has decided.
        is_snoozed: Whether its alert is not sent, since the customer's are not for a while.
    """

    score: float | None
    risk: float
    verdict: Verdict
    hits: list[CompiledRule]
    shadow: list[CompiledRule]
    contributions: list[Contribution]
    anomaly_score: float | None = None
    anomaly: Anomaly | None = None
    listed: Listed | None = None
    is_snoozed: bool = False


class Judge:
    """Decides over chunks of transactions.

    Args:
        names: The names of the features, in the order of a row.
        rules: The rules of the settings.
        thresholds: From where on it alerts and blocks; may be set anew between two chunks.
        clock: Tells the time, seconds since 1970, by which entries of lists end.

    Attributes:
        rulebook: The rules and lists in force; may be changed between two chunks.
    """

    def __init__(
        self,
        names: Sequence[str],
        rules: Sequence[Rule],
        thresholds: Thresholds,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.names = tuple(names)
        self._places = {name: n for n, name in enumerate(self.names)}
        self.rulebook = Rulebook(rules, self.names, clock)
        self.thresholds = thresholds
        self._clock = clock

    def decide(
        self, transactions: Sequence[Transaction], rows: Rows, scorer: Scorer, detector: Detector | None = None
    ) -> list[Decision]:
        """One decision for each transaction; `rows` has their features, one row each."""
        detector = detector or NoDetector()
        found = self.rulebook.in_force.evaluate(self._columns(transactions, rows))
        watched = detector.watch(rows)
        scores: Sequence[float | None] = scorer.scores(rows) or [None] * len(rows)
        pairs = enumerate(zip(scores, watched.scores, strict=True))
        decisions = [self._decision(found.get(n, ()), *pair) for n, pair in pairs]
        self._alert_unusual(decisions, rows, detector, watched)
        if self.rulebook.lists:
            decisions = self._obeying_lists(decisions, transactions)
        alerted = [n for n, made in enumerate(decisions) if made.verdict != "accept" and made.score is not None]
        if alerted:
            for n, reasons in zip(alerted, scorer.contributions(rows[alerted], MODEL_REASONS), strict=True):
                decisions[n] = msgspec.structs.replace(decisions[n], contributions=reasons)
        return decisions

    def _columns(self, transactions: Sequence[Transaction], rows: Rows) -> dict[str, NDArray[Any]]:
        rules = self.rulebook.in_force
        columns: dict[str, NDArray[Any]] = {name: rows[:, self._places[name]] for name in rules.numbers}
        for name in rules.texts:
            columns[name] = np.array([getattr(tx, name) for tx in transactions], dtype=object)
        return columns

    def _alert_unusual(self, decisions: list[Decision], rows: Rows, detector: Detector, watched: Watched) -> None:
        """Have reviewed what is unusual where neither rules nor model alert, and the model leaves it open."""
        unusual = [n for n, beyond in enumerate(watched.is_unusual) if beyond and self._leaves_open(decisions[n])]
        if not unusual:
            return
        for n, reasons in zip(unusual, detector.reasons(rows[unusual], MODEL_REASONS), strict=True):
            made = decisions[n]
            anomaly = Anomaly("cold_start" if made.score is None else "doubt", reasons)
            risk = max(made.risk, SEVERITY_SCORE["MEDIUM"])
            decisions[n] = msgspec.structs.replace(made, risk=risk, verdict="review", anomaly=anomaly)

    def _obeying_lists(self, decisions: list[Decision], transactions: Sequence[Transaction]) -> list[Decision]:
        now = self._clock()
        return [self._obeying(made, tx, now) for made, tx in zip(decisions, transactions, strict=True)]

    def _obeying(self, made: Decision, tx: Transaction, now: float) -> Decision:
        """A decision as the lists want it: what is denied is alerted, whoever is snoozed."""
        find = self.rulebook.lists.find
        if denied := find("deny", tx, now):
            return msgspec.structs.replace(made, risk=1.0, verdict="block", anomaly=None, listed=denied)
        if allowed := find("allow", tx, now):
            return msgspec.structs.replace(made, verdict="accept", anomaly=None, listed=allowed)
        if made.verdict != "accept" and find("snooze", tx, now):
            return msgspec.structs.replace(made, is_snoozed=True)
        return made

    def _leaves_open(self, made: Decision) -> bool:
        return made.verdict == "accept" and (made.score is None or made.score >= self.thresholds.doubt)

    def _verdict(self, risk: float) -> Verdict:
        return "block" if risk >= self.thresholds.block else "review"

    def _decision(self, found: Sequence[CompiledRule], score: float | None, unusual: float | None) -> Decision:
        """A decision; the model has not given its reasons yet, nor has the detector."""
        if not found and (score is None or score < self.thresholds.alert):
            return Decision(score, score or 0.0, "accept", [], [], [], unusual)
        hits = sorted((r for r in found if r.rule.state == "active"), key=_severity, reverse=True)
        shadow = [rule for rule in found if rule.rule.state == "shadow"]
        risk = max(score or 0.0, _severity(hits[0]) if hits else 0.0)
        alerts = bool(hits) or (score is not None and score >= self.thresholds.alert)
        return Decision(score, risk, self._verdict(risk) if alerts else "accept", hits, shadow, [], unusual)


def _severity(rule: CompiledRule) -> float:
    return SEVERITY_SCORE[rule.rule.severity]
