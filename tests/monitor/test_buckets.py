import math

import pytest

from fraud_stream.monitor.buckets import Buckets

HUNDRED = Buckets({0.1: 50, 0.2: 90, 1.0: 99, math.inf: 100}, 17.0)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.25, 0.05), (0.5, 0.1), (0.7, 0.15), (0.9, 0.2), (0.99, 1.0), (0.999, 1.0)]
)
def test_values_lie_evenly_within_a_bucket_and_beyond_the_largest_bound_it_is_that(share, expected):
    assert HUNDRED.quantile(share) == pytest.approx(expected)


def test_the_mean_is_of_the_sum():
    assert HUNDRED.mean == 0.17


def test_of_nothing_nothing_is_told():
    for nothing in (Buckets({}, 0.0), Buckets({1.0: 0, math.inf: 0}, 0.0)):
        assert (nothing.number, nothing.mean, nothing.quantile(0.5)) == (0, None, None)


def test_counts_that_were_estimated_may_fall_a_little():
    assert Buckets({1.0: 10.0, 2.0: 9.9, math.inf: 9.95}, 5.0).quantile(0.99) == pytest.approx(0.985, abs=0.006)


def test_empty_buckets_are_passed_over():
    assert Buckets({1.0: 0, 2.0: 0, 4.0: 10, math.inf: 10}, 30.0).quantile(0.5) == 3.0
