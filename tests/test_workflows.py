"""The workflows of GitHub Actions: valid, of commands that exist; what decides whether a model is announced."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from fraud_stream.cli import COMMANDS
from fraud_stream.models.batch import BatchModel, HeldOut
from fraud_stream.settings import load
from tests.harness import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
RETRAIN = YAML(typ="safe").load((FOLDER / "retrain.yml").read_text())
STEPS = {step.get("name", step.get("uses")): step for step in RETRAIN["jobs"]["retrain"]["steps"]}


def runs(path: Path) -> list[str]:
    """Every script of a workflow."""
    jobs = YAML(typ="safe").load(path.read_text())["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_meets_the_schema_of_github(path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_it_calls_is_there(path: Path) -> None:
    scripts = "\n".join(runs(path))
    makefile = (ROOT / "Makefile").read_text()
    assert all(f"\n{target}:" in makefile for target in re.findall(r"\bmake (\S+)", scripts))
    assert set(re.findall(r"\bfraud-stream (\S+)", scripts)) <= set(COMMANDS)


def test_the_suite_lint_and_kafka_are_run() -> None:
    assert {"make lint", "make test", "make test-kafka"} <= set(runs(FOLDER / "tests.yml"))


def test_models_are_retrained_on_a_schedule_and_when_something_drifts() -> None:
    on = RETRAIN[True] if True in RETRAIN else RETRAIN["on"]  # YAML 1.1 takes `on` for yes
    assert on["repository_dispatch"] == {"types": ["drift"]}
    assert len(on["schedule"]) == 1


def test_the_broker_is_told_by_secrets_and_settings_that_exist() -> None:
    environ = RETRAIN["jobs"]["retrain"]["env"]
    secret = {name for name, value in environ.items() if "secrets." in value}
    assert secret == {f"FRAUD_STREAM_BROKER_{name}" for name in ("URL", "SASL_USERNAME", "SASL_PASSWORD")}
    chosen = {name: found[1] for name, value in environ.items() if (found := re.search(r"\|\| '(.+)'", value))}
    told = {**chosen, "FRAUD_STREAM_BROKER_URL": "kafka://k:9092", "FRAUD_STREAM_BROKER_SASL_USERNAME": "u"}
    settings = load({**told, "FRAUD_STREAM_BROKER_SASL_PASSWORD": "p", "FRAUD_STREAM_CONF": str(ROOT / "faust.conf")})
    assert settings.settings.broker.security_protocol == "SASL_SSL"
    assert set(chosen) | secret == set(environ)


def measures(average_precision: float) -> dict[str, float]:
    return {"average_precision": average_precision, "roc_auc": 0.9}


@pytest.mark.parametrize(
    ("held_out", "is_good"),
    [
        ({"challenger": measures(0.7), "online": measures(0.6), "blend": measures(0.8)}, True),
        ({"challenger": measures(0.6), "online": measures(0.6), "blend": None}, True),
        ({"challenger": measures(0.5), "online": measures(0.6), "blend": None}, False),
        ({"challenger": measures(0.5), "online": None, "blend": None}, True),
        (None, False),
    ],
)
def test_a_challenger_is_announced_where_it_is_not_worse(held_out: Any, is_good: bool, tmp_path: Path) -> None:
    (tmp_path / "trained.json").write_text(json.dumps({"held_out": held_out}))
    places = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "-eo", "pipefail", "-c", STEPS["Evaluate"]["run"]]
    environ = {**os.environ, **places, "PATH": path}
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output").read_text() == f"is_good={str(is_good).lower()}\n"
    assert (tmp_path / "summary").read_text() == done.stdout
    assert STEPS["Announce"]["if"] == "steps.evaluate.outputs.is_good == 'true'"


def test_what_is_judged_is_what_training_tells() -> None:
    """The names that the step reads are those of `fraud-stream train --json`."""
    assert "held_out" in BatchModel.__struct_fields__
    assert {"challenger", "online", "blend"} <= set(HeldOut.__struct_fields__)
