"""What travels on the topics."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from fraud_stream.access import Role
from fraud_stream.alerts import Alert, Drift, Probability, Reason, alert_id, drift_id, read_alert
from fraud_stream.domain.decision import Verdict
from fraud_stream.domain.intake import LONGEST_ID
from fraud_stream.domain.listing import Listed
from fraud_stream.domain.once import Join, Once
from fraud_stream.domain.outcomes import History, Outcomes
from fraud_stream.domain.packed import Doubles, Longs
from fraud_stream.domain.rulebook import RuleVersion
from fraud_stream.domain.said import Word
from fraud_stream.domain.transaction import Transaction
from fraud_stream.models.batch import BatchModel
from fraud_stream.models.live.day import EvaluationDay
from fraud_stream.models.live.traffic import Traffic
from fraud_stream.models.promotion import Promotions
from fraud_stream.models.state import ModelState

__all__ = [
    "Alert",
    "AuditEntry",
    "BatchModel",
    "DeadLetter",
    "Drift",
    "EvaluationDay",
    "Label",
    "Labelled",
    "Listed",
    "MerchantRisk",
    "ModelState",
    "Probability",
    "Promotions",
    "Reason",
    "RuleVersion",
    "ScoredTransaction",
    "Summary",
    "Traffic",
    "Transaction",
    "Verdict",
    "alert_id",
    "drift_id",
    "read_alert",
]

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became known of a transaction: a chargeback, an analyst's word, the generator's truth.

    Attributes:
        transaction_id: The transaction.
        customer_id: Its customer; also the Kafka key.
        is_fraud: Whether it was fraud.
        labelled_at: When this became known, event time in seconds since 1970.
        source: Who says so, for example ``chargeback``, ``analyst``, ``generator``.
        kind: What kind of fraud it was, where that is known.
    """

    transaction_id: Identifier
    customer_id: Identifier
    is_fraud: bool
    labelled_at: float
    source: str
    kind: str | None = None


class ScoredTransaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction, its features and what was decided: the audit trail and the training data.

    Attributes:
        transaction: The transaction as it was understood.
        features: Every feature by its name.
        score: The probability of fraud that counted; null while the model has learnt too little to be asked.
        risk_score: How risky it is, rules included, 0 to 1.
        verdict: ``accept``, ``review`` or ``block``.
        alert_id: Its alert; null where none was sent.
        rules: Ids of the active rules that hit.
        shadow_rules: Ids of the shadow rules that hit.
        reasons: All that spoke for an alert; empty where nothing did.
        model_version: The model that scored it, or both as ``online-12+challenger-3`` where they are blended.
        rules_version: The rules it was checked against.
        is_late: Whether it came too late for its windows.
        partition: Partition of `transactions` it was read from.
        offset: Its offset there.
        decided_at: When it was decided, seconds since 1970.
        latency: Seconds from the broker's timestamp to the decision.
        threshold: The model's probability of fraud from which it alerted then.
        online_score: The online model's probability of fraud, whoever decided; null where it was not asked.
        challenger_score: The challenger's, likewise.
        challenger_version: The challenger that gave it; null where there was none.
        anomaly_score: How unusual it is for what the worker has seen, 0 to 1; null while it has seen too little.
        listed: ``allow`` or ``deny``: the list that has decided; null where none has.
        is_snoozed: Whether its alert was not sent, since the customer's were not for a while.
    """

    transaction: Transaction
    features: dict[str, float]
    score: float | None
    risk_score: float
    verdict: Verdict
    alert_id: str | None
    rules: list[str]
    shadow_rules: list[str]
    reasons: list[Reason]
    model_version: str
    rules_version: str
    is_late: bool
    partition: int
    offset: int
    decided_at: float
    latency: float
    threshold: float = 0.5
    online_score: float | None = None
    challenger_score: float | None = None
    challenger_version: str | None = None
    anomaly_score: float | None = None
    listed: Literal["allow", "deny"] | None = None
    is_snoozed: bool = False


class Summary(msgspec.Struct, frozen=True):
    """What a worker has decided in the last interval, and lately; those of several workers can be added up.

    Attributes:
        worker: The worker's address; also the Kafka key.
        since: When the interval began, by the worker's clock, seconds since 1970.
        until: When it ended.
        transactions: Transactions decided in it.
        total_amount: The sum of their amounts.
        average_amount: Their mean amount; null where there were none.
        smallest_amount: The smallest; likewise.
        largest_amount: The largest; likewise.
        per_second: Transactions decided a second.
        last_minute: Transactions decided in the last minute.
        last_5_minutes: In the last five.
        average_amount_5_minutes: The mean amount of these; likewise.
        processed: Transactions decided since the worker started.
        alerted: Alerts sent since then.
    """

    worker: str
    since: float
    until: float
    transactions: int
    total_amount: float
    average_amount: float | None
    smallest_amount: float | None
    largest_amount: float | None
    per_second: float
    last_minute: int
    last_5_minutes: int
    average_amount_5_minutes: float | None
    processed: int
    alerted: int


AuditAction = Literal["label", "rule", "list", "redrive", "promote", "announce"]


class AuditEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody changes something: written before it is done, and once more where it fails.

    Attributes:
        at: When, seconds since 1970.
        by: Who; also the Kafka key.
        via: How: on the page, or by a command.
        action: What is changed.
        target: What of it: a transaction, a rule, an entry of a list, a model.
        role: The rights that the page gave; null for commands, which have those of the broker.
        reason: Why, where that was said.
        details: The record that makes the change, or what it is of.
        failure: Why it was not made; null where nothing is known to have gone wrong.
    """

    at: float
    by: Word
    via: Literal["page", "command"]
    action: AuditAction
    target: str
    role: Role | None = None
    reason: Word = ""
    details: dict[str, Any] = {}
    failure: str | None = None


