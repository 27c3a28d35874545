import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import MAX_DISTINCT, WindowStats, merged, standard_deviation

PLACES = st.none() | st.sampled_from(["Oslo", "Rome", "Lima", 'C"é'])
AMOUNTS = st.integers(0, 100_000_000).map(lambda cents: cents / 100)


@st.composite
def transactions(draw: st.DrawFn) -> Transaction:
    return Transaction(
        "T1",
        "C1",
        float(draw(st.integers(0, 10_000))),
        draw(AMOUNTS),
        merchant_id=draw(PLACES),
        product_category=draw(PLACES),
        device_type=draw(PLACES),
        device_id=draw(PLACES),
        location=draw(PLACES),
    )


def of(txs: list[Transaction], first_offset: int = 0) -> WindowStats:
    stats = WindowStats()
    for offset, tx in enumerate(txs, first_offset):
        assert stats.add(tx, offset)
    return stats


def tx(amount: float = 1.0, time: float = 0.0, **fields: str | None) -> Transaction:
    return Transaction("T1", "C1", time, amount, **fields)


@given(st.lists(transactions(), max_size=20), st.lists(st.integers(0, 20), max_size=4))
@settings(max_examples=150, deadline=None)
def test_merging_panes_equals_adding_all(txs: list[Transaction], cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(txs)) for cut in cuts), len(txs)]
    panes = [of(txs[start:end], start) for start, end in itertools.pairwise(edges)]
    window, whole = merged(panes), of(txs)
    assert (window.total, window.squares) == pytest.approx((whole.total, whole.squares))
    for name in ("offset", "count", "low", "high", "first", "last", "locations", "devices", "merchants", "categories"):
        assert getattr(window, name) == getattr(whole, name)


def test_merging_does_not_change_what_is_merged() -> None:
    first, second = of([tx(location="Oslo")]), of([tx(location="Rome")], 1)
    merged([first, second])
    assert (first.count, first.locations, second.locations) == (1, ["Oslo"], ["Rome"])


def test_new_statistics_share_nothing_with_others() -> None:
    of([tx(location="Oslo")])
    assert WindowStats().locations == []


def test_an_older_offset_is_ignored() -> None:
    stats = of([tx(5.0), tx(7.0)], first_offset=10)
    assert not stats.add(tx(100.0), 11)
    assert not stats.add(tx(100.0), 3)
    assert (stats.count, stats.total, stats.high, stats.offset) == (2, 12.0, 7.0, 11)


@given(st.lists(AMOUNTS, min_size=1, max_size=50))
@settings(max_examples=150, deadline=None)
def test_mean_and_deviation_are_those_of_numpy(amounts: list[float]) -> None:
    stats = of([tx(amount) for amount in amounts])
    # a sum of squares loses half the digits of the largest amount
    tolerance = max(amounts) * 1e-7 + 1e-9
    assert stats.mean == pytest.approx(np.mean(amounts))
    assert stats.deviation == pytest.approx(np.std(amounts), abs=tolerance)


def test_an_empty_window_has_no_mean_and_no_deviation() -> None:
    empty = WindowStats()
    assert (empty.mean, empty.deviation) == (0.0, 0.0)


def test_one_amount_deviates_from_nothing() -> None:
    assert standard_deviation(1, 0.1, 0.1 * 0.1 + 1e-9) == 0.0


def test_equal_amounts_do_not_deviate_whatever_the_rounding() -> None:
    deviation = of([tx(0.1)] * 1_000).deviation
    assert not math.isnan(deviation)
    assert deviation < 1e-6


def test_extremes_and_times() -> None:
    stats = of([tx(5.0, 60.0), tx(2.0, 30.0), tx(9.0, 45.0)])
    assert (stats.low, stats.high, stats.first, stats.last) == (2.0, 9.0, 30.0, 60.0)


def test_different_values_are_told_apart_up_to_a_bound() -> None:
    stats = of([tx(location=f"L{n % 300}") for n in range(900)])
    assert len(stats.locations) == MAX_DISTINCT
    other = of([tx(location="elsewhere")], 900)
    assert len(merged([stats, other]).locations) == MAX_DISTINCT


def test_a_value_is_kept_once_and_a_missing_one_not_at_all() -> None:
    stats = of([tx(location="Oslo"), tx(location="Oslo"), tx(), tx(location="Rome")])
    assert (stats.locations, stats.merchants, stats.categories) == (["Oslo", "Rome"], [], [])


def test_a_device_is_its_id_or_else_its_kind() -> None:
    stats = of([tx(device_id="D1", device_type="mobile"), tx(device_type="mobile"), tx()])
    assert stats.devices == ["D1", "mobile"]
