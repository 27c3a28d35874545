"""``python -m benchmarks``, against real brokers and workers; how fast they are is not asserted."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ROOT


def measured(tmp_path: Path, *arguments: str) -> tuple[str, dict[str, Any]]:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", *arguments, "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout, json.loads(file.read_text())


@pytest.mark.broker
@pytest.mark.embedded
def test_throughput_is_measured_of_both_contestants(tmp_path: Path) -> None:
    printed, found = measured(tmp_path, "throughput", "--transactions", "600", "--naive-transactions", "1000")
    assert "CPU us/transaction" in printed
    assert "times the naive one" in printed
    contest = found["throughput"]
    for name, count in (("naive", 1_000), ("fraud_stream", 600)):
        assert contest[name]["transactions"] == count
        assert contest[name]["transactions_per_second"] > 0
        assert contest[name]["cpu_us_per_transaction"] > 0
    assert contest["naive_learnt"] > 500
    assert contest["learnt"] > 500
    assert contest["by_model"] > 0  # the model learnt before is asked in the measured run
    assert min(contest["alerts"], contest["naive_alerts"]) > 0
    assert found["machine"]["packages"]["faust-streaming"] == "0.15.3"
    assert "latency" not in found


@pytest.mark.broker
@pytest.mark.embedded
def test_latency_is_measured_of_every_alert(tmp_path: Path) -> None:
    printed, found = measured(tmp_path, "latency", "--rate", "200", "--seconds", "2", "--warm-up", "1")
    assert "p99.9" in printed
    assert "send to alert" in printed
    latency = found["latency"]
    assert latency["missing"] == 0
    assert latency["to_alert"]["size"] >= 50
    assert 0 < latency["to_decision"]["p50"] <= latency["to_alert"]["p99"] <= latency["to_alert"]["longest"]
    assert latency["worker"]["transactions"] == 400


def test_a_measurement_that_does_not_exist_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "latency" in done.stderr
