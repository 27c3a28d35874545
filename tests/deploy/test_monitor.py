"""`fraud-stream monitor` on a real Prometheus that scrapes a running worker."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from fraud_stream.cli import main
from fraud_stream.monitor import prometheus as asking
from tests.deploy.test_prometheus import Prometheus, needs_prometheus
from tests.harness import Worker, a_broker, produce, settings_for, wait_until, worker
from tests.integration.test_metrics import BROKEN, NUMBER, TWICE, broken, labels, payments

pytestmark = [needs_prometheus, pytest.mark.broker, pytest.mark.embedded]  # what a broker does is no matter here
#: Three minutes: what was sent is within them.
HOURS = 0.05


class Run(NamedTuple):
    """A Prometheus that has seen a worker take everything in."""

    prometheus: Prometheus
    worker: Worker
    environ: dict[str, str]

    def monitor(self, *arguments: str) -> Result:
        command = ["monitor", "--prometheus", self.prometheus.url, "--hours", str(HOURS), *arguments]
        return CliRunner().invoke(main, command, env=self.environ)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("monitor")
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_EVALUATION_PUBLISH_INTERVAL="100ms")
        with worker(environ, folder) as running:
            running.wait_until_ready()
            started = Prometheus(folder, f"127.0.0.1:{running.port}")
            try:
                wait_until(started.is_scraping)  # it has seen the counts at 0
                produce(settings, "transactions", [*broken(), *payments(0, NUMBER)])
                produce(settings, "labels", labels(0, NUMBER))
                wait_until(lambda: started.samples(f"fraud_stream_model_labels_learnt == {NUMBER}"))
                wait_until(lambda: started.samples("fraud_stream_labelled_ratio == 1"))
                yield Run(started, running, environ)
            finally:
                started.stop()


def test_prometheus_is_found_by_itself(run: Run) -> None:
    environ = {**run.environ, "FRAUD_STREAM_MONITOR_PROMETHEUS": f"{run.prometheus.url}/"}
    found = document(CliRunner().invoke(main, ["monitor", "--json"], env=environ))
    assert (found["source"]["kind"], found["source"]["addresses"]) == ("prometheus", [run.prometheus.url])


def document(result: Result) -> Any:
    assert result.stdout, result.output
    return json.loads(result.stdout)


def figures(result: Result, component: str) -> Any:
    return document(result)["components"][component]["figures"]


def check(result: Result, component: str, name: str) -> Any:
    found = document(result)["components"][component]["checks"]
    return next(one for one in found if one["name"] == name)


def test_the_figures_are_what_was_sent_within_what_prometheus_estimates(run: Run) -> None:
    result = run.monitor("--json")
    consumer, predictions, data = (figures(result, name) for name in ("consumer", "predictions", "data"))
    assert consumer["messages"] == pytest.approx(NUMBER + TWICE + BROKEN, rel=0.15)
    assert consumer["errors"] == pytest.approx(BROKEN, abs=1.5)
    assert consumer["error_ratio"] == pytest.approx(BROKEN / (NUMBER + TWICE + BROKEN), rel=0.05)
    assert consumer["lag_records"] == 0
    assert predictions["decisions"] == pytest.approx(NUMBER, rel=0.15)
    assert predictions["alerts"] == pytest.approx(run.worker.metric("fraud_stream_alerts_total"), rel=0.15)
    assert data["labels"] == pytest.approx(NUMBER, rel=0.15)
    assert figures(result, "model")["labels_learnt"] == NUMBER
    assert figures(result, "model")["labelled_ratio"] == 1.0


def test_latencies_are_prometheus_own_quantiles_of_that_moment(run: Run) -> None:
    result = run.monitor("--component", "consumer", "--json")
    found, at = figures(result, "consumer")["latency_seconds"], document(result)["at_seconds"]
    buckets = "sum by (le) (increase(fraud_stream_broker_to_decision_seconds_bucket[180s]))"
    for name, share in {"p50": 0.5, "p95": 0.95, "p99": 0.99}.items():
        query = f"histogram_quantile({share}, {buckets})"
        (expected,) = run.prometheus.ask("query", query=query, time=str(at))["result"]
        assert found[name] == pytest.approx(float(expected["value"][1]), rel=1e-6)


def test_a_rate_is_of_the_time_that_prometheus_knows(run: Run) -> None:
    result = run.monitor("--hours", "24", "--json")
    span = document(result)["span_seconds"]
    oldest = float(run.prometheus.samples("time() - min(min_over_time(timestamp(up)[1h:1s]))")[0]["value"][1])
    assert span == pytest.approx(oldest, abs=3.0)
    found = figures(result, "consumer")
    assert found["messages_per_second"] == pytest.approx(found["messages"] / span, rel=0.01)
    assert "the last 24 h, of which it knows" in run.monitor("--hours", "24").stdout


def test_its_workers_are_told_by_name(run: Run) -> None:
    (found,) = document(run.monitor("--json"))["workers"]
    assert (found["name"], found["answers"], found["phase"]) == (f"127.0.0.1:{run.worker.port}", True, "running")
    assert 0 < found["up_seconds"] < 600
    assert document(run.monitor("--json"))["source"] == {
        "kind": "prometheus",
        "addresses": [run.prometheus.url],
        "job": "fraud_stream",
    }


def test_what_was_not_seen_in_the_time_before_is_not_compared(run: Run) -> None:
    found = check(run.monitor("--json"), "predictions", "alert_spike")
    assert (found["status"], found["reason"]) == ("unknown", "nothing was decided in the time before")


def test_a_job_that_it_does_not_have_is_told_with_those_it_has(run: Run) -> None:
    result = run.monitor("--job", "other")
    assert result.exit_code == 3
    assert "has no job 'other': its jobs are fraud_stream; choose with --job" in result.stderr


def test_a_worker_that_is_gone_is_critical(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_DOWN_AFTER", 3)
    assert check(run.monitor("--json"), "consumer", "workers")["status"] == "ok"
    run.worker.kill()
    wait_until(lambda: check(run.monitor("--json"), "consumer", "workers")["status"] == "critical")
    result = run.monitor("--json")
    assert result.exit_code == 2
    assert "does not answer Prometheus" in check(result, "consumer", "workers")["reason"]
