"""What ``/predict`` answers."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from fraud_stream.domain.decision import RiskLevel, Verdict
from fraud_stream.records import Probability, Reason

#: Payments of one request.
MOST = 1_000


class Prediction(msgspec.Struct, frozen=True):
    """What would be decided of a payment if it came next.

    Attributes:
        is_fraud: Whether it would be alerted.
        fraud_probability: By the model that decides; null while it has learnt too little to be asked.
        risk_level: ``LOW`` is accepted, ``MEDIUM`` reviewed, ``HIGH`` blocked.
        risk_score: How risky it is, rules included, 0 to 1.
        verdict: ``accept``, ``review`` or ``block``.
        model_version: The model.
        rules_version: The rules.
        threshold: The model's probability of fraud from which it alerts.
        timestamp: When this was said.
        input_features: Every feature by its name, as it was judged.
        reasons: All that speaks for an alert.
        message: One sentence for people; empty where it is accepted.
        transaction_id: The transaction; null where figures were sent.
        customer_id: Its customer; likewise.
        is_known_customer: Whether anything is known of the customer.
        is_late: Whether it would come too late for its windows.
    """

    is_fraud: bool
    fraud_probability: Probability | None
    risk_level: RiskLevel
    risk_score: Probability
    verdict: Verdict
    model_version: str
    rules_version: str
    threshold: float
    timestamp: datetime
    input_features: dict[str, float]
    reasons: list[Reason]
    message: str
    transaction_id: str | None = None
    customer_id: str | None = None
    is_known_customer: bool = False
    is_late: bool = False


class Payments(msgspec.Struct, frozen=True):
    """Payments that are asked about together.

    Attributes:
        transactions: Each a payment in one of the forms that one alone may have.
    """

    transactions: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1, max_length=MOST)]


class Answer(msgspec.Struct, frozen=True):
    """The answer for one of many payments: a prediction, or why there is none."""

    prediction: Prediction | None = None
    error: str | None = None


class Predictions(msgspec.Struct, frozen=True):
    """The answers for many payments, in the order in which they were sent."""

    predictions: list[Answer]
