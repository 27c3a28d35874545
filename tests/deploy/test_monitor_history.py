"""`fraud-stream monitor` on a real Prometheus that knows two days, with faults that have a time."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fraud_stream.cli import main
from tests.deploy.test_prometheus import Prometheus, needs_prometheus
from tests.harness import ROOT, wait_until

pytestmark = needs_prometheus
MINUTE, HOUR = 60, 3_600
DAYS = 48 * HOUR
#: What a series is worth so many seconds before now.
Course = Callable[[int], float]


def steady(per_second: float) -> Course:
    """A counter that goes on evenly."""
    return lambda ago: (DAYS - ago) * per_second


def faster(before: float, then: float, since: int = 24 * HOUR) -> Course:
    """A counter that goes on faster for some time."""
    return lambda ago: (DAYS - max(ago, since)) * before + max(since - ago, 0) * then


def constant(value: float) -> Course:
    return lambda _: value


def once(at: int) -> Course:
    """A counter of something that has happened once."""
    return lambda ago: float(ago <= at)


CALM: dict[str, Course] = {
    'fraud_stream_worker_phase{phase="running"}': constant(1),
    "fraud_stream_worker_stalled": constant(0),
    "fraud_stream_transactions_read_total": steady(10),
    "fraud_stream_transactions_scored_total": steady(10),
    'fraud_stream_dead_letters_total{reason="null"}': steady(0.05),
    'fraud_stream_alerts_total{type="MODEL",severity="HIGH"}': steady(0.1),
    'fraud_stream_missing_fields_total{field="device_id"}': steady(0),
    'fraud_stream_drifts_total{stream="log_amount"}': once(30 * HOUR),
    'fraud_stream_labels_total{what="joined"}': steady(1),
    'fraud_stream_model_age_seconds{model="online"}': constant(1),
    'fraud_stream_consumer_lag_records{topic="transactions",partition="0"}': constant(50),
    'fraud_stream_broker_to_decision_seconds_bucket{le="0.1"}': steady(10),
    'fraud_stream_broker_to_decision_seconds_bucket{le="0.5"}': steady(10),
    'fraud_stream_broker_to_decision_seconds_bucket{le="+Inf"}': steady(10),
    "fraud_stream_broker_to_decision_seconds_sum": steady(0.5),
}
#: By job what each of its workers tells, by the worker's name.
JOBS: dict[str, dict[str, dict[str, Course]]] = {
    "calm": {"one:6066": CALM, "two:6066": CALM},
    "worse": {
        "one:6066": {
            **CALM,
            'fraud_stream_dead_letters_total{reason="null"}': faster(0.05, 0.2),
            'fraud_stream_alerts_total{type="MODEL",severity="HIGH"}': faster(0.1, 0.25),
            'fraud_stream_missing_fields_total{field="device_id"}': faster(0, 2),
            'fraud_stream_model_age_seconds{model="online"}': constant(2 * HOUR),
            'fraud_stream_consumer_lag_records{topic="transactions",partition="0"}': lambda ago: max(
                50_000.0 - ago, 50
            ),
            'fraud_stream_broker_to_decision_seconds_bucket{le="0.1"}': faster(10, 9.5),
        }
    },
    "awful": {
        "one:6066": {
            **CALM,
            'fraud_stream_alerts_total{type="MODEL",severity="HIGH"}': faster(0.1, 0.35),
            'fraud_stream_missing_fields_total{field="device_id"}': faster(0, 9),
            'fraud_stream_consumer_lag_records{topic="transactions",partition="0"}': lambda ago: 50_000.0 + ago,
            'fraud_stream_model_age_seconds{model="online"}': constant(30 * HOUR),
            'fraud_stream_labels_total{what="joined"}': lambda ago: 1.0 * (DAYS - max(ago, 2 * HOUR)),
            'fraud_stream_worker_phase{phase="running"}': lambda ago: float(ago > 15 * MINUTE),
            'fraud_stream_worker_phase{phase="recovering"}': lambda ago: float(ago <= 15 * MINUTE),
        },
        "two:6066": {"up": lambda ago: float(ago > 5 * MINUTE)},
    },
    "rebalancing": {
        "one:6066": {
            **CALM,
            'fraud_stream_worker_phase{phase="running"}': lambda ago: float(ago > 5 * MINUTE),
            'fraud_stream_worker_phase{phase="rebalancing"}': lambda ago: float(ago <= 5 * MINUTE),
        }
    },
    "other": {"one:9100": {"up": constant(1)}},
}


def history(now: int) -> Iterator[str]:
    """Two days up to now in the text format of OpenMetrics, a sample a minute."""
    for job, workers in JOBS.items():
        for instance, told in workers.items():
            started = {"process_start_time_seconds": constant(now - DAYS)}
            for series, course in {"up": constant(1), **started, **told}.items():
                name, _, labels = series.rstrip("}").partition("{")
                whole = ",".join((f'job="{job}",instance="{instance}"', *filter(None, [labels])))
                for ago in range(DAYS, -1, -MINUTE):
                    yield f"{name}{{{whole}}} {course(ago)} {now - ago}\n"
    yield "# EOF\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder: Path = tmp_path_factory.mktemp("history")
    (folder / "history.txt").write_text("".join(history(int(time.time()))))
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "history.txt", "data"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    started = Prometheus(folder, "127.0.0.1:1")
    try:
        wait_until(lambda: knows(started))
        yield started
    finally:
        started.stop()


def knows(prometheus: Prometheus) -> bool:
    try:
        return bool(prometheus.samples('fraud_stream_transactions_read_total{job="calm"}'))
    except OSError:
        return False


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["monitor", *arguments], env={"FRAUD_STREAM_CONF": str(ROOT / "faust.conf")})


@pytest.fixture
def told(prometheus: Prometheus) -> Callable[..., Any]:
    """Asks about a job: the document."""

    def tell(job: str, *arguments: str) -> Any:
        result = run("--prometheus", prometheus.url, "--job", job, "--json", *arguments)
        document = json.loads(result.stdout)
        assert result.exit_code == document["exit_code"], result.output
        return document

    return tell


def statuses(document: Any) -> dict[str, str]:
    return {check["name"]: check["status"] for part in document["components"].values() for check in part["checks"]}


def figures(document: Any, component: str) -> Any:
    return document["components"][component]["figures"]


def test_a_calm_day_of_two_workers(told: Any) -> None:
    found = told("calm")
    assert (found["status"], found["exit_code"]) == ("ok", 0)
    assert set(statuses(found).values()) == {"ok"}
    assert found["span_seconds"] == pytest.approx(24 * HOUR, rel=0.01)
    consumer, predictions = figures(found, "consumer"), figures(found, "predictions")
    assert consumer["messages"] == pytest.approx(2 * 10 * 24 * HOUR, rel=0.005)
    assert consumer["messages_per_second"] == pytest.approx(20, rel=0.01)
    assert consumer["error_ratio"] == pytest.approx(0.005, rel=0.005)
    assert consumer["latency_seconds"]["mean"] == pytest.approx(0.05, rel=0.005)
    assert consumer["latency_seconds"]["p50"] == pytest.approx(0.05, rel=0.005)
    assert consumer["lag_records"] == 100
    assert predictions["alert_ratio"] == pytest.approx(predictions["alert_ratio_before"], rel=0.005)
    assert predictions["high_risk_ratio"] == pytest.approx(0.01, rel=0.005)


def test_counts_are_of_the_hours_that_were_asked_for(told: Any) -> None:
    hour, day = (figures(told("calm", "--hours", hours), "consumer")["messages"] for hours in ("1", "24"))
    assert hour == pytest.approx(20 * HOUR, rel=0.02)
    assert day == pytest.approx(24 * hour, rel=0.02)


def test_a_drift_is_of_the_time_when_it_was(told: Any) -> None:
    assert statuses(told("calm"))["drift"] == "ok"
    found = told("calm", "--hours", "36")
    assert statuses(found)["drift"] == "warning"
    assert found["exit_code"] == 1


def test_what_has_become_worse_is_a_warning(told: Any) -> None:
    found = told("worse")
    assert found["exit_code"] == 1
    assert statuses(found) == {
        "workers": "ok",
        "traffic": "ok",
        "lag": "warning",
        "latency": "warning",
        "errors": "warning",
        "decisions": "ok",
        "alert_spike": "warning",
        "model_age": "warning",
        "drift": "ok",
        "missing_fields": "warning",
    }
    predictions = figures(found, "predictions")
    assert predictions["alert_ratio"] / predictions["alert_ratio_before"] == pytest.approx(2.5, rel=0.01)
    assert figures(found, "data")["missing_ratio"]["device_id"] == pytest.approx(0.2, rel=0.01)


def test_what_is_compared_is_as_long_a_time_before(told: Any) -> None:
    found = statuses(told("worse", "--hours", "2"))
    assert (found["alert_spike"], found["missing_fields"]) == ("ok", "ok")


def test_what_is_awful_is_critical_and_a_lag_that_falls_is_none(told: Any) -> None:
    found = told("awful")
    assert found["exit_code"] == 2
    assert statuses(found) == {
        "workers": "critical",
        "traffic": "ok",
        "lag": "ok",
        "latency": "ok",
        "errors": "ok",
        "decisions": "ok",
        "alert_spike": "critical",
        "model_age": "ok",  # no labels have come for two hours
        "drift": "ok",
        "missing_fields": "critical",
    }
    (workers,) = [one for one in found["components"]["consumer"]["checks"] if one["name"] == "workers"]
    assert "one:6066 is recovering, not running" in workers["reason"]
    assert "two:6066 does not answer Prometheus" in workers["reason"]


def test_a_rebalance_is_no_fault(told: Any) -> None:
    found = told("rebalancing")
    assert found["workers"][0]["phase"] == "rebalancing"
    assert statuses(found)["workers"] == "ok"


def test_of_workers_that_never_answered_it_is_known_that_they_do_not(prometheus: Prometheus, told: Any) -> None:
    wait_until(lambda: prometheus.samples('up{job="fraud_stream"}'))
    found = told("fraud_stream")
    assert found["exit_code"] == 2
    assert statuses(found)["workers"] == "critical"


def test_a_job_of_something_else_is_told(prometheus: Prometheus) -> None:
    result = run("--prometheus", prometheus.url, "--job", "other")
    assert result.exit_code == 3
    assert "job 'other' tells nothing that begins with fraud_stream_" in result.stderr
