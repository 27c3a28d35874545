"""The features a transaction is judged by: their names, units and meanings in one list, and how they are computed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.facts import DERIVED, FACTS, PRIOR_RISK, SPAN_NAMES, derived
from fraud_stream.domain.matrix import matrix
from fraud_stream.domain.outcomes import MEMORY, Known
from fraud_stream.domain.profile import ENOUGH_HISTORY, OUTLIER, OUTLIER_SPANS, Profile, seen_within_hour
from fraud_stream.domain.sliding import DAY, HOUR, SPANS
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import WindowStats

_NO_OUTLIERS = (0,) * len(OUTLIER_SPANS)


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
    return (*_OF_THE_PAYMENT, *_OF_THE_CUSTOMER, *_OF_THE_LABELS, *_of_windows(settings))


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
    Feature(
        "amount_ratio_winsorised",
        "ratio",
        f"amount over the mean of the customer's whole history, each payment in it cut at {OUTLIER:.0f} times that",
        1.0,
    ),
    *(
        Feature(
            f"outliers_{span}", "transactions", f"payments of the last {span} of over {OUTLIER:.0f} times that mean"
        )
        for span in SPAN_NAMES[1:]
    ),
    Feature("sliding_locations_1h", "places", "different places in the last hour"),
    Feature("sliding_devices_1h", "devices", "different devices in the last hour"),
    *(
        Feature(f"sliding_{what}_{span}", unit, f"{meaning} of the last {span}, this one included")
        for span in SPAN_NAMES
        for what, unit, meaning in (
            ("count", "transactions", "payments"),
            ("sum", "currency", "sum of the payments"),
            ("mean", "currency", "mean of the payments"),
        )
    ),
)


def _of_labels(whose: str) -> tuple[Feature, ...]:
    """What labels tell of a customer's or a merchant's payments, each counted from when it became known."""
    never = MEMORY / DAY
    return (
        Feature(f"{whose}_days_since_fraud", "days", f"since the last fraud of the {whose} became known", never),
        Feature(f"{whose}_days_since_first_fraud", "days", "since the first one of the last 60 days did", never),
        *(
            Feature(f"{whose}_frauds_{span}", "transactions", f"frauds of the {whose} known in the last {span}")
            for span in SPAN_NAMES[1:]
        ),
    )


_OF_THE_LABELS = (
    *_of_labels("customer"),
    *_of_labels("merchant"),
    *(
        Feature(f"merchant_labels_{span}", "labels", f"of the merchant's payments, known in the last {span}")
        for span in SPAN_NAMES[1:]
    ),
    *(
        Feature(f"merchant_risk_{span}", "ratio", f"share of frauds among the merchant's labels of the last {span}")
        for span in SPAN_NAMES[1:]
    ),
    Feature("merchant_genuine_since_fraud", "labels", "genuine ones of the merchant since its last fraud, or in all"),
    Feature("merchant_risk_smoothed", "ratio", "of the last 30d: (frauds + 0.01) / (labels + 1)", PRIOR_RISK),
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


#: How many of the features are of the two windows: the last ones, and each a fact.
_OF_WINDOWS = 2 * 5


class FeatureMaker:
    """Makes feature rows: numbers in the order of `names`; another list of them has another `version`.

    In two steps.  `before` and `after` a transaction is taken in, the facts that it is judged by are noted.  `rows`
    computes the features of many transactions at once, column by column.
    """

    def __init__(self, settings: FeatureSettings | None = None) -> None:
        self.settings = settings or FeatureSettings()
        self.features = feature_list(self.settings)
        self.names = tuple(feature.name for feature in self.features)
        self.version = blake2b(",".join(self.names).encode(), digest_size=4).hexdigest()
        self._facts = (*FACTS, *self.names[-_OF_WINDOWS:])
        self._order = np.array([(*self._facts, *DERIVED).index(name) for name in self.names])

    def before(self, tx: Transaction, profile: Profile, customer: Known, merchant: Known) -> list[float]:
        """The first of `FACTS`: of `tx`, of what was known before it, and of the labels of customer and merchant."""
        habit, moments, time, device, location = profile.habit, profile.moments, tx.timestamp, tx.device, tx.location
        known = moments.count >= ENOUGH_HISTORY
        return [
            time,
            tx.amount,
            SPANS[-1] if profile.last_time is None else time - profile.last_time,
            moments.count,
            moments.total,
            moments.squares,
            *profile.sums.longest(time),
            habit.count,
            habit.total,
            tx.payment_method in self.settings.risky_payment_methods,
            known and device is not None and device not in profile.devices,
            known and location is not None and location not in profile.locations,
            *(habit.outliers_within(time) if habit.outliers else _NO_OUTLIERS),
            *customer,
            *merchant,
        ]

    def after(self, tx: Transaction, profile: Profile, tumbling: WindowStats, hopping: WindowStats) -> list[float]:
        """The rest of `FACTS`, of windows that have `tx` in them, and those of the two windows."""
        time = tx.timestamp
        found: list[float] = [seen_within_hour(profile.locations, time), seen_within_hour(profile.devices, time)]
        found += profile.sums.row(time)
        for stats in (tumbling, hopping):
            found += (stats.count, stats.total, len(stats.locations), len(stats.devices), len(stats.merchants))
        return found

    def rows(self, facts: Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """The features of transactions, one row each, of what `before` and `after` noted of each; at least one."""
        if len(facts[0]) != len(self._facts):
            raise ValueError(f"{len(facts[0])} facts; {len(self._facts)} are needed")
        noted, settings = matrix(facts), self.settings
        more = derived(noted, settings.utc_offset, settings.night_end)
        found: NDArray[np.float64] = np.concatenate([noted, *more], axis=1).take(self._order, axis=1)
        return found