class DeadLetter(msgspec.Struct, frozen=True):
    """Why a record could not be processed: the headers of a dead letter, whose key and value are the record's own.

    Attributes:
        reason: One of the fixed reasons.
        detail: What exactly was wrong.
        topic: The topic it came from.
        partition: Its partition there.
        offset: Its offset there.
        time: When it was refused, seconds since 1970.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    time: float

    def headers(self) -> list[tuple[str, bytes]]:
        """As Kafka headers, each ``fraud-stream-…``."""
        return [(f"fraud-stream-{name}", str(value).encode()) for name, value in msgspec.structs.asdict(self).items()]

    @classmethod
    def from_headers(cls, headers: Any) -> "DeadLetter":
        """The description that headers carry.

        Raises:
            msgspec.ValidationError: They carry none.
        """
        prefix = "fraud-stream-"
        values = {name.removeprefix(prefix): (value or b"").decode(errors="replace") for name, value in headers or ()}
        return msgspec.convert(values, cls, strict=False)


class Labelled(msgspec.Struct, frozen=True, gc=False):
    """A scored transaction joined with its label.

    Attributes:
        transaction_id: The transaction.
        customer_id: Its customer.
        timestamp: Its event time, seconds since 1970.
        amount: Its amount.
        is_fraud: The label.
        labelled_at: When the label became known, seconds since 1970.
        source: Who said so.
        kind: What kind of fraud it was, where that is known.
        score: The probability that had counted; null where no model was asked.
        risk_score: How risky it was found, 0 to 1.
        verdict: What had been decided.
        model_version: The model that had scored it.
        features: The features it was scored with, in the order of the feature list: 64-bit floats, little-endian, one
            after the other, in Base64.
        features_version: Which feature list that is.
        merchant_id: Where it was paid.
        join: Where the two came from: a crash may send it twice, and this tells it.
        stream_time: The largest event time seen in the customer's partition when it was sent.
        online_score: What the online model had said, whoever decided; null where it was not asked.
        challenger_score: What the challenger had said, likewise.
    """

    transaction_id: str
    customer_id: str
    timestamp: float
    amount: float
    is_fraud: bool
    labelled_at: float
    source: str
    kind: str | None
    score: float | None
    risk_score: float
    verdict: Verdict
    model_version: str
    features: bytes
    features_version: str
    merchant_id: str | None = None
    join: Join = Join()
    stream_time: float = 0.0
    online_score: float | None = None
    challenger_score: float | None = None


class MerchantRisk(msgspec.Struct, frozen=True):
    """What labels have told of a merchant's payments, counted up by the moments at which they became known.

    Attributes:
        merchant_id: The merchant; also the Kafka key.
        noted: How many labels were noted: of two records of a merchant the larger is the newer.
        read: The newest offset of `labelled` that was noted.
        times: The moments, seconds since 1970, ascending: 64-bit floats, little-endian, in Base64.
        labels: How many labels were known at each, in all: 64-bit integers likewise.
        frauds: The frauds among them, likewise.
        once: What was noted and may come again.
    """

    merchant_id: str
    noted: int
    read: int
    times: bytes
    labels: bytes
    frauds: bytes
    once: Once = msgspec.field(default_factory=Once)

    @classmethod
    def of(cls, merchant_id: str, history: History) -> "MerchantRisk":
        """The record of a history."""
        outcomes = history.outcomes
        numbers = outcomes.times.tobytes(), outcomes.labels.tobytes(), outcomes.frauds.tobytes()
        return cls(merchant_id, history.noted, history.read, *numbers, history.once)

    def history(self) -> History:
        """The history in the record.

        Raises:
            ValueError: Its numbers differ in length, or do not ascend.
        """
        columns = Doubles("d", self.times), Longs("q", self.labels), Longs("q", self.frauds)
        for numbers in columns:
            if len(numbers) != len(columns[0]) or not (np.diff(np.asarray(numbers)) >= 0).all():
                raise ValueError(f"the numbers of merchant {self.merchant_id!r} do not ascend together")
        return History(self.noted, self.once, Outcomes(*columns), self.read)
