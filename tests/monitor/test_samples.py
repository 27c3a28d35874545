import math

import pytest

from fraud_stream.monitor.samples import Sample, Samples
from tests.monitor.seeing import NOW, seconds, seen_of, worker

ONE = worker(
    {
        "transactions_read_total": 100,
        'alerts_total{type="MODEL",severity="HIGH"}': 3,
        'alerts_total{type="VELOCITY",severity="HIGH"}': 2,
        "labelled_ratio": 0.5,
        'quality_roc_auc_ratio{contestant="deciding"}': 0.9,
        **seconds("broker_to_decision_seconds", {"0.1": 10, "0.2": 10, "+Inf": 10}, 0.5),
    },
    "http://one:6066",
)
TWO = worker(
    {
        "transactions_read_total": 50,
        'alerts_total{type="MODEL",severity="MEDIUM"}': 4,
        "labelled_ratio": 0.5,
        'quality_roc_auc_ratio{contestant="deciding"}': 0.91,
        **seconds("broker_to_decision_seconds", {"0.1": 0, "0.2": 30, "+Inf": 40}, 30.0),
    },
    "http://two:6066",
    up=1_800.0,
)


@pytest.fixture
def both() -> Samples:
    return seen_of(ONE, TWO).now


def test_counts_of_workers_are_summed(both):
    assert both.counted("transactions_read") == 150
    assert both.counted("alerts") == 9
    assert both.counted("alerts", severity="HIGH") == 5
    assert both.counted_by("alerts", "type") == {"MODEL": 7, "VELOCITY": 2}
    assert both.counted("drifts") == 0
    assert both.counted_by("drifts", "stream") == {}


def test_histograms_are_merged(both):
    merged = both.histogram("broker_to_decision_seconds")
    assert merged.counts == {0.1: 10, 0.2: 40, math.inf: 50}
    assert merged.mean == 30.5 / 50
    assert merged.quantile(0.5) == pytest.approx(0.15)


def test_what_all_workers_share_is_not_summed(both):
    assert both.shared("labelled_ratio") == 0.5
    assert both.shared_by("quality_roc_auc_ratio", "contestant") == {"deciding": 0.91}
    assert both.shared("alert_threshold_ratio") is None


def test_each_worker_has_its_own_start(both):
    assert both.started() == {"http://one:6066": NOW - 7_200, "http://two:6066": NOW - 1_800}


def test_a_rate_is_the_sum_of_what_each_worker_did_since_its_start():
    assert seen_of(ONE, TWO).rate("transactions_read") == pytest.approx(100 / 7_200 + 50 / 1_800)
    assert seen_of(ONE, TWO, spans={}).rate("transactions_read") is None
    assert seen_of(worker({})).rate("transactions_read") is None


def test_what_is_no_number_is_left_out():
    found = Samples([Sample("fraud_stream_labelled_ratio", {}, math.nan)])
    assert found.shared("labelled_ratio") is None


def test_a_name_that_no_source_is_asked_for_is_a_fault_of_the_program(both):
    with pytest.raises(KeyError, match="fraud_stream_alert_total"):
        both.counted("alert")
