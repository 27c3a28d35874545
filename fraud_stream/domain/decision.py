"""From a feature row to a decision: rules, the model's score, the verdict and the reasons."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.rules import SEVERITY_SCORE, CompiledRule, Rule, RuleSet
from fraud_stream.domain.transaction import Transaction

Verdict = Literal["accept", "review", "block"]
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


class Thresholds(NamedTuple):
    """From where on something happens.

    Attributes:
        alert: The model's probability of fraud that makes an alert.
        block: The risk from which the verdict is block.
    """

    alert: float = 0.5
    block: float = 0.9


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What was decided of one transaction.

    Attributes:
        score: The model's probability of fraud; None where it was not asked.
        risk: How risky the transaction is, 0 to 1: the larger of the score and what the rules say.
        verdict: What to do.
        hits: The active rules that hit, the most severe first.
        shadow: The shadow rules that hit.
        contributions: The model's largest reasons, for alerts only.
    """

    score: float | None
    risk: float
    verdict: Verdict
    hits: list[CompiledRule]
    shadow: list[CompiledRule]
    contributions: list[Contribution]


class Judge:
    """Decides over chunks of transactions.

    Args:
        names: The names of the features, in the order of a row.
        rules: All rules.
        thresholds: From where on it alerts and blocks; may be set anew between two chunks.
    """

    def __init__(self, names: Sequence[str], rules: Sequence[Rule], thresholds: Thresholds) -> None:
        self.names = tuple(names)
        self.rules = RuleSet(rules, self.names)
        self.rules_version = _version([compiled.rule for compiled in self.rules.rules])
        self.thresholds = thresholds

    def decide(self, transactions: Sequence[Transaction], rows: Rows, scorer: Scorer) -> list[Decision]:
        """One decision for each transaction; `rows` has their features, one row each."""
        found = self.rules.evaluate(self._columns(transactions, rows))
        scores: Sequence[float | None] = scorer.scores(rows) or [None] * len(rows)
        decisions = [self._decision(found.get(n, ()), score) for n, score in enumerate(scores)]
        alerted = [n for n, made in enumerate(decisions) if made.verdict != "accept" and made.score is not None]
        if alerted:
            for n, reasons in zip(alerted, scorer.contributions(rows[alerted], MODEL_REASONS), strict=True):
                decisions[n] = msgspec.structs.replace(decisions[n], contributions=reasons)
        return decisions

    def _columns(self, transactions: Sequence[Transaction], rows: Rows) -> dict[str, NDArray[Any]]:
        columns: dict[str, NDArray[Any]] = {name: rows[:, n] for n, name in enumerate(self.names)}
        for name in self.rules.texts:
            columns[name] = np.array([getattr(tx, name) for tx in transactions], dtype=object)
        return columns

    def _verdict(self, risk: float) -> Verdict:
        return "block" if risk >= self.thresholds.block else "review"

    def _decision(self, found: Sequence[CompiledRule], score: float | None) -> Decision:
        """A decision; the model has not given its reasons yet."""
        if not found and (score is None or score < self.thresholds.alert):
            return Decision(score, score or 0.0, "accept", [], [], [])
        hits = sorted((r for r in found if r.rule.state == "active"), key=_severity, reverse=True)
        shadow = [rule for rule in found if rule.rule.state == "shadow"]
        risk = max(score or 0.0, _severity(hits[0]) if hits else 0.0)
        alerts = bool(hits) or (score is not None and score >= self.thresholds.alert)
        return Decision(score, risk, self._verdict(risk) if alerts else "accept", hits, shadow, [])


def _severity(rule: CompiledRule) -> float:
    return SEVERITY_SCORE[rule.rule.severity]


def _version(rules: Sequence[Rule]) -> str:
    """A short name of a set of rules; whatever is changed in one, the name changes."""
    text = msgspec.json.encode(sorted(rules, key=lambda rule: rule.id))
    return blake2b(text, digest_size=4).hexdigest()
