"""The work that is compared, in plain Python: statistics, habits, features and the eleven shipped rules.

The naive Faust agent and the application on Quix Streams share it, so what differs between them is the engine.  A
transaction is anything with the fields of a payment as attributes, its `timestamp` a moment.
"""

import math
from typing import Any

Stats = dict[str, Any]
Habits = dict[str, Any]
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


def add(stats: Stats, tx: Any) -> Stats:
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


def merged(parts: list[Stats]) -> Stats:
    """The statistics of a window from those of its parts."""
    whole = no_stats()
    for part in parts:
        whole = {
            "count": whole["count"] + part["count"],
            "sum": whole["sum"] + part["sum"],
            "squares": whole["squares"] + part["squares"],
            "low": part["low"] if whole["low"] is None else min(whole["low"], part["low"]),
            "high": part["high"] if whole["high"] is None else max(whole["high"], part["high"]),
            "first": part["first"] if whole["first"] is None else min(whole["first"], part["first"]),
            "last": part["last"] if whole["last"] is None else max(whole["last"], part["last"]),
            **{kind: _union(whole[kind], part[kind]) for kind in ("locations", "devices", "merchants", "categories")},
        }
    return whole


def _union(first: list[str], second: list[str]) -> list[str]:
    return [*first, *(name for name in second if name not in first)]


def with_one(names: list[str], name: str | None) -> list[str]:
    """The names with one more, if it is new."""
    return names if name is None or name in names else [*names, name]


def device_of(tx: Any) -> str | None:
    """The most exact thing known of the device."""
    device: str | None = tx.device_id or tx.device_type
    return device


def no_habits() -> Habits:
    """The habits of a customer nobody knows."""
    return {"count": 0, "sum": 0.0, "squares": 0.0, "devices": {}, "locations": {}, "payments": []}


def add_payment(habits: Habits, tx: Any) -> Habits:
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


def make_features(tx: Any, hour: Stats, recent: Stats, before: Habits, habits: Habits) -> dict[str, float]:
    """What the model and the rules look at: windows, the customer `before` this payment and with it."""
    return {**of_payment(tx), **of_history(tx, before), **of_customer(tx, habits), **of_windows(hour, recent)}


def of_payment(tx: Any) -> dict[str, float]:
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


def of_history(tx: Any, before: Habits) -> dict[str, float]:
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


def of_customer(tx: Any, habits: Habits) -> dict[str, float]:
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


def check_rules(tx: Any, features: dict[str, float]) -> list[str]:
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
