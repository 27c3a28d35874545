"""Payments of which no customer is known, but some figures: what a shop's own system can tell of one.

Each form names figures as people who train on tables name them; each stands for some of the features.  Those that it
says nothing of are as of the first payment of a customer of whom nothing is known.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.memory import new_state
from fraud_stream.domain.observation import Observer
from fraud_stream.domain.sliding import DAY
from fraud_stream.domain.transaction import Transaction

Amount = Annotated[float, msgspec.Meta(ge=0, le=100_000_000)]
Number = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class PaymentFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payment by figures of its customer and merchant.

    Attributes:
        transaction_amount: Its amount.
        transaction_hour: The local hour of the day, 0 to 24.
        days_since_last_transaction: Days since the customer's last payment.
        merchant_risk_score: The share of frauds among the merchant's payments, 0 to 1.
        customer_age_months: Since when the customer is one; no feature is made of it.
        num_transactions_24h: The customer's payments of the last 24 hours, this one included.
        is_international: Whether it is paid from a place that is new for the customer.
    """

    transaction_amount: Amount
    transaction_hour: Annotated[float, msgspec.Meta(ge=0, lt=24)] | None = None
    days_since_last_transaction: Annotated[float, msgspec.Meta(ge=0, le=36_500)] | None = None
    merchant_risk_score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    customer_age_months: Annotated[float, msgspec.Meta(ge=0, le=2_400)] | None = None
    num_transactions_24h: Number | None = None
    is_international: bool | None = None


class WindowFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payment by figures of its customer's last hour.

    Attributes:
        amount: Its amount.
        avg_transaction_amount: The mean of the customer's payments.
        transaction_count: The customer's payments of the last hour, this one included.
        unique_locations: The places they were made from.
        unique_devices: The devices they were made with.
    """

    amount: Amount
    avg_transaction_amount: Amount | None = None
    transaction_count: Number | None = None
    unique_locations: Number | None = None
    unique_devices: Number | None = None


Figures = PaymentFigures | WindowFigures


def rows_of(figures: Sequence[Figures], maker: FeatureMaker, now: float) -> NDArray[np.float64]:
    """The features that figures stand for, one row each, in the order of `maker`; `now` in seconds since 1970."""
    rows = maker.rows([_first_payment(amount_of(one), maker, now) for one in figures])
    for row, one in zip(rows, figures, strict=True):
        for name, value in _features(one, maker).items():
            row[maker.names.index(name)] = value
    return rows


def amount_of(figures: Figures) -> float:
    """The payment's amount."""
    return figures.transaction_amount if isinstance(figures, PaymentFigures) else figures.amount


def _first_payment(amount: float, maker: FeatureMaker, now: float) -> list[float]:
    """The facts of a payment by somebody of whom nothing is known."""
    sizes = maker.settings.tumbling_size, maker.settings.hopping_size, maker.settings.hopping_size
    observed = Observer(maker).observe(Transaction("", "", now, amount), 0, new_state(*sizes))
    return observed.facts if observed is not None else []


def _features(figures: Figures, maker: FeatureMaker) -> dict[str, float]:
    named = _of_payment(figures, maker) if isinstance(figures, PaymentFigures) else _of_window(figures)
    return {name: float(value) for name, value in named.items() if value is not None}


def _of_payment(one: PaymentFigures, maker: FeatureMaker) -> dict[str, float | None]:
    hour, days, risk = one.transaction_hour, one.days_since_last_transaction, one.merchant_risk_score
    return {
        "hour": hour,
        "is_night": None if hour is None else hour < maker.settings.night_end,
        "seconds_since_last_log": None if days is None else math.log1p(days * DAY),
        **dict.fromkeys(("merchant_risk_24h", "merchant_risk_7d", "merchant_risk_30d", "merchant_risk_smoothed"), risk),
        "sliding_count_24h": one.num_transactions_24h,
        "is_new_location": one.is_international,
    }


def _of_window(one: WindowFigures) -> dict[str, float | None]:
    mean, count = one.avg_transaction_amount, one.transaction_count
    ratio = one.amount / mean if mean else None
    return {
        "amount_ratio_30d": ratio,
        "amount_ratio_winsorised": ratio,
        "sliding_count_1h": count,
        "sliding_mean_1h": mean,
        "sliding_sum_1h": None if mean is None or count is None else mean * count,
        "sliding_locations_1h": one.unique_locations,
        "sliding_devices_1h": one.unique_devices,
    }
