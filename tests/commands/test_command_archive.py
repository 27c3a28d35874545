"""``fraud-stream archive`` as people use it, and what reads what it wrote."""

import json
from pathlib import Path

import msgspec
import pytest

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.records import Label, ScoredTransaction, Transaction
from fraud_stream.settings import Settings
from tests.commands.conftest import Run
from tests.harness import produce


def scored(settings: Settings, number: int) -> tuple[str, bytes]:
    names = FeatureMaker(settings.feature_settings).names
    payment = Transaction(f"T{number}", "C1", 1_706_659_200.0 + number, 10.0 * number)
    features = dict.fromkeys(names, 0.0) | {"amount": 10.0 * number}
    one = ScoredTransaction(
        payment, features, None, 0.0, "accept", None, [], [], [], "m", "v", False, 0, number, 0.0, 0.0
    )
    return "C1", msgspec.json.encode(one)


@pytest.mark.broker
def test_what_was_scored_is_archived_once_and_a_backtest_reads_it(run: Run, served: Settings, tmp_path: Path) -> None:
    produce(served, "scored", [scored(served, n) for n in range(100)])
    labels = [Label(f"T{n}", "C1", n >= 90, 1_706_659_300.0, "test") for n in range(100)]
    produce(served, "labels", [("C1", msgspec.json.encode(one)) for one in labels])
    folder = str(tmp_path / "a")
    found = run("archive", "--to", folder)
    assert found.exit_code == 0, found.output
    assert "100 scored transactions and 100 labels added" in found.output
    again = json.loads(run("archive", "--to", folder, "--json").stdout)
    assert (again["scored"], again["labels"]) == (0, 0)
    tried = run("backtest", "amount >= 900", "--from", folder, "--json", "-")
    assert tried.exit_code == 0, tried.output
    told = json.loads(tried.stdout)
    assert told["history"] == folder
    assert (told["transactions"], told["labelled"], told["frauds"]) == (100, 100, 10)
    assert run("backtest", "amount > 1", "--from", folder, "--mapping", "identity").exit_code == 2


def test_a_folder_of_other_things_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    found = run("archive", "--to", str(tmp_path))
    assert found.exit_code == 1
    assert "is no archive; choose another --to" in found.output
    assert run("archive", "--to", str(tmp_path / "mine.txt")).exit_code == 2
    trained = run("train", "--input", str(tmp_path), "--no-announce")
    assert trained.exit_code == 2
    assert "fraud-stream archive writes one" in trained.output


def test_an_archive_without_labels_teaches_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "_state.json").write_text("{}")
    found = run("train", "--input", str(tmp_path), "--no-announce")
    assert found.exit_code == 1
    assert "has a label and this application's features" in found.output
    assert run("train", "--input", str(tmp_path), "--no-announce", "--mapping", "identity").exit_code == 2
