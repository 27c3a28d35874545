"""The other contestant: the same work as Faust's documentation teaches it, one event after the other.

It is meant to be good at that.  Settings are Faust's defaults but for those that the broker and the topics make
necessary, and a table holds one value with all statistics, not a table for each.  It keeps the same four tables (two
windowed ones, customers' habits, what waits for its label), checks the conditions of the eleven rules that ship, scores
with River, learns each transaction when its label is there, sends each decision and each alert, and logs an alert.

What it does less is to its own advantage: half of the features, no sums over days, no recognition of duplicates, no
dead letters, no reasons with numbers, no model published.  Its answers are worse too: a hopping window is read with
``.value()``, as documented, which is the newest window and covers at most one step; a crash counts events twice and
loses what was learnt.
"""

import logging
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


class Decision(faust.Record, serializer="json"):
    """What was decided of a payment."""

    transaction: Transaction
    features: dict[str, float]
    probability: float
    reasons: list[str]


log = logging.getLogger("naive.alerts")
app = faust.App(
    "naive",
    broker=os.environ.get("FRAUD_STREAM_BROKER_URL", "kafka://127.0.0.1:9092"),
    topic_partitions=4,  # as many as the topics have
    broker_session_timeout=6.0,  # no matter of speed: the embedded broker lets a worker join after half of it
)
transactions = app.topic("transactions", key_type=str, value_type=Transaction)
labels = app.topic("labels", key_type=str, value_type=Label)
alerts = app.topic("naive-alerts", key_type=str, value_type=Alert)
decisions = app.topic("naive-scored", key_type=str, value_type=Decision)

Stats = dict[str, Any]
Habits = dict[str, Any]
TIME: Any = Transaction.timestamp  # on the class it is not a time but the field
HOUR = 3_600.0


def no_stats() -> Stats:
    """The statistics of a window without payments."""
    return {"count": 0, "sum": 0.0, "min": None, "max": None}


def add(stats: Stats, amount: float) -> Stats:
    """The statistics with one payment more."""
    return {
        "count": stats["count"] + 1,
        "sum": stats["sum"] + amount,
        "min": amount if stats["min"] is None else min(stats["min"], amount),
        "max": amount if stats["max"] is None else max(stats["max"], amount),
    }


def no_habits() -> Habits:
    """The habits of a customer nobody knows."""
    return {"count": 0, "sum": 0.0, "squares": 0.0, "devices": [], "locations": [], "last_hour": []}


def add_payment(habits: Habits, tx: Transaction) -> Habits:
    """The habits with one payment more."""
    now = tx.timestamp.timestamp()
    payment = [now, tx.amount, tx.device_id, tx.location]
    return {
        "count": habits["count"] + 1,
        "sum": habits["sum"] + tx.amount,
        "squares": habits["squares"] + tx.amount * tx.amount,
        "devices": with_one(habits["devices"], tx.device_id),
        "locations": with_one(habits["locations"], tx.location),
        "last_hour": [one for one in habits["last_hour"] if one[0] > now - HOUR] + [payment],
    }


def with_one(known: list[str], name: str | None) -> list[str]:
    """The newest few names."""
    return known if name is None or name in known else [*known[-15:], name]


# No window expires: that costs least, and Faust goes by the wall clock there, which is years ahead of these payments.
customer_hour = app.Table("customer_hour", default=no_stats).tumbling(timedelta(hours=1)).relative_to_field(TIME)
customer_velocity = (
    app.Table("customer_velocity", default=no_stats)
    .hopping(timedelta(minutes=5), timedelta(minutes=1))
    .relative_to_field(TIME)
)
customer_habits = app.Table("customer_habits", default=no_habits)
waiting = app.Table("waiting")  # features of a transaction until its label comes, or the early label

model = compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())
learnt = 0


@app.agent(transactions)
async def detect(stream: Any) -> None:
    """Judge each transaction."""
    async for tx in stream:
        hour = customer_hour[tx.customer_id].apply(add, tx.amount).value()
        recent = customer_velocity[tx.customer_id].apply(add, tx.amount).value()
        before = customer_habits[tx.customer_id]
        habits = customer_habits[tx.customer_id] = add_payment(before, tx)
        features = make_features(tx, hour, recent, before, habits)
        probability = model.predict_proba_one(features).get(True, 0.0)
        reasons = check_rules(tx, features)
        if probability >= 0.5:
            reasons.append("model")
        if reasons:
            await alerts.send(key=tx.customer_id, value=make_alert(tx, probability, reasons))
            log.info("ALERT %s %s: %s", tx.customer_id, tx.transaction_id, ", ".join(reasons))
        await decisions.send(key=tx.customer_id, value=Decision(tx, features, probability, reasons))
        await_label(tx.transaction_id, features)


