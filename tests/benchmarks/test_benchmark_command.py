"""``python -m benchmarks``, against real brokers and workers; how fast they are is not asserted."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ON_KAFKA, ROOT

EMBEDDED = ("--broker", "embedded")
needs_kafka = pytest.mark.skipif(not ON_KAFKA, reason="needs Java and Maven: make test-kafka runs it")


def measured(tmp_path: Path, *arguments: str) -> tuple[str, dict[str, Any]]:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", *arguments, "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout, json.loads(file.read_text())


@pytest.mark.broker
@pytest.mark.embedded
def test_throughput_is_measured_of_both_contestants(tmp_path: Path) -> None:
    printed, found = measured(
        tmp_path, "throughput", *EMBEDDED, "--transactions", "600", "--naive-transactions", "1000"
    )
    assert "CPU us/transaction" in printed
    assert "times the naive one" in printed
    contest = found["throughput"]["found"]
    for name, count in (("naive", 1_000), ("ours", 600)):
        assert contest[name]["transactions"] == count
        assert contest[name]["transactions_per_second"] > 0
        assert contest[name]["cpu_us_per_transaction"] > 0
    assert contest["naive_learnt"] > 500
    assert contest["learnt"] > 500
    assert contest["by_model"] > 0  # the model learnt before is asked in the measured run
    assert min(contest["alerts"], contest["naive_alerts"]) > 0
    assert found["throughput"]["machine"]["packages"]["faust-streaming"] == "0.15.3"
    assert "latency" not in found


def test_what_the_model_costs_is_measured_without_a_broker(tmp_path: Path) -> None:
    printed, found = measured(tmp_path, "model", "--transactions", "3000")
    cost = found["model"]["found"]
    assert cost["transactions"] > 2_500
    assert 0 < cost["score"] < cost["learn"] < 1_000
    assert 0 < cost["evaluate"] < cost["learn"]
    assert cost["state"] > 10_000
    assert "asked: at most 20" in printed


def test_what_drift_costs_and_how_soon_it_is_found(tmp_path: Path) -> None:
    printed, found = measured(tmp_path, "drift", "--transactions", "20000")
    watching = found["drift"]["found"]
    assert 0 < watching["cpu"] < 5
    assert watching["false_alarms"].keys() == {"alert_rate", "log_amount", "fraud_label_rate", "missed_fraud_rate"}
    assert sum(watching["false_alarms"].values()) == 0
    assert all(one["median"] <= one["longest"] for one in watching["delays"])
    assert {one["missed"] for one in watching["delays"]} == {0}
    assert "false alarms in 400,000 numbers" in printed


@pytest.mark.broker
@pytest.mark.embedded
def test_how_fast_a_rule_is_judged_on_history(tmp_path: Path) -> None:
    printed, found = measured(tmp_path, "backtest", *EMBEDDED, "--transactions", "5000")
    speed = found["backtest"]["found"]
    assert speed["scored"]["transactions"] == speed["labelled"]["transactions"] > 4_800
    assert speed["columns"]["transactions"] == 10 * speed["scored"]["transactions"]
    cost = [speed[name]["cpu_us_per_transaction"] for name in ("columns", "labelled", "scored")]
    assert 0 < cost[0] < min(cost[1:])
    assert (speed["rules"], speed["features"]) == (12, 11)
    assert 1_000 < speed["record_bytes"] < 4_000
    assert "columns in memory" in printed


@pytest.mark.broker
@pytest.mark.embedded
def test_latency_is_measured_of_every_alert(tmp_path: Path) -> None:
    printed, found = measured(tmp_path, "latency", *EMBEDDED, "--rate", "200", "--seconds", "2", "--warm-up", "1")
    assert "p99.9" in printed
    assert "send to alert" in printed
    (latency,) = found["latency"]["found"]
    assert latency["missing"] == 0
    assert latency["to_alert"]["size"] >= 50
    assert 0 < latency["to_decision"]["p50"] <= latency["to_alert"]["p99"] <= latency["to_alert"]["longest"]
    assert latency["worker"]["transactions"] == 400


@pytest.mark.broker
@pytest.mark.embedded
def test_predictions_are_measured_while_the_stream_runs(tmp_path: Path) -> None:
    amounts = ("--stream", "200", "--asked", "50", "--seconds", "2", "--warm-up", "1")
    printed, found = measured(tmp_path, "predict", *EMBEDDED, *amounts)
    asked = found["predict"]["found"]
    assert (asked["answers"]["size"], asked["refused"]) == (100, 0)
    assert 0 < asked["answers"]["p50"] <= asked["answers"]["p99"] <= asked["answers"]["longest"]
    assert 0 < asked["worker"]["transactions"] <= 600
    assert "not answered" in printed
    assert "transactions a second meanwhile" in printed


def test_a_measurement_that_does_not_exist_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "latency" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("peers", *EMBEDDED), ("latency", "--rate", "0"), ("recovery", "--records", "0")]
)
def test_what_cannot_be_measured_is_refused(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.broker
@needs_kafka
def test_the_peers_do_the_same_work(tmp_path: Path) -> None:
    printed, found = measured(tmp_path, "peers", "--transactions", "120000")
    programs = {one["name"]: one for one in found["peers"]["found"]}
    peers = {name: one["alerts"] for name, one in programs.items() if name.startswith(("Quix", "Kafka Streams"))}
    assert len(peers) == 3
    assert max(peers.values()) - min(peers.values()) <= 5, peers  # windows of Quix leave out what comes too late
    alerts = max(peers.values())
    assert alerts > 1_000
    # Those take a payment that is sent twice for two.
    assert 0.95 < programs["fraud_stream without its model"]["alerts"] / alerts <= 1.0
    assert all(one["run"]["cpu_us_per_transaction"] > 0 for one in programs.values())
    assert "as a multiple of fraud_stream's" in printed


@pytest.mark.broker
@needs_kafka
def test_growth_workers_take_over_and_recovery_are_measured_and_written_down(tmp_path: Path) -> None:
    kinds = ("customers", "workers", "takeover", "recovery")
    amounts = ("--customers", "500", "--workers", "2", "--runs", "1", "--records", "30000", "--transactions", "80000")
    _, found = measured(tmp_path, *kinds, *amounts, "--write", str(tmp_path / "docs"))
    (size,) = found["customers"]["found"]
    assert 400 < size["seen"] <= 500
    assert size["changelog"] > 100 * size["transactions"] > 0
    assert size["memory"] > 0
    (crowd,) = found["workers"]["found"]
    assert crowd["run"]["transactions"] > 20_000
    (taken,) = found["takeover"]["found"]
    assert taken["usual"] < taken["seconds"] < 30
    assert found["recovery"]["found"]["records"] >= 30_000
    text = (tmp_path / "docs" / "performance.md").read_text()
    assert all(f"`.venv/bin/python -m benchmarks {kind}`" in text for kind in kinds)
    assert (tmp_path / "docs" / "plots" / "customers.png").stat().st_size > 5_000
