import pytest

from fraud_stream.monitor.predictions import predictions
from tests.monitor.seeing import HOUR, before, check, seconds, seen_of, seen_with, worker


def alerting(alerts: int, decided: int) -> dict[str, float]:
    return {'alerts_total{type="MODEL",severity="HIGH"}': alerts, "transactions_scored_total": decided}


def test_figures():
    found = predictions(
        seen_with(
            {
                "transactions_scored_total": 7_200,
                'alerts_total{type="MODEL",severity="MEDIUM"}': 10,
                'alerts_total{type="MODEL",severity="HIGH"}': 20,
                'alerts_total{type="VELOCITY",severity="CRITICAL"}': 6,
                **seconds("event_to_decision_seconds", {"1.0": 100, "+Inf": 100}, 50.0),
                **seconds("confidence_ratio", {"0.9": 900, "1.0": 3_600, "+Inf": 3_600}, 3_528.0),
            },
            before=before(alerting(36, 7_200)),
        )
    ).figures
    assert found == {
        "decisions": 7_200,
        "decisions_per_second": 1.0,
        "latency_seconds": {"mean": 0.5, "p50": 0.5, "p95": 0.95, "p99": 0.99},
        "model_asked_ratio": 0.5,
        "confidence_ratio": 0.98,
        "alerts": 36,
        "alert_ratio": 0.005,
        "alert_ratio_before": 0.005,
        "high_risk": 26,
        "high_risk_ratio": 26 / 7_200,
        "alerts_by_severity": {"CRITICAL": 6, "HIGH": 20, "MEDIUM": 10},
        "alerts_by_type": {"MODEL": 30, "VELOCITY": 6},
    }


def test_of_nothing_nothing_is_told():
    found = predictions(seen_of(worker({}, up=5.0)))
    assert found.status == "unknown"
    told = ("confidence_ratio", "model_asked_ratio", "alert_ratio", "alert_ratio_before", "high_risk_ratio")
    assert [found.figures[name] for name in told] == [None] * len(told)


@pytest.mark.parametrize(
    ("read", "decided", "up", "expected"),
    [(9, 9, 5.0, "ok"), (9, 0, 599.0, "unknown"), (9, 0, 601.0, "critical"), (0, 0, HOUR, "unknown")],
)
def test_what_is_read_must_be_decided(read, decided, up, expected):
    numbers = {"transactions_read_total": read, "transactions_scored_total": decided}
    assert check(predictions(seen_of(worker(numbers, up=up))), "decisions").status == expected


@pytest.mark.parametrize(("again", "expected"), [(60, "unknown"), (59, "unknown"), (50, "critical")])
def test_what_cannot_be_read_or_was_decided_before_need_not_be(again, expected):
    numbers = {
        "transactions_read_total": 100,
        'dead_letters_total{reason="null"}': 10,
        'transactions_special_total{what="duplicate"}': 30,
        'transactions_special_total{what="replayed"}': again,
    }
    assert check(predictions(seen_with(numbers)), "decisions").status == expected


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [
        ((20, 1_000), (10, 1_000), "ok"),
        ((21, 1_000), (10, 1_000), "warning"),
        ((31, 1_000), (10, 1_000), "critical"),
        ((310, 10_000), (10, 1_000), "critical"),
        ((20, 1_000), (0, 1_000), "ok"),
        ((21, 1_000), (0, 1_000), "critical"),
        ((500, 1_000), (0, 0), "unknown"),
        ((0, 0), (10, 1_000), "unknown"),
    ],
)
def test_a_spike_of_alerts_is_against_the_time_before(now, then, expected):
    seen = seen_with(alerting(*now), before=before(alerting(*then)))
    assert check(predictions(seen), "alert_spike").status == expected


def test_workers_do_not_know_how_many_alerted_before():
    found = check(predictions(seen_with(alerting(500, 1_000))), "alert_spike")
    assert found.status == "unknown"
    assert "only Prometheus knows" in found.reason
