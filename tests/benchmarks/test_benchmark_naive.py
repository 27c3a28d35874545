"""The naive agent: the same conditions as the shipped rules, as far as its tables tell."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks import naive
from fraud_stream.settings import load
from tests.harness import ROOT

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def payment(amount: float, moment: datetime = NOON, **fields: Any) -> naive.Transaction:
    return naive.Transaction("T1", "C1", moment, amount, **fields)


def judged(tx: naive.Transaction, *before: naive.Transaction) -> set[str]:
    """The rules that the last of a customer's payments breaks."""
    stats, habits, known = naive.no_stats(), naive.no_habits(), naive.no_habits()
    for one in (*before, tx):
        stats, known = naive.add(stats, one.amount), habits
        habits = naive.add_payment(habits, one)
    return set(naive.check_rules(tx, naive.make_features(tx, stats, stats, known, habits)))


def paid(*amounts: float, hours_ago: float = 0.1, **fields: Any) -> list[naive.Transaction]:
    return [payment(amount, NOON - timedelta(hours=hours_ago), **fields) for amount in amounts]


@pytest.mark.parametrize(
    ("tx", "before", "rules"),
    [
        (payment(10.0), [], set()),
        (payment(1_000.01), [], {"amount-above-threshold"}),
        (payment(10.0), paid(*[10.0] * 5), {"velocity-count"}),
        (payment(10.0), paid(*[10.0] * 11), {"velocity-count", "sliding-velocity-count"}),
        (payment(10.0), paid(*[10.0] * 11, hours_ago=1.1), {"velocity-count"}),
        (payment(500.0), paid(500.0, 600.0), {"velocity-sum"}),
        (payment(900.0), paid(900.0, 900.0), {"velocity-sum", "sliding-velocity-sum"}),
        (payment(501.0, NOON.replace(hour=3)), [], {"night-high-amount"}),
        (payment(301.0, payment_method="Gift Card"), [], {"risky-method-high-amount"}),
        (payment(151.0), paid(10.0, 11.0, 9.0, 10.0, hours_ago=2.0), set()),
        (payment(5.0, location="Oslo"), paid(5.0, location="Rome") + paid(5.0, location="Bonn"), {"several-locations"}),
        (payment(5.0, device_id="D3"), paid(5.0, device_id="D1") + paid(5.0, device_id="D2"), {"several-devices"}),
    ],
)
def test_rules_break_as_the_shipped_ones_do(
    tx: naive.Transaction, before: list[naive.Transaction], rules: set[str]
) -> None:
    assert judged(tx, *before) == rules


def test_habits_are_known_from_the_fifth_payment_on() -> None:
    before = paid(*[250.0] * 5, hours_ago=2.0, device_id="D1")
    assert "new-device-high-amount" in judged(payment(301.0, device_id="D2"), *before)
    assert "new-device-high-amount" not in judged(payment(301.0, device_id="D2"), *before[1:])
    assert "new-device-high-amount" not in judged(payment(301.0, device_id="D1"), *before)
    assert "amount-out-of-habit" in judged(payment(900.0), *before)


def test_its_rules_are_the_shipped_ones() -> None:
    shipped = {rule.id for rule in load({"FRAUD_STREAM_CONF": str(ROOT / "faust.conf")}).settings.rules}
    night = NOON.replace(hour=3)
    before = [payment(50.0, night, device_id=f"D{n}", location=f"L{n}") for n in range(60)]
    last = payment(3_000.0, night, device_id="D99", location="L99", payment_method="Gift Card")
    assert judged(last, *before) == shipped


def test_statistics_of_a_window() -> None:
    stats = naive.add(naive.add(naive.no_stats(), 3.0), 1.0)
    assert stats == {"count": 2, "sum": 4.0, "min": 1.0, "max": 3.0}


def test_only_the_newest_devices_are_kept() -> None:
    habits = naive.no_habits()
    for n in range(40):
        habits = naive.add_payment(habits, payment(1.0, device_id=f"D{n}"))
    assert habits["devices"] == [f"D{n}" for n in range(24, 40)]
