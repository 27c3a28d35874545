"""What is told of a decision: scored transactions, alerts, labelled transactions, dead letters."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from fraud_stream.domain.decision import Contribution, Decision
from fraud_stream.domain.listing import FIELDS, Listed
from fraud_stream.domain.once import Join
from fraud_stream.domain.pending import SCORED, Pending
from fraud_stream.domain.rules import TEXT_FIELDS, CompiledRule, Severity, Value
from fraud_stream.domain.transaction import Transaction
from fraud_stream.models.panel import NOTHING_SAID, Said
from fraud_stream.records import Alert, Labelled, Reason, ScoredTransaction, alert_id

#: The version of features that waited for their label while the application was changed.
OTHER_FEATURES = "other"
#: Texts of a comparison that a reason names.
MOST_TEXTS = 20
#: What an alert says that was made because a transaction is unusual, by why.
_UNUSUAL = {
    "cold_start": "unusual for what was seen so far; the model has learnt too few frauds to be asked",
    "doubt": "unusual for what was seen so far, and the model is uncertain: its fraud probability is {score:.0%}",
}


class Context(NamedTuple):
    """What a chunk's decisions have in common."""

    partition: int
    model_version: str
    rules_version: str
    decided_at: float
    threshold: float = 0.5
    challenger_version: str | None = None


class Told(msgspec.Struct, frozen=True, gc=False):
    """What else belongs to the record of a decision.

    Attributes:
        record: The Kafka record it was read from.
        is_late: Whether it came too late for its windows.
        alert: Its alert.
        context: What the chunk's decisions have in common.
        said: What each model said.
    """

    record: Any
    is_late: bool
    alert: Alert | None
    context: Context
    said: Said = NOTHING_SAID


class Reporter:
    """Makes records of decisions.

    Args:
        names: The names of the features, in the order of a row.
        features_version: Which feature list that is.
    """

    def __init__(self, names: Sequence[str], features_version: str) -> None:
        self.features_version = features_version
        self._names = tuple(names)
        self._row_size = 8 * len(names)
        # a struct with the features as fields is built and encoded three times as fast as a dictionary
        self._features: Any = msgspec.defstruct("Features", [(name, float) for name in names], gc=False)

    def alert(self, tx: Transaction, row: Sequence[float], decision: Decision, context: Context) -> Alert:
        """The alert of a decision that is not ``accept``."""
        values = self._values(tx, row)
        severity, kind, message = _headline(decision, values)
        return Alert(
            alert_id(tx.transaction_id),
            tx.transaction_id,
            tx.customer_id,
            _moment(tx.timestamp),
            _moment(context.decided_at),
            tx.amount,
            severity,
            kind,
            decision.risk,
            "block" if decision.verdict == "block" else "review",
            message,
            _reasons(decision, values),
            context.model_version,
            context.rules_version,
            context.threshold,
        )

    def scored(self, tx: Transaction, row: Sequence[float], decision: Decision, told: Told) -> ScoredTransaction:
        """The record of any decision."""
        alert, context, record = told.alert, told.context, told.record
        return ScoredTransaction(
            tx,
            self._features(*row),
            decision.score,
            decision.risk,
            decision.verdict,
            alert.alert_id if alert and not decision.is_snoozed else None,
            _ids(decision.hits),
            _ids(decision.shadow),
            alert.reasons if alert else [],
            context.model_version,
            context.rules_version,
            told.is_late,
            context.partition,
            record.offset,
            context.decided_at,
            context.decided_at - record.timestamp / 1000.0,
            context.threshold,
            *told.said,
            context.challenger_version,
            decision.anomaly_score,
            decision.listed.list if decision.listed else None,  # type: ignore[arg-type]  # what is snoozed decides nothing
            decision.is_snoozed,
        )

    def pending(self, tx: Transaction, features: bytes, decision: Decision, told: Told) -> Pending:
        """What waits for the label; `features` are 64-bit floats."""
        online, challenger = told.said
        return Pending(
            SCORED,
            tx.timestamp,
            tx.customer_id,
            tx.amount,
            decision.score,
            decision.risk,
            decision.verdict,
            told.context.model_version,
            features,
            merchant_id=tx.merchant_id,
            offset=told.record.offset,
            online_score=online,
            challenger_score=challenger,
        )

    def labelled(self, transaction_id: str, parts: tuple[Pending, Pending], join: Join, stream_time: float) -> Labelled:
        """A scored transaction with its label."""
        scored, label = parts
        return Labelled(
            transaction_id,
            scored.customer_id,
            scored.time,
            scored.amount,
            label.is_fraud,
            label.labelled_at,
            label.source,
            label.kind,
            scored.score,
            scored.risk,
            scored.verdict,  # type: ignore[arg-type]  # a Pending's verdict is a Decision's
            scored.model_version,
            scored.features,
            self.features_version if len(scored.features) == self._row_size else OTHER_FEATURES,
            scored.merchant_id,
            join,
            stream_time,
            scored.online_score,
            scored.challenger_score,
        )

    def _values(self, tx: Transaction, row: Sequence[float]) -> dict[str, Any]:
        numbers = {name: float(value) for name, value in zip(self._names, row, strict=True)}
        return {**numbers, **{name: getattr(tx, name) for name in TEXT_FIELDS}}


