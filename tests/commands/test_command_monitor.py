"""`monitor` on `/metrics` as a worker has written it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from fraud_stream.broker import free_port
from fraud_stream.monitor.fetch import Page
from tests.batch.days import filed, payment
from tests.monitor.seeing import health
from tests.monitor.served import Pages, served

#: The newest run of a step fails.
FAIL = """
INSERT INTO PIPELINE.RUNS
SELECT * REPLACE ('failed' AS status, 'why' AS error, started_at + INTERVAL 1 MINUTE AS started_at)
FROM PIPELINE.RUNS WHERE step = 'aggregate'
"""
RECORDED = (Path(__file__).parent / "recorded_metrics.txt").read_bytes()


def pages(metrics: bytes = RECORDED, **state: object) -> Pages:
    return {"/metrics": Page(200, metrics), "/health": health(**state)}


@pytest.fixture
def recorded() -> Iterator[str]:
    with served(pages()) as url:
        yield url


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a warehouse, where none is yet."""
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_URL", f"duckdb:///{tmp_path}/w.duckdb")
    return tmp_path


def figures(result, component: str):
    return json.loads(result.stdout)["components"][component]["figures"]


def changed(old: bytes, new: bytes) -> bytes:
    assert RECORDED.count(old) == 1
    return RECORDED.replace(old, new)


def test_what_a_worker_has_told_is_found_again(run, recorded):
    result = run("monitor", "--worker", recorded, "--json")
    assert result.exit_code == 0, result.output
    consumer, predictions = figures(result, "consumer"), figures(result, "predictions")
    assert (consumer["workers"], consumer["workers_running"]) == (1, 1)
    assert (consumer["messages"], consumer["errors"]) == (2_037, 7)
    assert consumer["error_ratio"] == pytest.approx(7 / 2_037)
    assert consumer["lag_records"] == 0
    assert predictions["decisions"] == 2_000
    assert 0.5 < predictions["confidence_ratio"] < 1
    assert predictions["alerts"] == sum(predictions["alerts_by_type"].values())
    assert predictions["high_risk"] == 240
    assert figures(result, "data")["missing_ratio"]["device_id"] == pytest.approx(130 / 2_000)
    assert figures(result, "model")["labels_learnt"] == 2_000


def test_two_workers_have_counted_twice_as_much_and_share_one_model(run, recorded):
    with served(pages()) as other:
        result = run("monitor", "--worker", recorded, "--worker", other, "--json")
    assert figures(result, "consumer")["messages"] == 2 * 2_037
    assert figures(result, "predictions")["decisions"] == 4_000
    alone = run("monitor", "--worker", recorded, "--json")
    for name in ("p50", "p95", "p99"):
        both, one = (figures(found, "consumer")["latency_seconds"][name] for found in (result, alone))
        assert both == pytest.approx(one)
    assert figures(result, "model")["labels_learnt"] == 2_000
    assert figures(result, "model")["labelled_ratio"] == figures(alone, "model")["labelled_ratio"]
    assert len(json.loads(result.stdout)["workers"]) == 2


def test_for_people_it_begins_with_how_all_is(run, recorded):
    shown = run("monitor", "--worker", recorded).stdout.splitlines()
    assert shown[0] == "Health: ok"
    assert "from the workers themselves: since they were started" in shown[1]
    text = "\n".join(shown)
    assert f"\n{recorded}  running" in text
    assert "\nconsumer     latency         ok" in text
    assert "\nbatch: no batch pipeline is known here" in text
    assert re.search(r"^messages +2,037$", text, re.MULTILINE)
    assert "\nmissing ratio device_id" in text
    assert "\nalerts by type VELOCITY" not in text  # there were none


@pytest.mark.parametrize(
    ("metrics", "state", "code", "status"),
    [
        (RECORDED, {}, 0, "ok"),
        (changed(b'reason="undecodable"} 7.0', b'reason="undecodable"} 70.0'), {}, 1, "warning"),
        (changed(b'reason="undecodable"} 7.0', b'reason="undecodable"} 700.0'), {}, 2, "critical"),
        (RECORDED, {"stalled": True}, 2, "critical"),
    ],
)
def test_the_exit_code_says_how_all_is(run, metrics, state, code, status):
    with served(pages(metrics, **state)) as url:
        result = run("monitor", "--worker", url, "--json")
        quiet = run("monitor", "--worker", url, "--quiet")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["exit_code"], found["status"]) == (code, code, status)
    assert quiet.exit_code == code
    assert bool(quiet.stdout) is (code != 0)


def test_what_is_wrong_is_told_with_what_to_do(run):
    with served(pages(changed(b'reason="undecodable"} 7.0', b'reason="undecodable"} 70.0'))) as url:
        shown = run("monitor", "--worker", url, "--component", "consumer").stdout.splitlines()
    (line,) = [one for one in shown if "errors " in one and "warning" in one]
    assert "3.44 % of the records cannot be read, 1 % may" in line
    assert "`fraud-stream dead-letters list` says why" in line


