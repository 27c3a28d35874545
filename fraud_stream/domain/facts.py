"""The facts that a transaction is judged by, and what is computed of them: of many transactions at once.

A chunk may be one transaction, and each step of NumPy takes a microsecond however little there is to do.  So the steps
are few: columns that are computed alike lie side by side, and are computed together.
"""

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.outcomes import KNOWN
from fraud_stream.domain.profile import ENOUGH_HISTORY
from fraud_stream.domain.sliding import DAY, HOUR, MILLION

Columns = NDArray[np.float64]
#: z-scores are cut here, so that one absurd amount cannot outweigh all else.
LARGEST_ZSCORE = 100.0
#: A merchant of whom nothing is known is taken for one with this share of frauds, as if from one label.
PRIOR_RISK = 0.01
#: What the spans of the sliding windows are called, ascending; all but the first are those of labels and outliers.
SPAN_NAMES = ("1h", "24h", "7d", "30d")
#: The facts in their order, those of the two windows left out.  One with the name of a feature is that feature.
FACTS = (
    "time",
    "amount",
    "since_last",
    "history_count",
    "history_total",
    "history_squares",
    "count_30d",
    "total_30d",
    "squares_30d",
    "count_winsorised",
    "total_winsorised",
    "is_risky_payment_method",
    "is_new_device",
    "is_new_location",
    *(f"outliers_{span}" for span in SPAN_NAMES[1:]),
    *(f"{whose}_{known}" for whose in ("customer", "merchant") for known in KNOWN),
    "sliding_locations_1h",
    "sliding_devices_1h",
    *(f"sliding_count_{span}" for span in SPAN_NAMES),
    *(f"units_{span}" for span in SPAN_NAMES),
)
#: What `derived` computes, in its order.
DERIVED = (
    "hour",
    "is_night",
    "is_weekend",
    "amount_log",
    "seconds_since_last_log",
    "amount_zscore",
    "amount_zscore_30d",
    "amount_ratio_30d",
    "amount_ratio_winsorised",
    *(f"sliding_{what}_{span}" for what in ("sum", "mean") for span in SPAN_NAMES),
    *(f"{whose}_days_since_{which}" for whose in ("customer", "merchant") for which in ("fraud", "first_fraud")),
    *(f"merchant_risk_{span}" for span in SPAN_NAMES[1:]),
    "merchant_risk_smoothed",
)


def _places(first: str, last: str, step: int = 1) -> slice:
    """The columns of `FACTS` from one to another."""
    return slice(FACTS.index(first), FACTS.index(last) + 1, step)


_TIME, _AMOUNT = _places("time", "time"), _places("amount", "amount")
_LOGGED = _places("amount", "since_last")
#: No amount is less than 0; a payment that came late may have been made before the last one.
_LEAST_LOGGED = np.array([-np.inf, 0.0])
_COUNTS, _TOTALS = _places("history_count", "count_winsorised", 3), _places("history_total", "total_winsorised", 3)
_SQUARES = _places("history_squares", "squares_30d", 3)
#: From how many payments on there is something to compare with, for each ratio.
_ENOUGH = np.array([0.0, ENOUGH_HISTORY])
_SLIDING, _UNITS = _places("sliding_count_1h", "sliding_count_30d"), _places("units_1h", "units_30d")
_SINCE = [_places(f"{whose}_since_last", f"{whose}_since_first") for whose in ("customer", "merchant")]
_FRAUDS, _LABELS = (_places(f"merchant_{what}_24h", f"merchant_{what}_30d") for what in ("frauds", "labels"))


def derived(facts: Columns, utc_offset: float, night_end: float) -> list[Columns]:
    """The columns of `DERIVED`, in parts side by side.

    Args:
        facts: Those of `FACTS`, one row for each transaction.
        utc_offset: Hours that local time is ahead of UTC.
        night_end: The night lasts from midnight to this hour.
    """
    logs = np.log1p(np.maximum(facts[:, _LOGGED], _LEAST_LOGGED))
    since = [facts[:, columns] / DAY for columns in _SINCE]
    return [
        *_calendar(facts[:, _TIME] + utc_offset * HOUR, night_end),
        logs,
        *_against_history(facts),
        *_sliding(facts),
        *since,
        *_risks(facts),
    ]


def _calendar(local: Columns, night_end: float) -> tuple[Columns, Columns, Columns]:
    days, seconds = np.divmod(local, DAY)
    hour = seconds / HOUR
    return hour, (hour < night_end).astype(float), ((days + 3) % 7 >= 5).astype(float)  # 1970-01-01 was a Thursday


def _against_history(facts: Columns) -> tuple[Columns, Columns]:
    """Deviations of the amount above the means, and its ratios to them; 0 and 1 where there is too little to compare.

    A customer who always pays the same is given a tenth of it as deviation.
    """
    amount, counts, totals = facts[:, _AMOUNT], facts[:, _COUNTS], facts[:, _TOTALS]
    some = np.maximum(counts[:, :2], 1.0)
    means = totals[:, :2] / some
    deviations = np.sqrt(np.maximum(facts[:, _SQUARES] / some - means * means, 0.0))
    scores = (amount - means) / np.maximum(np.maximum(deviations, 0.1 * means), 0.01)
    zscores = np.minimum(np.maximum(scores, -LARGEST_ZSCORE), LARGEST_ZSCORE)
    zscores[counts[:, :2] < ENOUGH_HISTORY] = 0.0
    counts, totals = counts[:, 1:], totals[:, 1:]
    ratios = np.ones(totals.shape)
    np.divide(amount * counts, totals, out=ratios, where=(counts >= _ENOUGH) & (totals > 0))
    return zscores, ratios


def _sliding(facts: Columns) -> tuple[Columns, Columns]:
    """Sums and means."""
    sums = facts[:, _UNITS] / MILLION
    return sums, sums / np.maximum(facts[:, _SLIDING], 1.0)


def _risks(facts: Columns) -> tuple[Columns, Columns]:
    """Shares of frauds among the labels, and the smoothed one."""
    frauds, labels = facts[:, _FRAUDS], facts[:, _LABELS]
    return frauds / np.maximum(labels, 1.0), (frauds[:, -1:] + PRIOR_RISK) / (labels[:, -1:] + 1.0)
