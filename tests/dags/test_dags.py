"""The DAGs, in Airflow itself: it parses them, and runs them to success on a day of data."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from fraud_stream.models.batch import NAME
from fraud_stream.settings import Settings
from tests.batch.days import filed, payment
from tests.harness import ROOT, a_broker, count, settings_for, values, wait_until, worker

AIRFLOW = ROOT / ".airflow-venv" / "bin" / "airflow"
STEPS = [
    "ingest",
    "validate-raw",
    "clean",
    "validate-cleaned",
    "aggregate",
    "engineer-features",
    "export",
]
pytestmark = pytest.mark.skipif(
    not AIRFLOW.exists(), reason="Airflow has no environment here: make test-airflow makes it"
)
SENT = 3_000
GENERATE = ["generate", "--count", str(SENT), "--rate", "1000/h", "--speed", "max", "--start", "2024-01-31 00:00:00"]


#: The model in the stream is never asked: any challenger is better than that champion.
NO_CHAMPION = {"FRAUD_STREAM_MODEL_MIN_FRAUDS": "1000000"}


class Airflow:
    """Airflow with a home of its own, that runs the application of this checkout."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        command = folder / "fraud-stream"
        command.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m fraud_stream "$@"\n')
        command.chmod(0o755)
        self._folder = folder
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "DAGS_FRAUD_STREAM_BIN": str(command),
            "DAGS_FIRST_DAY": "2024-01-01",
            **environ,
        }
        self.run("db", "migrate")

    def run(self, *arguments: str) -> str:
        done = self.tried(*arguments)
        assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
        return done.stdout

    def tried(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(AIRFLOW), *arguments]
        return subprocess.run(
            command, env=self._environ, cwd=self._folder, capture_output=True, text=True, timeout=600, check=False
        )


class Stage(NamedTuple):
    """Airflow, a day that a worker has decided, and where it goes."""

    airflow: Airflow
    settings: Settings
    folder: Path

    def told(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.folder / "w.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("dags")
    with a_broker(folder) as port:
        url = f"duckdb:///{folder}/w.duckdb"
        settings, environ = settings_for(port, folder, FRAUD_STREAM_WAREHOUSE_URL=url, **NO_CHAMPION)
        generate = [sys.executable, "-m", "fraud_stream", *GENERATE, "--label-delay", "1m", "--flush-labels", "--quiet"]
        subprocess.run(generate, env=environ, cwd=ROOT, check=True, timeout=120)
        with worker(environ, folder):
            wait_until(lambda: count(settings, "labelled") == count(settings, "labels"), 120, every=1)
        yield Stage(Airflow(folder, environ), settings, folder)


def test_airflow_parses_both_dags(stage: Stage) -> None:
    *_, told = stage.airflow.run("dags", "list", "--local", "--output", "json").splitlines()  # logs come before it
    assert {one["dag_id"] for one in json.loads(told)} == {"ecommerce_batch_pipeline", "nightly_retrain"}
    assert "No data found" in stage.airflow.run("dags", "list-import-errors", "--local")


def test_a_day_goes_through_the_seven_tasks(stage: Stage) -> None:
    stage.airflow.run("dags", "test", "ecommerce_batch_pipeline", "2024-01-31")
    ((raw, cleaned, scored, agree),) = stage.told("SELECT raw, cleaned, scored, agree FROM ANALYTICS.DAILY_COUNTS")
    assert raw == SENT
    assert cleaned == scored == count(stage.settings, "scored")
    assert agree
    steps = [step for (step,) in stage.told("SELECT step FROM PIPELINE.RUNS ORDER BY started_at")]
    assert steps == STEPS


def test_a_file_goes_through_by_its_params(stage: Stage) -> None:
    file = filed(stage.folder, [payment(n, timestamp=f"2023-05-0{1 + n % 2} 10:00:00") for n in range(10)])
    conf = json.dumps({"date": "2023-05-02", "input": str(file.path), "mapping": "identity"})
    stage.airflow.run("dags", "test", "ecommerce_batch_pipeline", "2024-01-31", "--conf", conf)
    counts = stage.told("SELECT raw, agree FROM ANALYTICS.DAILY_COUNTS WHERE event_day = '2023-05-02'")
    assert counts == [(5, True)]


def test_a_step_that_fails_fails_the_run_and_what_comes_after_it(stage: Stage) -> None:
    conf = json.dumps({"date": "2023-05-03", "input": str(stage.folder / "nowhere.jsonl")})
    done = stage.airflow.tried("dags", "test", "ecommerce_batch_pipeline", "2024-01-31", "--conf", conf)
    assert "does not exist" in done.stdout + done.stderr
    assert "DagRun failed" in done.stderr
    assert "'ingest'" in done.stdout
    assert "'validate-raw'" not in done.stdout


@pytest.mark.parametrize(("margin", "announced"), [(1.0, 0), (0.0, 1)])
def test_a_challenger_is_trained_evaluated_and_announced_where_it_is_better(
    stage: Stage, margin: float, announced: int
) -> None:
    conf = json.dumps({"archive": str(stage.folder / "archive"), "margin": margin})
    stage.airflow.run("dags", "test", "nightly_retrain", "2024-01-31", "--conf", conf)
    found = [one for one in values(stage.settings, "models") if one["name"] == NAME]
    assert len(found) == announced
    assert all(one["learnt"] > 0.9 * SENT for one in found)