def test_one_component_alone(run, recorded):
    found = json.loads(run("monitor", "--worker", recorded, "--component", "data", "--json").stdout)
    assert list(found["components"]) == ["data"]


def test_batch_alone_cannot_be_told_where_there_is_no_warehouse_and_none_is_made(run, recorded, place):
    result = run("monitor", "--worker", recorded, "--component", "batch")
    assert result.exit_code == 3
    assert "no batch pipeline is known here" in result.stdout
    assert not list(place.glob("*.duckdb"))


def test_what_the_pipeline_has_run_is_told_by_the_warehouse(run, recorded, place):
    asked = "monitor", "--worker", recorded, "--component", "batch", "--json"
    path = str(filed(place, [payment(n) for n in range(5)]).path)
    assert run("pipeline", "run", "--date", "2024-01-31", "--input", path).exit_code == 0
    result = run(*asked)
    assert result.exit_code == 0, result.output
    found = figures(result, "batch")
    assert (found["steps"], found["failed"], found["days"]) == (7, 0, 1)
    with duckdb.connect(place / "w.duckdb") as opened:
        opened.execute(FAIL)
    result = run(*asked)
    assert result.exit_code == 2
    assert "aggregate of 2024-01-31 has failed: why" in result.stdout
    (place / "w.duckdb").write_bytes(b"no warehouse")
    result = run(*asked)
    assert result.exit_code == 3
    assert "w.duckdb" in result.stdout


def test_the_worker_of_the_settings_is_asked_where_none_is_named(run, recorded, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_WEB_PORT", recorded.rpartition(":")[2])
    monkeypatch.setenv("FRAUD_STREAM_MONITOR_PROMETHEUS", recorded)  # somebody else is there
    result = run("monitor", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["source"]["addresses"] == [recorded]


def test_who_was_asked_in_vain_is_told(run, monkeypatch):
    silent, away = free_port(), f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("FRAUD_STREAM_WEB_PORT", str(silent))
    monkeypatch.setenv("FRAUD_STREAM_MONITOR_PROMETHEUS", away)
    result = run("monitor")
    assert result.exit_code == 3
    assert f"http://127.0.0.1:{silent} cannot be reached" in result.stderr
    assert f"nor is there a Prometheus that knows it: Prometheus at {away} cannot be reached" in result.stderr


def test_one_worker_of_two_that_does_not_answer_is_critical(run, recorded):
    silent = f"http://127.0.0.1:{free_port()}"
    result = run("monitor", "--worker", recorded, "--worker", silent)
    assert result.exit_code == 2
    assert f"{silent} cannot be reached: connection refused" in result.stdout


def test_where_nobody_answers_it_cannot_be_told(run):
    silent = f"http://127.0.0.1:{free_port()}"
    for arguments in (("--worker", silent), ("--prometheus", silent)):
        result = run("monitor", *arguments, "--json")
        assert result.exit_code == 3
        assert f"{silent} cannot be reached: connection refused" in result.stderr
        found = json.loads(result.stdout)
        assert (found["status"], found["exit_code"]) == ("unknown", 3)
        assert silent in found["error"]


def test_a_worker_is_no_prometheus(run, recorded):
    result = run("monitor", "--prometheus", recorded)
    assert result.exit_code == 3
    assert "is it a Prometheus" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--component", "kafka"),
        ("--hours", "0"),
        ("--hours", "nan"),
        ("--worker", "127.0.0.1:6066"),
        ("--worker", "ftp://host"),
        ("--worker", "http://"),
        ("--worker", "http://host:99999"),
        ("--prometheus", "http://host:9090/?query=up"),
        ("--prometheus", "http://host:9090", "--worker", "http://host:6066"),
        ("--worker", "http://host:6066", "--job", "mine"),
        ("--nonsense",),
    ],
)
def test_a_wrong_command_line_is_3_as_1_and_2_tell_of_health(run, arguments):
    result = run("monitor", *arguments)
    assert result.exit_code == 3
    assert result.stderr.startswith("Usage: ")


def test_a_wrong_setting_is_3_too(run, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_WEB_PORT", "soon")
    result = run("monitor")
    assert result.exit_code == 3
    assert "[web] port = 'soon'" in result.stderr


def test_a_worker_without_pages_is_not_asked(run, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_WEB_ENABLED", "no")
    result = run("monitor")
    assert result.exit_code == 3
    assert "[web] enabled = false" in result.stderr


def test_help_says_what_the_exit_codes_are(run):
    shown = run("monitor", "--help").stdout
    for line in ("0  healthy", "1  a warning", "2  critical", "3  it cannot be told"):
        assert f"\n    {line}" in shown
