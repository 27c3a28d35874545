"""Faults of data quality: fields without a value, amounts with a slipped decimal point, records that cannot be read."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import msgspec
from msgspec import UNSET

from producers.payments import Payment

#: Fields no payment can be read without, and fields it can do without.
REQUIRED = ("transaction_id", "customer_id", "timestamp", "amount")
OPTIONAL = ("merchant_id", "product_category", "payment_method", "device_type", "device_id", "location")
#: Seconds after which a record is sent a second time, on average.
MEAN_REPEAT = 20.0


@dataclass(frozen=True)
class FaultRates:
    """How much goes wrong: shares of all records.

    Attributes:
        missing: Records without one optional field or two.
        duplicate: Records that were sent before, with the same id and body.
        outlier: Genuine payments whose amount is 10 to 50 times too high.
        broken: Records that must become dead letters.
    """

    missing: float = 0.05
    duplicate: float = 0.01
    outlier: float = 0.02
    broken: float = 0.0


class Faults:
    """Decides what goes wrong with a record, and does it.

    Args:
        rates: How much of each.
        fraud_rate: Share of frauds; outliers and broken records are made of the others.
        random: Decides everything.
    """

    def __init__(self, rates: FaultRates, fraud_rate: float, random: Random) -> None:
        self._random = random
        genuine = max(1.0 - fraud_rate, 1e-9)
        self._missing = rates.missing
        self._repeat = rates.duplicate / (1.0 - rates.duplicate)
        self._outlier = rates.outlier / genuine
        self._broken = rates.broken / genuine

    def is_broken(self) -> bool:
        """Whether a genuine record is to be broken."""
        return self._broken > 0 and self._random.random() < self._broken

    def spoil(self, payment: Payment) -> bool:
        """Let a payment lose fields, at the set rate; says whether it did."""
        if self._random.random() >= self._missing:
            return False
        for name in self._random.sample(OPTIONAL, self._random.choice((1, 1, 1, 2))):
            setattr(payment, name, UNSET)
        return True

    def inflate(self, payment: Payment) -> bool:
        """Slip the decimal point of a genuine amount, at the set rate; says whether it did."""
        if self._random.random() >= self._outlier:
            return False
        payment.amount = round(payment.amount * self._random.uniform(10, 50), 2)
        return True

    def repeat_after(self) -> float | None:
        """Seconds after which a record is sent again; None where it is not."""
        return self._random.expovariate(1 / MEAN_REPEAT) if self._random.random() < self._repeat else None

    def broken(self, payment: Payment) -> bytes:
        """The record of a payment as no reader can take it."""
        return self._random.choice(_BREAKS)(payment, self._random)


def _cut(payment: Payment, random: Random) -> bytes:
    encoded = msgspec.json.encode(payment)
    return encoded[: random.randrange(1, len(encoded) - 1)]


def _without_required(payment: Payment, random: Random) -> bytes:
    record = msgspec.to_builtins(payment)
    del record[random.choice(REQUIRED)]
    return msgspec.json.encode(record)


def _negative(payment: Payment, _: Random) -> bytes:
    payment.amount = -payment.amount
    return msgspec.json.encode(payment)


def _impossible_date(payment: Payment, _: Random) -> bytes:
    payment.timestamp = f"{payment.timestamp[:4]}-02-30 12:00:00"
    return msgspec.json.encode(payment)


_BREAKS: tuple[Callable[[Payment, Random], bytes], ...] = (_cut, _without_required, _negative, _impossible_date)
