"""The features a transaction is judged by: their names, units and meanings in one list, and how they are computed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.profile import Profile, seen_within_hour
from fraud_stream.domain.sliding import DAY, HOUR
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import WindowStats

#: With fewer transactions than this a customer has no habit to compare with.
ENOUGH_HISTORY = 5
#: z-scores are cut here, so that one absurd amount cannot outweigh all else.
LARGEST_ZSCORE = 100.0


@dataclass(frozen=True)
class Feature:
    """One feature: its name, its unit, what it means, and its value where it is not known."""

    name: str
    unit: str
    meaning: str
    missing: float = 0.0


@dataclass(frozen=True)
class FeatureSettings:
    """What the features' names and values depend on.

    Attributes:
        tumbling_size: Length of the tumbling window, seconds.
        hopping_size: Length of the hopping window, seconds.
        utc_offset: Hours that local time is ahead of UTC, for the hour of the day.
        night_end: The night lasts from midnight to this hour.
        risky_payment_methods: Payment methods that are hard to take back.
    """

    tumbling_size: float = HOUR
    hopping_size: float = 300.0
    utc_offset: float = 0.0
    night_end: float = 6.0
    risky_payment_methods: frozenset[str] = frozenset({"Cryptocurrency", "Gift Card"})


def span_name(seconds: float) -> str:
    """A length of time as it stands in a feature's name.

    >>> [span_name(s) for s in (45, 300, 3600, 86400, 604800)]
    ['45s', '5m', '1h', '24h', '7d']
    """
    for unit, letter, least in ((DAY, "d", 2 * DAY), (HOUR, "h", HOUR), (60.0, "m", 60.0)):
        if seconds >= least and seconds % unit == 0:
            return f"{seconds / unit:.0f}{letter}"
    return f"{seconds:.0f}s"


def feature_list(settings: FeatureSettings) -> tuple[Feature, ...]:
    """Every feature, in the order of a feature row."""
    return (*_OF_THE_PAYMENT, *_OF_THE_CUSTOMER, *_of_windows(settings))


_OF_THE_PAYMENT = (
    Feature("amount", "currency", "amount of the payment"),
    Feature("amount_log", "log currency", "natural logarithm of 1 + amount"),
    Feature("hour", "hours", "local hour of the day, with its fraction"),
    Feature("is_night", "0 or 1", "between midnight and the end of the night"),
    Feature("is_weekend", "0 or 1", "on a Saturday or Sunday"),
    Feature("is_risky_payment_method", "0 or 1", "paid by a method that is hard to take back"),
)
_OF_THE_CUSTOMER = (
    Feature("history_count", "transactions", "the customer's payments before this one"),
    Feature("amount_zscore", "deviations", "amount against the customer's whole history"),
    Feature("amount_ratio_30d", "ratio", "amount over the mean of the customer's last 30 days", 1.0),
    Feature("amount_zscore_30d", "deviations", "amount against the customer's last 30 days"),
    Feature(
        "seconds_since_last_log",
        "log seconds",
        "natural logarithm of 1 + time since the last payment",
        math.log1p(30 * DAY),
    ),
    Feature("is_new_device", "0 or 1", "a device the customer, who has a history, never used"),
    Feature("is_new_location", "0 or 1", "a place the customer, who has a history, never paid from"),
    Feature("sliding_locations_1h", "places", "different places in the last hour"),
    Feature("sliding_devices_1h", "devices", "different devices in the last hour"),
    *(
        Feature(f"sliding_{what}_{span}", unit, f"{meaning} of the last {span}, this one included")
        for span in ("1h", "24h", "7d", "30d")
        for what, unit, meaning in (("count", "transactions", "payments"), ("sum", "currency", "sum of the payments"))
    ),
)


def _of_windows(settings: FeatureSettings) -> tuple[Feature, ...]:
    windows = (("tumbling", settings.tumbling_size), ("hopping", settings.hopping_size))
    whats = (
        ("count", "transactions", "payments in"),
        ("sum", "currency", "sum of the payments in"),
        ("locations", "places", "different places in"),
        ("devices", "devices", "different devices in"),
        ("merchants", "merchants", "different merchants in"),
    )
    return tuple(
        Feature(f"{kind}_{what}_{span_name(size)}", unit, f"{meaning} the {kind} window of {span_name(size)}")
        for kind, size in windows
        for what, unit, meaning in whats
    )


class FeatureMaker:
    """Makes feature rows: lists of numbers in the order of `names`."""

    def __init__(self, settings: FeatureSettings | None = None) -> None:
        self.settings = settings or FeatureSettings()
        self.features = feature_list(self.settings)
        self.names = tuple(feature.name for feature in self.features)

    def before(self, tx: Transaction, profile: Profile) -> list[float]:
        """The features that compare `tx` with what was known before it."""
        return [*self._of_payment(tx), *_of_history(tx, profile)]

    def after(self, tx: Transaction, profile: Profile, tumbling: WindowStats, hopping: WindowStats) -> list[float]:
        """The features of windows that have `tx` in them."""
        time = tx.timestamp
        row: list[float] = [seen_within_hour(profile.locations, time), seen_within_hour(profile.devices, time)]
        row += profile.sums.row(time)
        for stats in (tumbling, hopping):
            row += (stats.count, stats.total, len(stats.locations), len(stats.devices), len(stats.merchants))
        return row

    def _of_payment(self, tx: Transaction) -> tuple[float, ...]:
        local = tx.timestamp + self.settings.utc_offset * HOUR
        hour = local % DAY / HOUR
        weekday = (local // DAY + 3) % 7  # 1970-01-01 was a Thursday
        return (
            tx.amount,
            math.log1p(tx.amount),
            hour,
            float(hour < self.settings.night_end),
            float(weekday >= 5),
            float(tx.payment_method in self.settings.risky_payment_methods),
        )


def _of_history(tx: Transaction, profile: Profile) -> tuple[float, ...]:
    moments, amount = profile.moments, tx.amount
    count, total = profile.sums.longest(tx.timestamp)
    known = moments.count >= ENOUGH_HISTORY
    since = DAY * 30 if profile.last_time is None else max(0.0, tx.timestamp - profile.last_time)
    device = tx.device
    return (
        moments.count,
        _zscore(amount, moments.mean, moments.deviation) if known else 0.0,
        amount * count / total if total else 1.0,
        _zscore(amount, total / count, profile.sums.deviation) if count >= ENOUGH_HISTORY else 0.0,
        math.log1p(since),
        float(known and device is not None and device not in profile.devices),
        float(known and tx.location is not None and tx.location not in profile.locations),
    )


def matrix(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Rows as one array; at least one, all of one length.

    >>> matrix([[1.0, 2], [3, 4.5]]).tolist()
    [[1.0, 2.0], [3.0, 4.5]]
    """
    width = len(rows[0])
    return np.fromiter(chain.from_iterable(rows), float, len(rows) * width).reshape(-1, width)  # np.array takes twice


def _zscore(amount: float, mean: float, deviation: float) -> float:
    """Deviations above the mean.  A customer who always pays the same is given a tenth of it as deviation."""
    score = (amount - mean) / max(deviation, 0.1 * mean, 0.01)
    return min(max(score, -LARGEST_ZSCORE), LARGEST_ZSCORE)
