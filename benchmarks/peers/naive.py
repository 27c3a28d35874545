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
HOUR, DAY = 3_600.0, 86_400.0
SPANS = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}


def no_stats() -> Stats:
    """The statistics of a window without payments."""
    return {
        "count": 0,
        "sum": 0.0,
        "squares": 0.0,
        "low": None,
        "high": None,
        "first": None,
        "last": None,
        "locations": [],
        "devices": [],
        "merchants": [],
        "categories": [],
    }


def add(stats: Stats, tx: Transaction) -> Stats:
    """The statistics with one payment more."""
    amount, time = tx.amount, tx.timestamp.timestamp()
    return {
        "count": stats["count"] + 1,
        "sum": stats["sum"] + amount,
        "squares": stats["squares"] + amount * amount,
        "low": amount if stats["low"] is None else min(stats["low"], amount),
        "high": amount if stats["high"] is None else max(stats["high"], amount),
        "first": time if stats["first"] is None else min(stats["first"], time),
        "last": time if stats["last"] is None else max(stats["last"], time),
        "locations": with_one(stats["locations"], tx.location),
        "devices": with_one(stats["devices"], device_of(tx)),
        "merchants": with_one(stats["merchants"], tx.merchant_id),
        "categories": with_one(stats["categories"], tx.product_category),
    }


def with_one(names: list[str], name: str | None) -> list[str]:
    """The names with one more, if it is new."""
    return names if name is None or name in names else [*names, name]


def device_of(tx: Transaction) -> str | None:
    """The most exact thing known of the device."""
    return tx.device_id or tx.device_type


def no_habits() -> Habits:
    """The habits of a customer nobody knows."""
    return {"count": 0, "sum": 0.0, "squares": 0.0, "devices": {}, "locations": {}, "payments": []}


def add_payment(habits: Habits, tx: Transaction) -> Habits:
    """The habits with one payment more: all amounts, places and devices, and the payments of 30 days."""
    now = tx.timestamp.timestamp()
    device, location = device_of(tx), tx.location
    return {
        "count": habits["count"] + 1,
        "sum": habits["sum"] + tx.amount,
        "squares": habits["squares"] + tx.amount * tx.amount,
        "devices": habits["devices"] if device is None else {**habits["devices"], device: now},
        "locations": habits["locations"] if location is None else {**habits["locations"], location: now},
        "payments": [*within(habits["payments"], now, SPANS["30d"]), [now, tx.amount]],
    }


def within(payments: list[list[float]], now: float, span: float) -> list[list[float]]:
    """The payments of the span of time that ends now."""
    return [payment for payment in payments if payment[0] > now - span]


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
    return {**of_payment(tx), **of_history(tx, before), **of_customer(tx, habits), **of_windows(hour, recent)}


def of_payment(tx: Transaction) -> dict[str, float]:
    """The payment by itself."""
    moment = tx.timestamp
    return {
        "amount": tx.amount,
        "amount_log": math.log1p(tx.amount),
        "hour": moment.hour + moment.minute / 60 + (moment.second + moment.microsecond / 1e6) / HOUR,
        "is_night": float(moment.hour < 6),
        "is_weekend": float(moment.weekday() >= 5),
        "is_risky_payment_method": float(tx.payment_method in ("Cryptocurrency", "Gift Card")),
    }


def of_history(tx: Transaction, before: Habits) -> dict[str, float]:
    """The payment against what was known before it."""
    now, amount, device, location = tx.timestamp.timestamp(), tx.amount, device_of(tx), tx.location
    known = before["count"] >= 5
    month = [paid for _, paid in within(before["payments"], now, SPANS["30d"])]
    since = now - before["payments"][-1][0] if before["payments"] else SPANS["30d"]
    return {
        "history_count": before["count"],
        "amount_zscore": zscore(amount, before["count"], before["sum"], before["squares"]),
        "amount_ratio_30d": amount * len(month) / sum(month) if sum(month) else 1.0,
        "amount_zscore_30d": zscore(amount, len(month), sum(month), sum(paid * paid for paid in month)),
        "seconds_since_last_log": math.log1p(max(since, 0.0)),
        "is_new_device": float(known and device is not None and device not in before["devices"]),
        "is_new_location": float(known and location is not None and location not in before["locations"]),
    }


def of_customer(tx: Transaction, habits: Habits) -> dict[str, float]:
    """What the customer has done lately, this payment included."""
    now = tx.timestamp.timestamp()
    found: dict[str, float] = {
        "sliding_locations_1h": sum(last > now - HOUR for last in habits["locations"].values()),
        "sliding_devices_1h": sum(last > now - HOUR for last in habits["devices"].values()),
    }
    for name, span in SPANS.items():
        amounts = [amount for _, amount in within(habits["payments"], now, span)]
        found[f"sliding_count_{name}"] = len(amounts)
        found[f"sliding_sum_{name}"] = sum(amounts)
    return found


def of_windows(hour: Stats, recent: Stats) -> dict[str, float]:
    """The tumbling and the hopping window."""
    found = {}
    for window, size, stats in (("tumbling", "1h", hour), ("hopping", "5m", recent)):
        found[f"{window}_count_{size}"] = stats["count"]
        found[f"{window}_sum_{size}"] = stats["sum"]
        for what in ("locations", "devices", "merchants"):
            found[f"{window}_{what}_{size}"] = len(stats[what])
    return found


def zscore(amount: float, count: int, total: float, squares: float) -> float:
    """Deviations above the mean of so many amounts; 0 where they are too few to tell."""
    if count < 5:
        return 0.0
    mean = total / count
    deviation = math.sqrt(max(squares / count - mean * mean, 0.0))
    return min(max((amount - mean) / max(deviation, 0.1 * mean, 0.01), -100.0), 100.0)


def check_rules(tx: Transaction, features: dict[str, float]) -> list[str]:
    """The rules that a transaction breaks."""
    amount, of = tx.amount, features.__getitem__
    broken = {
        "amount-above-threshold": amount > 1000,
        "velocity-count": of("hopping_count_5m") >= 6,
        "velocity-sum": of("hopping_sum_5m") > 1500 and of("hopping_count_5m") >= 3,
        "sliding-velocity-count": of("sliding_count_1h") >= 12,
        "sliding-velocity-sum": of("sliding_sum_1h") > 2500 and of("sliding_count_1h") >= 3,
        "amount-out-of-habit": of("amount_zscore") > 6 and amount > 150,
        "several-locations": of("sliding_locations_1h") >= 3,
        "several-devices": of("sliding_devices_1h") >= 3,
        "new-device-high-amount": of("is_new_device") == 1 and amount > 300,
        "night-high-amount": of("is_night") == 1 and amount > 500,
        "risky-method-high-amount": of("is_risky_payment_method") == 1 and amount > 300,
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
