"""`fraud-stream monitor` on a worker that runs: its figures are what was sent."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families

from fraud_stream.cli import main
from fraud_stream.monitor.names import COUNTERS, GAUGES, HISTOGRAMS, PREFIX, STARTED
from tests.harness import transaction_alerts, values, wait_until, worker
from tests.integration.test_metrics import BARE, BROKEN, NUMBER, TWICE, Run, a_run

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with a_run(tmp_path_factory.mktemp("monitor")) as run:
        yield run


def monitor(run: Run, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["monitor", *arguments], env=run.environ)


def address(run: Run) -> str:
    return f"http://127.0.0.1:{run.worker.port}"


def components(result: Result) -> Any:
    found = json.loads(result.stdout)["components"]
    return {name: component["figures"] for name, component in found.items()}


def test_every_number_that_is_asked_for_is_told_by_a_worker(run: Run) -> None:
    with urlopen(f"{address(run)}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    told = {one.name for family in families for one in family.samples}
    asked = {STARTED, *(f"{PREFIX}{name}" for name in GAUGES), *(f"{PREFIX}{name}_total" for name in COUNTERS)}
    asked |= {f"{PREFIX}{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "sum", "count")}
    assert asked - told == set()


def test_the_figures_are_what_was_sent(run: Run) -> None:
    found = components(monitor(run, "--worker", address(run), "--json"))
    consumer, predictions, data = found["consumer"], found["predictions"], found["data"]
    assert (consumer["workers"], consumer["workers_running"]) == (1, 1)
    assert consumer["messages"] == NUMBER + TWICE + BROKEN
    assert 0 < consumer["messages_per_second"] < NUMBER
    assert consumer["lag_records_by_topic"] == {"labelled": 0, "labels": 0, "transactions": 0}
    assert (consumer["errors"], consumer["error_ratio"]) == (BROKEN, BROKEN / (NUMBER + TWICE + BROKEN))
    assert predictions["decisions"] == NUMBER
    assert data["missing_ratio"]["device_id"] == (BARE + TWICE) / NUMBER
    assert data["special_transactions"]["duplicate"] == TWICE
    assert data["labels"] == NUMBER
    assert found["model"]["labels_learnt"] == NUMBER
    assert found["model"]["decides"] == "online"


def test_alerts_latency_and_confidence_are_those_of_the_topics(run: Run) -> None:
    scored, alerts = values(run.settings, "scored"), transaction_alerts(run.settings)
    found = components(monitor(run, "--worker", address(run), "--json"))
    predictions, latency = found["predictions"], found["consumer"]["latency_seconds"]
    assert predictions["alerts"] == len(alerts)
    assert predictions["high_risk"] == sum(one["severity"] in {"HIGH", "CRITICAL"} for one in alerts)
    assert latency["mean"] == pytest.approx(sum(one["latency"] for one in scored) / NUMBER, rel=1e-6)
    ordered = sorted(one["latency"] for one in scored)
    assert latency["p50"] == pytest.approx(ordered[NUMBER // 2], rel=1.5)  # within its bucket
    said = [one["score"] for one in scored if one["score"] is not None]
    assert 0 < len(said) < NUMBER
    assert predictions["model_asked_ratio"] == len(said) / NUMBER
    assert predictions["confidence_ratio"] == pytest.approx(sum(max(p, 1 - p) for p in said) / len(said))


def test_the_same_worker_under_two_names_is_summed_but_for_what_workers_share(run: Run) -> None:
    other = address(run).replace("127.0.0.1", "localhost")
    found = components(monitor(run, "--worker", address(run), "--worker", other, "--json"))
    assert found["consumer"]["messages"] == 2 * (NUMBER + TWICE + BROKEN)
    assert found["model"]["labels_learnt"] == NUMBER
    assert found["model"]["labelled_ratio"] == 1.0


def test_it_is_told_for_people_too(run: Run) -> None:
    result = monitor(run, "--worker", address(run))
    assert f"\n{address(run)}  running" in result.stdout
    assert re.search(r"^decisions +2,000$", result.stdout, re.MULTILINE)


def workers_check(result: Result) -> Any:
    checks = json.loads(result.stdout)["components"]["consumer"]["checks"]
    return next(one for one in checks if one["name"] == "workers")


def test_a_worker_that_is_gone_is_critical_beside_another_and_alone_cannot_be_told(run: Run, tmp_path: Path) -> None:
    alone = {**run.environ, "FRAUD_STREAM_APP_ID": "another"}
    with worker(alone, tmp_path, "gone") as gone:
        url = f"http://127.0.0.1:{gone.port}"
        wait_until(lambda: monitor(run, "--worker", url).exit_code != 3)
        assert workers_check(monitor(run, "--worker", address(run), "--worker", url, "--json"))["status"] == "ok"
        gone.kill()
    result = monitor(run, "--worker", address(run), "--worker", url, "--json")
    assert result.exit_code == 2
    assert workers_check(result)["status"] == "critical"
    assert workers_check(result)["reason"] == f"{url} cannot be reached: connection refused"
    assert monitor(run, "--worker", url).exit_code == 3
