"""What travels on `alerts`: transactions that look like fraud, and drifts."""

from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Literal

import msgspec

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that spoke for an alert.

    Attributes:
        source: ``rule``, ``model``, ``anomaly`` or ``list``.
        name: The rule's id, ``model``, ``anomaly``, or ``deny``, the list.
        feature: What was looked at.
        value: The value seen.
        operator: How it was compared (rules).
        limit: What it was compared with (rules).
        contribution: How much it added to the log odds of fraud (model), or to the anomaly score (anomaly).
        version: The rule's version (rules).
    """

    source: Literal["rule", "model", "anomaly", "list"]
    name: str
    feature: str
    value: float | str | None
    operator: str | None = None
    limit: float | str | list[str] | None = None
    contribution: float | None = None
    version: int | None = None


class Alert(msgspec.Struct, frozen=True):
    """A transaction that looks like fraud, and why.

    Attributes:
        alert_id: A function of the transaction id: a replay repeats it and never invents another.
        transaction_id: The transaction.
        customer_id: Its customer; also the Kafka key.
        event_time: When it was made.
        detected_at: When it was decided.
        amount: Its amount.
        severity: ``LOW``, ``MEDIUM``, ``HIGH`` or ``CRITICAL``.
        type: ``DENY_LIST`` where it met an entry of that list, the type of the strongest rule that hit, ``MODEL``, or
            ``UNSUPERVISED`` where it is unusual, no rule hit and the model was not asked or is uncertain.
        risk_score: How risky it is, 0 to 1.
        verdict: What to do: ``review`` or ``block``.
        message: One sentence for people.
        reasons: All that spoke for it.
        model_version: The model that scored it.
        rules_version: The rules it was checked against.
        threshold: The model's probability of fraud from which it alerted then.
        group_id: The id of the customer's first alert that this one belongs to, its own where it is the first; null
            where alerts are not grouped.
        group_position: Its number in the group, from 1 on; likewise.
    """

    alert_id: str
    transaction_id: str
    customer_id: str
    event_time: datetime
    detected_at: datetime
    amount: float
    severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    type: str
    risk_score: Probability
    verdict: Literal["review", "block"]
    message: str
    reasons: list[Reason]
    model_version: str
    rules_version: str
    threshold: float = 0.5
    group_id: str | None = None
    group_position: int | None = None


class Drift(msgspec.Struct, frozen=True):
    """The mean of a stream of numbers has changed: customers, fraud or the model are not what they were.

    Attributes:
        alert_id: A function of the stream and of the transaction that gave it away.
        type: ``DRIFT``; no alert of a transaction has `stream`.
        severity: ``HIGH`` where frauds or missed frauds rose, else ``MEDIUM``.
        stream: What has changed; also the Kafka key.
        event_time: When that transaction was made.
        detected_at: When it was found.
        before: The mean before: a share, or of `log_amount` the natural logarithm of 1 + amount.
        after: The mean since.
        transactions: How many came since: transactions decided, or labelled, or of `missed_fraud_rate` frauds labelled.
        message: One sentence for people.
    """

    alert_id: str
    type: Literal["DRIFT"]
    severity: Literal["MEDIUM", "HIGH"]
    stream: Literal["alert_rate", "log_amount", "fraud_label_rate", "missed_fraud_rate"]
    event_time: datetime
    detected_at: datetime
    before: float
    after: float
    transactions: int
    message: str


class _Kind(msgspec.Struct):
    """What tells the records on `alerts` from each other; a rule may call its type DRIFT too."""

    stream: str | None = None


_kind = msgspec.json.Decoder(_Kind).decode
_alert = msgspec.json.Decoder(Alert).decode
_drift = msgspec.json.Decoder(Drift).decode


def read_alert(value: bytes) -> Alert | Drift:
    """The record that a value on `alerts` is.

    Raises:
        msgspec.DecodeError: It is none.
        UnicodeDecodeError: It is none, and no text.
    """
    return _alert(value) if _kind(value).stream is None else _drift(value)


def alert_id(transaction_id: str) -> str:
    """The id of the alert of a transaction.

    >>> alert_id("TXN-1")
    'ALERT-307639fe532c5541'
    """
    return "ALERT-" + blake2b(transaction_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def drift_id(stream: str, transaction_id: str) -> str:
    """The id of the drift of a stream that a transaction gave away.

    >>> drift_id("alert_rate", "TXN-1")
    'DRIFT-ed9756d0ca2e2c1e'
    """
    return "DRIFT-" + blake2b(f"{stream} {transaction_id}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