def await_label(transaction_id: str, features: dict[str, float]) -> None:
    """Keep the features until the label comes, or learn now if it has."""
    early = waiting.get(transaction_id)
    if early is None:
        waiting[transaction_id] = {"features": features}
    else:
        learn(features, early["is_fraud"])
        del waiting[transaction_id]


@app.agent(labels)
async def take_labels(stream: Any) -> None:
    """Learn from each label."""
    async for label in stream:
        found = waiting.get(label.transaction_id)
        if found is None:
            waiting[label.transaction_id] = {"is_fraud": label.is_fraud}
        else:
            learn(found["features"], label.is_fraud)
            del waiting[label.transaction_id]


@app.page("/learnt/")
async def tell_learnt(view: Any, request: Any) -> Any:  # noqa: ARG001 - Faust's signature
    """How many labels were learnt."""
    return view.json({"learnt": learnt})


def make_features(tx: Transaction, hour: Stats, recent: Stats, before: Habits, habits: Habits) -> dict[str, float]:
    """What the model and the rules look at: windows, the customer `before` this payment and with it."""
    known, last_hour = before["count"] >= 5, habits["last_hour"]
    return {
        "amount": tx.amount,
        "amount_log": math.log1p(tx.amount),
        "hour": tx.timestamp.hour,
        "is_risky_method": tx.payment_method in ("Cryptocurrency", "Gift Card"),
        "zscore": zscore(tx.amount, before),
        "is_new_device": known and tx.device_id is not None and tx.device_id not in before["devices"],
        "is_new_location": known and tx.location is not None and tx.location not in before["locations"],
        "sliding_count": len(last_hour),
        "sliding_sum": sum(one[1] for one in last_hour),
        "sliding_devices": len({one[2] for one in last_hour if one[2] is not None}),
        "sliding_locations": len({one[3] for one in last_hour if one[3] is not None}),
        "hour_count": hour["count"],
        "hour_sum": hour["sum"],
        "recent_count": recent["count"],
        "recent_sum": recent["sum"],
    }


def zscore(amount: float, habits: Habits) -> float:
    """Deviations above the mean of a customer who has enough payments to tell."""
    count = habits["count"]
    if count < 5:
        return 0.0
    mean = habits["sum"] / count
    deviation = math.sqrt(max(habits["squares"] / count - mean * mean, 0.0))
    return float((amount - mean) / max(deviation, 0.1 * mean, 0.01))


def check_rules(tx: Transaction, features: dict[str, float]) -> list[str]:
    """The rules that a transaction breaks."""
    amount, name = tx.amount, features.__getitem__
    broken = {
        "amount-above-threshold": amount > 1000,
        "velocity-count": name("recent_count") >= 6,
        "velocity-sum": name("recent_sum") > 1500 and name("recent_count") >= 3,
        "sliding-velocity-count": name("sliding_count") >= 12,
        "sliding-velocity-sum": name("sliding_sum") > 2500 and name("sliding_count") >= 3,
        "amount-out-of-habit": name("zscore") > 6 and amount > 150,
        "several-locations": name("sliding_locations") >= 3,
        "several-devices": name("sliding_devices") >= 3,
        "new-device-high-amount": bool(name("is_new_device")) and amount > 300,
        "night-high-amount": tx.timestamp.hour < 6 and amount > 500,
        "risky-method-high-amount": bool(name("is_risky_method")) and amount > 300,
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def make_alert(tx: Transaction, probability: float, reasons: list[str]) -> Alert:
    """The alert of a transaction."""
    return Alert(tx.transaction_id, tx.customer_id, tx.amount, probability, reasons)


def learn(features: dict[str, float], is_fraud: bool) -> None:
    """Learn one labelled transaction."""
    global learnt  # noqa: PLW0603 - one worker, one model
    model.learn_one(features, is_fraud)
    learnt += 1
