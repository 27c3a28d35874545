import pytest

from fraud_stream.monitor.data import data
from tests.monitor.seeing import NOW, before, check, seen_with

MISSING = 'missing_fields_total{field="device_id"}'
DECIDED = "transactions_scored_total"


def test_figures():
    found = data(
        seen_with(
            {
                DECIDED: 1_000,
                MISSING: 50,
                'missing_fields_total{field="location"}': 0,
                'transactions_special_total{what="late"}': 3,
                'transactions_special_total{what="duplicate"}': 30,
                'dead_letters_total{reason="null"}': 2,
                'dead_letters_total{reason="undecodable"}': 5,
                'labels_total{what="joined"}': 90,
                'labels_total{what="early"}': 10,
                'labelled_left_out_total{why="other_features"}': 4,
                'stream_timestamp_seconds{partition="0"}': NOW - 60,
                'stream_timestamp_seconds{partition="1"}': NOW - 20,
            }
        )
    ).figures
    assert found == {
        "errors": 7,
        "errors_by_reason": {"null": 2, "undecodable": 5},
        "missing_ratio": {"device_id": 0.05, "location": 0.0},
        "special_transactions": {"duplicate": 30, "late": 3},
        "labels": 100,
        "labels_by_outcome": {"early": 10, "joined": 90},
        "labelled_left_out": {"other_features": 4},
        "newest_event_age_seconds": 20.0,
    }


def test_of_nothing_nothing_is_told():
    found = data(seen_with({MISSING: 0}))
    assert found.status == "unknown"
    assert found.figures["missing_ratio"] == {}
    assert found.figures["newest_event_age_seconds"] is None


def test_records_that_cannot_be_read_are_a_fault_of_the_data_too():
    numbers = {"transactions_read_total": 100, 'dead_letters_total{reason="null"}': 5}
    assert check(data(seen_with(numbers)), "errors").status == "warning"


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [
        (1_000, 1_000, "ok"),  # one that never was there
        (100, 0, "ok"),
        (101, 0, "warning"),
        (501, 0, "critical"),
        (0, 1_000, "ok"),
    ],
)
def test_a_field_that_is_missing_now_and_was_there_before(now, then, expected):
    steady = 'missing_fields_total{field="location"}'
    seen = seen_with(
        {DECIDED: 1_000, MISSING: now, steady: 0}, before=before({DECIDED: 1_000, MISSING: then, steady: 0})
    )
    found = check(data(seen), "missing_fields")
    assert found.status == expected
    if expected != "ok":
        assert found.reason.startswith("device_id is missing in")
        assert "[fields]" in found.advice


@pytest.mark.parametrize("then", [None, {}, {DECIDED: 0, MISSING: 0}])
def test_without_the_time_before_that_cannot_be_told(then):
    seen = seen_with({DECIDED: 1_000, MISSING: 900}, before=None if then is None else before(then))
    assert check(data(seen), "missing_fields").status == "unknown"
