"""The other contestant: fraud detection as Faust's documentation teaches it, one event after the other.

It is meant to be good at that.  Settings are Faust's defaults but for those that the broker and the topics make
necessary.  It keeps the same two windowed tables, checks the conditions of ``faust.conf`` that can be told from them
and from the payment itself, scores with River, learns each transaction when its label is there, and sends alerts.

It does less than fraud_stream, always to its own advantage: no table of customers' habits, places or devices, so eight
rules instead of eleven and ten features instead of over thirty; what waits for a label is kept in a dictionary that
dies with the process, not in a table; no record of decisions that are no alerts, no log line for an alert, no model
published.  Its answers are worse too: a hopping window is read with ``.value()``, as documented, which is the newest
window and covers at most one step; a crash counts events twice.
"""

import math
import os
from datetime import datetime, timedelta
from typing import Any

import faust
from river import compose, linear_model, preprocessing


class Transaction(faust.Record, serializer="json", isodates=True):
    """A payment."""

    transaction_id: str
    customer_id: str
    timestamp: datetime
    amount: float
    merchant_id: str | None = None
    product_category: str | None = None
    payment_method: str | None = None
    device_type: str | None = None
    device_id: str | None = None
    location: str | None = None


class Label(faust.Record, serializer="json"):
    """What became known of a payment."""

    transaction_id: str
    customer_id: str
    is_fraud: bool


class Alert(faust.Record, serializer="json"):
    """A payment that looks like fraud."""

    transaction_id: str
    customer_id: str
    amount: float
    probability: float
    reasons: list[str]


app = faust.App(
    "naive",
    broker=os.environ.get("FRAUD_STREAM_BROKER_URL", "kafka://127.0.0.1:9092"),
    topic_partitions=4,  # as many as the topics have
    broker_session_timeout=6.0,  # no matter of speed: the embedded broker lets a worker join after half of it
)
transactions = app.topic("transactions", key_type=str, value_type=Transaction)
labels = app.topic("labels", key_type=str, value_type=Label)
alerts = app.topic("naive-alerts", key_type=str, value_type=Alert)

Stats = dict[str, Any]
TIME: Any = Transaction.timestamp  # on the class it is not a time but the field


def no_stats() -> Stats:
    """The statistics of a window without payments."""
    return {"count": 0, "sum": 0.0, "squares": 0.0, "min": None, "max": None}


def add(stats: Stats, amount: float) -> Stats:
    """The statistics with one payment more."""
    return {
        "count": stats["count"] + 1,
        "sum": stats["sum"] + amount,
        "squares": stats["squares"] + amount * amount,
        "min": amount if stats["min"] is None else min(stats["min"], amount),
        "max": amount if stats["max"] is None else max(stats["max"], amount),
    }


# No window expires: that costs least, and Faust goes by the wall clock there, which is years ahead of these payments.
customer_hour = app.Table("customer_hour", default=no_stats).tumbling(timedelta(hours=1)).relative_to_field(TIME)
customer_velocity = (
    app.Table("customer_velocity", default=no_stats)
    .hopping(timedelta(minutes=5), timedelta(minutes=1))
    .relative_to_field(TIME)
)

model = compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())
waiting: dict[str, dict[str, float]] = {}  # features of transactions without a label, by id
early: dict[str, bool] = {}  # labels that came before their transaction
learnt = 0


@app.agent(transactions)
async def detect(stream: Any) -> None:
    """Judge each transaction."""
    async for tx in stream:
        hour = customer_hour[tx.customer_id].apply(add, tx.amount).value()
        recent = customer_velocity[tx.customer_id].apply(add, tx.amount).value()
        features = make_features(tx, hour, recent)
        probability = model.predict_proba_one(features).get(True, 0.0)
        reasons = check_rules(tx, features)
        if probability >= 0.5:
            reasons.append("model")
        if reasons:
            await alerts.send(key=tx.customer_id, value=make_alert(tx, probability, reasons))
        if tx.transaction_id in early:
            learn(features, early.pop(tx.transaction_id))
        else:
            waiting[tx.transaction_id] = features


@app.agent(labels)
async def take_labels(stream: Any) -> None:
    """Learn from each label."""
    async for label in stream:
        features = waiting.pop(label.transaction_id, None)
        if features is None:
            early[label.transaction_id] = label.is_fraud
        else:
            learn(features, label.is_fraud)


@app.page("/learnt/")
async def tell_learnt(view: Any, request: Any) -> Any:  # noqa: ARG001 - Faust's signature
    """How many labels were learnt."""
    return view.json({"learnt": learnt})


def make_features(tx: Transaction, hour: Stats, recent: Stats) -> dict[str, float]:
    """What the model and the rules look at."""
    return {
        "amount": tx.amount,
        "hour": tx.timestamp.hour,
        "is_risky_method": tx.payment_method in ("Cryptocurrency", "Gift Card"),
        "hour_count": hour["count"],
        "hour_sum": hour["sum"],
        "hour_max": hour["max"],
        "hour_zscore": zscore(tx.amount, hour),
        "recent_count": recent["count"],
        "recent_sum": recent["sum"],
        "recent_max": recent["max"],
    }


def zscore(amount: float, stats: Stats) -> float:
    """Deviations above the mean of a window that has enough payments to tell."""
    count = stats["count"]
    if count < 5:
        return 0.0
    mean = stats["sum"] / count
    deviation = math.sqrt(max(stats["squares"] / count - mean * mean, 0.0))
    return float((amount - mean) / max(deviation, 0.1 * mean, 0.01))


def check_rules(tx: Transaction, features: dict[str, float]) -> list[str]:
    """The rules that a transaction breaks."""
    found = []
    if tx.amount > 1000:
        found.append("amount-above-threshold")
    if features["recent_count"] >= 6:
        found.append("velocity-count")
    if features["recent_sum"] > 1500 and features["recent_count"] >= 3:
        found.append("velocity-sum")
    if features["hour_count"] >= 12:
        found.append("sliding-velocity-count")
    if features["hour_sum"] > 2500 and features["hour_count"] >= 3:
        found.append("sliding-velocity-sum")
    if features["hour_zscore"] > 6 and tx.amount > 150:
        found.append("amount-out-of-habit")
    if tx.timestamp.hour < 6 and tx.amount > 500:
        found.append("night-high-amount")
    if features["is_risky_method"] and tx.amount > 300:
        found.append("risky-method-high-amount")
    return found


def make_alert(tx: Transaction, probability: float, reasons: list[str]) -> Alert:
    """The alert of a transaction."""
    return Alert(tx.transaction_id, tx.customer_id, tx.amount, probability, reasons)


def learn(features: dict[str, float], is_fraud: bool) -> None:
    """Learn one labelled transaction."""
    global learnt  # noqa: PLW0603 - one worker, one model
    model.learn_one(features, is_fraud)
    learnt += 1
