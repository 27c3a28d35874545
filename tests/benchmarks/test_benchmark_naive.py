"""The naive agent: the same conditions as the shipped rules, as far as its tables tell."""

from datetime import datetime

import pytest

from benchmarks import naive
from fraud_stream.settings import load
from tests.harness import ROOT


def judged(amount: float = 10.0, hour: int = 12, method: str = "Credit Card", before: tuple[float, ...] = ()) -> set:
    stats = naive.no_stats()
    for paid in (*before, amount):
        stats = naive.add(stats, paid)
    tx = naive.Transaction("T1", "C1", datetime(2024, 1, 1, hour), amount, payment_method=method)
    return set(naive.check_rules(tx, naive.make_features(tx, stats, stats)))


@pytest.mark.parametrize(
    ("case", "rules"),
    [
        ({}, set()),
        ({"amount": 1_000.01}, {"amount-above-threshold"}),
        ({"before": (10.0,) * 5}, {"velocity-count"}),
        ({"before": (10.0,) * 11}, {"velocity-count", "sliding-velocity-count"}),
        ({"before": (500.0, 600.0), "amount": 500.0}, {"velocity-sum"}),
        ({"before": (900.0, 900.0), "amount": 900.0}, {"velocity-sum", "sliding-velocity-sum"}),
        ({"hour": 3, "amount": 501.0}, {"night-high-amount"}),
        ({"method": "Gift Card", "amount": 301.0}, {"risky-method-high-amount"}),
    ],
)
def test_rules_break_as_the_shipped_ones_do(case: dict, rules: set[str]) -> None:
    assert judged(**case) == rules


def test_an_amount_far_out_of_the_windows_habit_is_seen() -> None:
    assert "amount-out-of-habit" in judged(amount=400.0, before=(10.0, 11.0, 9.0) * 20)


def test_each_of_its_rules_is_a_shipped_one() -> None:
    shipped = {rule.id for rule in load({"FRAUD_STREAM_CONF": str(ROOT / "faust.conf")}).settings.rules}
    everything = judged(3_000.0, hour=3, method="Gift Card", before=(10.0,) * 60)
    assert everything <= shipped
    assert len(everything) == 8


def test_statistics_of_a_window() -> None:
    stats = naive.add(naive.add(naive.no_stats(), 3.0), 1.0)
    assert stats == {"count": 2, "sum": 4.0, "squares": 10.0, "min": 1.0, "max": 3.0}
