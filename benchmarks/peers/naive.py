"""The other contestant: the same work as Faust's documentation teaches it, one event after the other.

It is meant to be good at that.  Settings are Faust's defaults but for those that the broker and the topics make
necessary, and a table keeps all statistics of a key in one value, where one table for each statistic would be usual.
It keeps the same four tables (two windowed ones, customers' habits, what waits for its label), checks the conditions of
the eleven rules that ship, scores with River, learns each transaction when its label is there, sends each decision and
each alert, and logs an alert.

The tables hold the same statistics, and the features are the same, by the same names.  What it does less is to its own
advantage: no recognition of duplicates, no dead letters, no reasons with numbers, no model published.  Its answers are
worse too: a hopping window is read with ``.value()``, as documented, which is the newest window and covers at most one
step; a late payment is taken for a new one; a crash counts events twice and loses what was learnt.
"""

import logging
import os
from datetime import datetime, timedelta
from typing import Any

import faust
from river import compose, linear_model, preprocessing

from benchmarks.peers.work import add, add_payment, check_rules, make_features, no_habits, no_stats


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
#: Whether it scores and learns; without that it keeps statistics, checks rules and sends alerts, and no more.
LEARNS = os.environ.get("NAIVE_LEARNS", "yes") == "yes"
app = faust.App(
    os.environ.get("NAIVE_ID", "naive"),
    broker=os.environ.get("FRAUD_STREAM_BROKER_URL", "kafka://127.0.0.1:9092"),
    topic_partitions=4,  # as many as the topics have
    broker_session_timeout=6.0,  # no matter of speed: the embedded broker lets a worker join after half of it
)
transactions = app.topic("transactions", key_type=str, value_type=Transaction)
labels = app.topic("labels", key_type=str, value_type=Label)
alerts = app.topic("naive-alerts", key_type=str, value_type=Alert)
decisions = app.topic("naive-scored", key_type=str, value_type=Decision)

TIME: Any = Transaction.timestamp  # on the class it is not a time but the field

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
        hour = customer_hour[tx.customer_id].apply(add, tx).value()
        recent = customer_velocity[tx.customer_id].apply(add, tx).value()
        before = customer_habits[tx.customer_id]
        habits = customer_habits[tx.customer_id] = add_payment(before, tx)
        features = make_features(tx, hour, recent, before, habits)
        probability = model.predict_proba_one(features).get(True, 0.0) if LEARNS else 0.0
        reasons = check_rules(tx, features)
        if probability >= 0.5:
            reasons.append("model")
        if reasons:
            await alerts.send(key=tx.customer_id, value=make_alert(tx, probability, reasons))
            log.info("ALERT %s %s: %s", tx.customer_id, tx.transaction_id, ", ".join(reasons))
        if LEARNS:
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


def make_alert(tx: Transaction, probability: float, reasons: list[str]) -> Alert:
    """The alert of a transaction."""
    return Alert(tx.transaction_id, tx.customer_id, tx.amount, probability, reasons)


def learn(features: dict[str, float], is_fraud: bool) -> None:
    """Learn one labelled transaction."""
    global learnt  # noqa: PLW0603 - one worker, one model
    model.learn_one(features, is_fraud)
    learnt += 1
