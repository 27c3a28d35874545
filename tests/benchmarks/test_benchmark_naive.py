"""The naive agent: the same conditions as the shipped rules, as far as its tables tell."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.peers import naive, work
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.memory import new_state
from fraud_stream.domain.observation import Observer
from fraud_stream.domain.sliding import HOUR
from fraud_stream.domain.transaction import Transaction
from fraud_stream.settings import load
from tests.harness import ROOT

maker = FeatureMaker()
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def payment(amount: float, moment: datetime = NOON, **fields: Any) -> naive.Transaction:
    return naive.Transaction("T1", "C1", moment, amount, **fields)


def judged(tx: naive.Transaction, *before: naive.Transaction) -> set[str]:
    """The rules that the last of a customer's payments breaks."""
    stats, habits, known = work.no_stats(), work.no_habits(), work.no_habits()
    for one in (*before, tx):
        stats, known = work.add(stats, one), habits
        habits = work.add_payment(habits, one)
    return set(work.check_rules(tx, work.make_features(tx, stats, stats, known, habits)))


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
    stats = work.no_stats()
    for amount, location in ((3.0, "Oslo"), (1.0, "Rome"), (2.0, "Oslo"), (2.0, None)):
        stats = work.add(stats, payment(amount, location=location, device_type="mobile", merchant_id="M1"))
    assert [stats[name] for name in ("count", "sum", "squares", "low", "high")] == [4, 8.0, 18.0, 1.0, 3.0]
    assert [stats[name] for name in ("first", "last")] == [NOON.timestamp()] * 2
    assert [stats[name] for name in ("locations", "devices", "merchants", "categories")] == [
        ["Oslo", "Rome"], ["mobile"], ["M1"], [],
    ]  # fmt: skip


def test_its_features_are_those_of_the_application() -> None:
    """Same work: the same names and numbers, for bursts of payments; of labels it makes no features.

    Each burst lies within one minute at the beginning of a hopping window, where both read the window alike.
    """
    ours = [fields(n) for n in range(200)]
    state, observer = new_state(HOUR, 300.0, 60.0), Observer(maker)
    observed = [observer.observe(Transaction(**one), offset, state) for offset, one in enumerate(ours)]
    expected = maker.rows([one.facts for one in observed if one is not None])
    hours: dict[float, naive.Stats] = {}
    minutes: dict[float, naive.Stats] = {}
    habits = work.no_habits()
    for one, row in zip(ours, expected.tolist(), strict=True):
        tx = naive.Transaction(**{**one, "timestamp": datetime.fromtimestamp(one["timestamp"], UTC)})
        before, habits = habits, work.add_payment(habits, tx)
        windows = []
        for kept, size in ((hours, HOUR), (minutes, 300.0)):
            start = one["timestamp"] // size
            kept[start] = work.add(kept.get(start, work.no_stats()), tx)
            windows.append(kept[start])
        found = work.make_features(tx, *windows, before, habits)
        expected_of = dict(zip(maker.names, row, strict=True))
        assert list(found.values()) == pytest.approx([expected_of[name] for name in found], rel=1e-9, abs=1e-6)
    assert len(found) == 33
    for name in ("hopping_count_5m", "tumbling_merchants_1h", "is_new_device", "is_new_location", "amount_zscore_30d"):
        assert len({row[maker.names.index(name)] for row in expected.tolist()[20:]}) > 1, f"{name} never varies"


def fields(n: int) -> dict[str, Any]:
    """One of four payments of a burst; there are two bursts in an hour."""
    rnd = random.Random(n)
    burst, place = divmod(n, 4)
    return {
        "transaction_id": f"T{n}",
        "customer_id": "C1",
        "timestamp": NOON.timestamp() + burst * 1_800.0 + place * 12.5,
        "amount": round(rnd.lognormvariate(3.0, 1.0), 2),
        "merchant_id": f"M{rnd.randrange(9)}",
        "payment_method": rnd.choice(["Credit Card", "Gift Card", None]),
        "device_id": rnd.choice([f"D{n // 20}", "D1", "D2", None]),
        "device_type": "mobile",
        "location": rnd.choice([f"L{n // 30}", "Oslo", "Rome", None]),
    }