def _headline(decision: Decision, values: dict[str, Any]) -> tuple[Severity, str, str]:
    """Severity, type and message of an alert: those of the strongest rule, or of what else has made it."""
    if decision.listed is not None:
        return "CRITICAL", "DENY_LIST", _denied(decision.listed)
    if decision.hits:
        strongest = decision.hits[0]
        return strongest.rule.severity, strongest.rule.type, strongest.message(values)
    if decision.anomaly is not None:
        return "MEDIUM", "UNSUPERVISED", _UNUSUAL[decision.anomaly.why].format(score=decision.score)
    severity: Severity = "HIGH" if decision.verdict == "block" else "MEDIUM"
    return severity, "MODEL", f"the model gives a fraud probability of {decision.risk:.0%}"


def _denied(entry: Listed) -> str:
    why = f": {entry.reason}" if entry.reason else ""
    return f"{entry.what} {entry.value} is on the deny list{why}"


def _ids(rules: Sequence[CompiledRule]) -> list[str]:
    return [rule.rule.id for rule in rules] if rules else []  # mostly there are none


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _reasons(decision: Decision, values: dict[str, Any]) -> list[Reason]:
    listed = [_listed(decision.listed)] if decision.listed else []
    rules = [reason for rule in decision.hits for reason in _rule_reasons(rule, values)]
    unusual = [_contributed("anomaly", one) for one in decision.anomaly.reasons] if decision.anomaly else []
    return [*listed, *rules, *unusual, *(_contributed("model", one) for one in decision.contributions)]


def _listed(entry: Listed) -> Reason:
    return Reason("list", entry.list, FIELDS[entry.what], entry.value)


def _limit(value: Value) -> float | str | list[str]:
    """What was compared with; of many texts the first, as an alert is no place for a list of merchants."""
    if not isinstance(value, tuple):
        return value
    more = [f"and {len(value) - MOST_TEXTS:,} more"] if len(value) > MOST_TEXTS else []
    return [*value[:MOST_TEXTS], *more]


def _rule_reasons(rule: CompiledRule, values: dict[str, Any]) -> list[Reason]:
    return [
        Reason(
            "rule",
            rule.rule.id,
            comparison.name,
            values[comparison.name],
            comparison.operator,
            _limit(comparison.value),
            version=rule.rule.version,
        )
        for comparison in rule.comparisons
    ]


def _contributed(source: Literal["model", "anomaly"], one: Contribution) -> Reason:
    return Reason(source, source, one.feature, one.value, contribution=one.amount)
