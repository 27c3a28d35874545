"""What is promised of the models, on the Handbook's own data and by its protocol."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness import ROOT

RUNS = {"since April": ("--no-challenger",), "since 25 July": ("--learn-from", "2018-07-25")}
WEEK = ("--mapping", "handbook", "--from", "2018-08-08", "--to", "2018-08-15", "--without-known-cards", "--json")

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def found(shared_data: Path) -> Found:
    """What both runs say, one after the other: the machine has other tests to run beside."""
    file = shared_data / "handbook" / "transactions.parquet"
    command = [sys.executable, "-m", "fraud_stream", "evaluate", str(file), *WEEK]
    runs = {
        name: subprocess.run([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=900)
        for name, options in RUNS.items()
    }
    return {name: json.loads(run.stdout) for name, run in runs.items()}


def test_the_test_week_is_the_published_one(found: Found) -> None:
    assert {(one["test"]["transactions"], one["test"]["frauds"]) for one in found.values()} == {(58_264, 385)}


def test_learning_since_april_the_online_model_keeps_what_is_promised(found: Found) -> None:
    online = found["since April"]["contestants"]["online"]
    assert online["average_precision"] >= 0.73
    assert online["roc_auc"] >= 0.885
    assert online["card_precision"] >= 0.30


def test_learning_since_25_july_it_is_better_than_the_published_forest(found: Found) -> None:
    contestants = found["since 25 July"]["contestants"]
    forest = contestants["published: random forest"]["average_precision"]
    assert forest == 0.658
    assert contestants["online"]["average_precision"] > forest + 0.03


def test_the_blend_is_as_good_as_the_better_of_both(found: Found) -> None:
    contestants = found["since 25 July"]["contestants"]
    better = max(contestants[name]["average_precision"] for name in ("online", "challenger"))
    assert contestants["blend"]["average_precision"] >= better
