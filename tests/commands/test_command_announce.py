"""`announce`: what was trained and judged is what workers are told of."""

import json
from pathlib import Path

import pytest

from fraud_stream.announced import read_announced
from fraud_stream.models.card import beside
from fraud_stream.settings import Settings
from tests.commands.test_command_train import file, train

__all__ = ["file"]  # a fixture


@pytest.fixture
def saved(run, file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model.skops"
    assert train(run, file, "--no-announce", "--output", str(path)).exit_code == 0
    return path


@pytest.mark.broker
def test_a_saved_model_is_announced_as_it_is_under_the_next_version(run, served: Settings, saved: Path) -> None:
    for version in (1, 2):
        told = json.loads(run("announce", str(saved), "--json").stdout)
        assert (told["id"], told["version"]) == (f"challenger-{version}", version)
    there = read_announced(served).challenger
    assert there is not None
    assert (there.version, there.data) == (2, saved.read_bytes())
    card = json.loads(beside(saved).read_text())
    assert (there.sha256, there.learnt, there.created_at) == (
        card["sha256"],
        card["data"]["learnt"],
        card["created_at"],
    )
    assert run("promote", "challenger").exit_code == 0
    assert "challenger-2" in run("audit").output


@pytest.mark.broker
def test_what_is_not_whole_is_refused(run, served: Settings, saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"x")
    found = run("announce", str(saved))
    assert (found.exit_code, "its SHA-256 is another" in found.output) == (1, True)
    beside(saved).unlink()
    found = run("announce", str(saved))
    assert (found.exit_code, "which `fraud-stream train` writes, is not there" in found.output) == (1, True)
    assert read_announced(served).challenger is None


def test_without_a_broker_nothing_is_announced(run, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("fraud_stream.kafka.PATIENCE", 1.0)
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", "kafka://127.0.0.1:1")
    assert run("announce", str(tmp_path / "none.skops")).exit_code == 2
    (tmp_path / "one.skops").write_bytes(b"")
    assert "no broker answers" in run("announce", str(tmp_path / "one.skops")).output
