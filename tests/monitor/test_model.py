import pytest

from fraud_stream.monitor.model import model
from tests.monitor.seeing import HOUR, check, seen_of, seen_with, worker

AGE = 'model_age_seconds{model="online"}'
DRIFTS = 'drifts_total{stream="log_amount"}'


def test_figures_of_two_workers_are_those_of_one_but_for_what_is_counted():
    numbers = {
        'model_decides{model="blend"}': 1,
        'model_version{model="online"}': 42,
        'model_version{model="challenger"}': 3,
        'model_age_seconds{model="challenger"}': 7_200,
        "model_labels_learnt": 5_000,
        "alert_threshold_ratio": 0.5,
        "labelled_ratio": 0.9,
        'label_delay_seconds{quantile="0.5"}': 60,
        "alerts_precision_ratio": 0.8,
        'quality_average_precision_ratio{contestant="deciding"}': 0.7,
        'quality_average_precision_ratio{contestant="online"}': 0.6,
        'announcements_refused_total{what="challenger"}': 1,
        DRIFTS: 1,
    }
    one = worker({**numbers, AGE: 12.0}, "http://one:6066")
    two = worker({**numbers, AGE: 11.0}, "http://two:6066")
    found = model(seen_of(one, two)).figures
    assert found == {
        "decides": "blend",
        "models": {
            "challenger": {"version": 3, "age_seconds": 7_200.0},
            "online": {"version": 42, "age_seconds": 11.0},
        },
        "labels_learnt": 5_000,
        "alert_threshold_ratio": 0.5,
        "labelled_ratio": 0.9,
        "label_delay_seconds": {"p50": 60.0, "p90": None, "p99": None},
        "alerts_precision_ratio": 0.8,
        "alerts_recall_ratio": None,
        "alerts_f1_ratio": None,
        "average_precision_ratio": {"deciding": 0.7, "online": 0.6},
        "roc_auc_ratio": {},
        "calibration_error_ratio": {},
        "drifts": 2,
        "drifts_by_stream": {"log_amount": 2},
        "announcements_refused": 2,
    }


def test_workers_that_differ_on_who_decides_are_told_apart():
    one = worker({'model_decides{model="online"}': 1}, "http://one:6066")
    two = worker({'model_decides{model="blend"}': 1}, "http://two:6066")
    assert model(seen_of(one, two)).figures["decides"] == "blend, online"


@pytest.mark.parametrize(
    ("age", "lately", "expected"),
    [
        (3_600.0, True, "ok"),
        (3_601.0, True, "warning"),
        (86_401.0, True, "critical"),
        (86_401.0, False, "ok"),
        (3_601.0, None, "unknown"),
    ],
)
def test_a_model_is_stale_while_labels_come(age, lately, expected):
    found = check(model(seen_with({AGE: age}, labels_lately=lately)), "model_age")
    assert found.status == expected
    assert ("labelled_left_out" in found.advice) is (expected in {"warning", "critical"})


@pytest.mark.parametrize(
    ("labels", "age", "up", "expected"),
    [
        (0, 9 * HOUR, 10 * HOUR, "ok"),
        (5, 9 * HOUR, 0.5 * HOUR, "warning"),  # they came within the hour
        (5, 9 * HOUR, 8 * HOUR, "warning"),  # they came after the model
        (5, 9 * HOUR, 10 * HOUR, "unknown"),
    ],
)
def test_of_a_worker_labels_are_known_to_be_new_where_it_is_younger_than_the_model(labels, age, up, expected):
    seen = seen_of(worker({'labels_total{what="joined"}': labels, AGE: age}, up=up))
    assert check(model(seen), "model_age").status == expected


def test_without_a_model_its_age_is_not_known():
    assert check(model(seen_with({})), "model_age").status == "unknown"


@pytest.mark.parametrize(
    ("drifts", "up", "expected"), [(0, 48 * HOUR, "ok"), (1, 23 * HOUR, "warning"), (1, 25 * HOUR, "unknown")]
)
def test_a_drift_counts_where_it_is_known_to_be_of_the_time_asked_for(drifts, up, expected):
    found = check(model(seen_of(worker({DRIFTS: drifts}, up=up))), "drift")
    assert found.status == expected
    assert ("log_amount" in found.reason) is bool(drifts)
