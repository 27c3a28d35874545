from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as Theirs

from fraud_stream.domain.histogram import SECONDS, Histogram

#: Bounds themselves too, negative ones and what is above all.
VALUES = st.lists(st.one_of(st.floats(-10.0, 1e6), st.sampled_from(SECONDS)))


@given(VALUES, VALUES)
def test_it_counts_as_prometheus_does(first: list[float], second: list[float]) -> None:
    registry, ours = CollectorRegistry(), Histogram()
    theirs = Theirs("seconds", "", buckets=SECONDS, registry=registry)
    for values in (first, second):
        ours.add(values)
        for value in values:
            theirs.observe(value)
    for bound, count in ours.cumulative():
        assert registry.get_sample_value("seconds_bucket", {"le": bound}) == count
    assert abs(ours.total - (registry.get_sample_value("seconds_sum") or 0.0)) < 1e-6 * max(1.0, abs(ours.total))
