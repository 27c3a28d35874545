import pytest

from fraud_stream.monitor.consumer import consumer
from tests.monitor.seeing import HOUR, check, seconds, seen_of, seen_with, worker


def status(seen, name):
    return check(consumer(seen), name).status


def test_figures():
    found = consumer(
        seen_with(
            {
                "transactions_read_total": 7_200,
                'dead_letters_total{reason="null"}': 30,
                'dead_letters_total{reason="undecodable"}': 6,
                'consumer_lag_records{topic="transactions",partition="0"}': 5,
                'consumer_lag_records{topic="transactions",partition="1"}': 7,
                'consumer_lag_records{topic="labels",partition="0"}': 1,
                **seconds("broker_to_decision_seconds", {"0.1": 50, "0.2": 100, "+Inf": 100}, 8.0),
            }
        )
    )
    assert found.figures == {
        "workers": 1,
        "workers_running": 1,
        "messages": 7_200,
        "messages_per_second": 1.0,
        "lag_records": 12,
        "lag_records_by_topic": {"labels": 1, "transactions": 12},
        "latency_seconds": {
            "mean": 0.08,
            "p50": pytest.approx(0.1),
            "p95": pytest.approx(0.19),
            "p99": pytest.approx(0.198),
        },
        "errors": 36,
        "error_ratio": 0.005,
    }
    assert found.status == "ok"


def test_a_worker_that_has_done_nothing_yet_is_sound_and_no_more_is_told():
    found = consumer(seen_of(worker({}, up=5.0)))
    assert found.figures["messages_per_second"] is None
    assert found.figures["lag_records"] is None
    assert {one.name: one.status for one in found.checks} == {
        "workers": "ok",
        "traffic": "unknown",
        "lag": "unknown",
        "latency": "unknown",
        "errors": "unknown",
    }
    assert found.status == "ok"


@pytest.mark.parametrize(
    ("state", "up", "expected"),
    [
        ({"phase": "running"}, HOUR, "ok"),
        ({"phase": "recovering"}, 599.0, "ok"),
        ({"phase": "recovering"}, 601.0, "warning"),
        ({"phase": "running", "stalled": True}, HOUR, "critical"),
    ],
)
def test_workers_must_run_but_may_take_a_while(state, up, expected):
    found = check(consumer(seen_of(worker({}, up=up, **state))), "workers")
    assert found.status == expected
    assert bool(found.advice) is (expected != "ok")


def test_a_worker_that_prometheus_saw_running_lately_is_no_fault():
    seen = seen_of(worker({}, phase="rebalancing"))
    (state,) = seen.workers
    assert status(seen, "workers") == "warning"
    assert status(seen._replace(workers=[state._replace(ran_lately=True)]), "workers") == "ok"


def test_one_worker_that_does_not_answer_is_critical_and_all_faults_are_told():
    silent = worker({}, "http://two:6066")
    silent = silent._replace(state=silent.state._replace(trouble="cannot be reached: connection refused"), samples=())
    seen = seen_of(worker({}, "http://one:6066", phase="recovering"), silent)
    found = check(consumer(seen), "workers")
    assert found.status == "critical"
    assert "http://one:6066 is recovering" in found.reason
    assert "http://two:6066 cannot be reached: connection refused" in found.reason


@pytest.mark.parametrize(
    ("read", "up", "expected"), [(1, HOUR, "ok"), (0, 599.0, "unknown"), (0, 601.0, "warning"), (1, 5.0, "ok")]
)
def test_traffic(read, up, expected):
    assert status(seen_of(worker({"transactions_read_total": read}, up=up)), "traffic") == expected


@pytest.mark.parametrize(
    ("waiting", "grows", "expected"),
    [
        (10_000, None, "ok"),
        (10_001, None, "warning"),
        (10_001, True, "warning"),
        (10_001, False, "ok"),
        (1_000_001, None, "critical"),
    ],
)
def test_lag(waiting, grows, expected):
    numbers = {'consumer_lag_records{topic="transactions",partition="0"}': waiting}
    assert status(seen_with(numbers, lag_grows=grows), "lag") == expected


def test_only_transactions_that_wait_are_a_fault():
    assert status(seen_with({'consumer_lag_records{topic="labels",partition="0"}': 50_000}), "lag") == "unknown"


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ({"0.2": 1_000, "1.0": 1_000, "2.5": 1_000}, "ok"),
        ({"0.2": 980, "1.0": 1_000, "2.5": 1_000}, "warning"),
        ({"0.2": 900, "1.0": 980, "2.5": 1_000}, "critical"),
    ],
)
def test_latency(below, expected):
    numbers = seconds("broker_to_decision_seconds", {**below, "+Inf": 1_000})
    assert status(seen_with(numbers), "latency") == expected


@pytest.mark.parametrize(("dead", "expected"), [(10, "ok"), (11, "warning"), (101, "critical"), (5_000, "critical")])
def test_errors(dead, expected):
    numbers = {"transactions_read_total": 1_000, 'dead_letters_total{reason="null"}': dead}
    found = check(consumer(seen_with(numbers)), "errors")
    assert found.status == expected
    assert ("dead-letters" in found.advice) is (expected != "ok")
