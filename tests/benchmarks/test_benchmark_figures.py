"""Rates, ratios and percentiles."""

import math
import random

import pytest

from benchmarks.figures import Advantage, Run, Spread


def test_a_run_tells_its_rate_and_cpu_a_transaction() -> None:
    run = Run(transactions=50_000, seconds=4.0, cpu=3.0)
    assert run.rate == 12_500.0
    assert run.cpu_each == pytest.approx(60.0)


def test_a_run_that_took_no_time_or_did_nothing_has_no_figures() -> None:
    assert math.isnan(Run(10, 0.0, 1.0).rate)
    assert math.isnan(Run(0, 1.0, 1.0).cpu_each)


def test_an_advantage_compares_runs_of_different_lengths_transaction_by_transaction() -> None:
    naive = Run(transactions=6_000, seconds=20.0, cpu=12.0)  # 300 a second, 2,000 us each
    ours = Run(transactions=100_000, seconds=10.0, cpu=8.0)  # 10,000 a second, 80 us each
    assert Advantage.of(ours, over=naive) == pytest.approx((100 / 3, 25.0))


def test_an_advantage_over_a_run_without_figures_is_no_number() -> None:
    assert all(math.isnan(ratio) for ratio in Advantage.of(Run(1, 1.0, 0.0), over=Run(0, 1.0, 1.0)))


def test_a_spread_is_of_the_ranks_in_milliseconds_whatever_the_order() -> None:
    seconds = [n / 1_000 for n in range(1, 1_001)]
    random.Random(1).shuffle(seconds)
    assert Spread.of(seconds) == pytest.approx((1_000, 500.0, 990.0, 999.0, 1_000.0))


def test_one_slow_answer_in_a_thousand_is_the_longest_and_no_percentile() -> None:
    spread = Spread.of([0.001] * 999 + [5.0])
    assert (spread.p99, spread.p999, spread.longest) == (1.0, 1.0, 5_000.0)


def test_nothing_has_no_spread() -> None:
    spread = Spread.of([])
    assert spread.size == 0
    assert math.isnan(spread.p99)
