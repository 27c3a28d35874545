"""The challenger's way: labelled payments, `fraud-stream train`, scores beside the online model's, a promotion."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.models.artifact import TRUSTED, load
from fraud_stream.models.batch import KIND
from fraud_stream.models.blend import blended
from fraud_stream.settings import Settings
from tests.harness import ROOT, Worker, a_broker, count, produce, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker
START = 1_700_000_000.0
HISTORY = 1_500


def payments(first: int, many: int) -> list[tuple[str, bytes, bool]]:
    """A payment a minute: customer, record, and whether it is fraud, which amounts and merchant M0 mostly tell."""
    rnd = random.Random(first)
    found = []
    for n in range(first, first + many):
        is_fraud = rnd.random() < 0.1
        merchant, amount = ("M0", rnd.uniform(150, 400)) if is_fraud else (f"M{rnd.randrange(9)}", rnd.uniform(5, 200))
        body = {"transaction_id": f"T{n}", "customer_id": f"C{n % 60}", "timestamp": START + 60 * n}
        record = {**body, "merchant_id": merchant, "amount": amount}
        found.append((f"C{n % 60}", json.dumps(record).encode(), is_fraud))
    return found


def label(customer: str, record: bytes, is_fraud: bool) -> tuple[str, bytes]:
    body = json.loads(record)
    told = {"labelled_at": body["timestamp"] + 1, "source": "test", "is_fraud": is_fraud}
    return customer, json.dumps({"transaction_id": body["transaction_id"], "customer_id": customer, **told}).encode()


def send(settings: Settings, found: list[tuple[str, bytes, bool]], *, labels: bool = False) -> None:
    produce(settings, "transactions", [(customer, record) for customer, record, _ in found])
    if labels:
        produce(settings, "labels", [label(*one) for one in found])


class Stage(NamedTuple):
    settings: Settings
    environ: Mapping[str, str]
    folder: Path

    def run(self, *arguments: str) -> str:
        """What a command prints."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("FRAUD_STREAM_")}
        command = [sys.executable, "-m", "fraud_stream", *arguments]
        environ = {**clean, **self.environ}
        done = subprocess.run(command, check=False, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def decided(self, first: int, many: int = 40) -> list[Any]:
        """Send payments, and say what `scored` tells of them."""
        send(self.settings, payments(first, many))
        named = {f"T{n}" for n in range(first, first + many)}

        def found() -> list[Any]:
            return [one for one in values(self.settings, "scored") if one["transaction"]["transaction_id"] in named]

        return wait_until(lambda: len(found()) == many and found())  # type: ignore[no-any-return]

    def worker_until(self, running: Worker, holds: Callable[[Any], Any]) -> Any:
        """What the worker's page says, once something holds of it."""
        running.wait_until_ready()
        return wait_until(lambda: (page := running.get("/models/")) and holds(page) and page, patience=180)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("challenger")
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_TOPICS_PARTITIONS="2")
        send(settings, payments(0, HISTORY), labels=True)
        yield Stage(settings, environ, folder)


def test_a_challenger_is_fitted_scores_beside_the_online_model_and_is_promoted(stage: Stage) -> None:
    settings, file = stage.settings, stage.folder / "challenger.skops"
    with worker(stage.environ, stage.folder, "first") as running:
        wait_until(lambda: count(settings, "labelled") == HISTORY)
        stage.worker_until(running, lambda page: page["champion"] and page["champion"]["learnt"] == HISTORY)
        (before,) = stage.decided(2_000, 1)
        assert (before["challenger_score"], before["challenger_version"]) == (None, None)
        assert before["online_score"] == before["score"] is not None

        told = json.loads(stage.run("train", "--output", str(file), "--json"))
        assert (told["version"], told["learnt"], told["announced"]) == (1, HISTORY, True)
        stage.worker_until(running, lambda page: page["challenger"])
        check_scores(stage.decided(3_000), file)

        assert "challenger decides from now on" in stage.run("promote", "challenger", "--reason", "it is better")
        page = stage.worker_until(running, lambda page: page["decides"]["who"] == "challenger")
        assert (page["decides"]["by"], page["promotions"][0]["reason"]) == ("promotion", "it is better")
        assert page["challenger"]["id"] == "challenger-1"
        for one in stage.decided(4_000):
            assert one["model_version"] == "challenger-1"
            assert one["score"] == one["challenger_score"] != one["online_score"]
        assert running.stop() == 0
    with worker(stage.environ, stage.folder, "second") as running:
        assert all(one["model_version"] == "challenger-1" for one in stage.decided(5_000))
        stage.run("promote", "blend")
        stage.worker_until(running, lambda page: page["decides"]["who"] == "blend")
        for one in stage.decided(6_000):
            assert one["model_version"] == page["champion"]["id"] + "+challenger-1"
            both = blended(np.array([one["online_score"]]), np.array([one["challenger_score"]]))
            assert one["score"] == pytest.approx(float(both[0]))
        stage.run("promote", "setting")
        page = stage.worker_until(running, lambda page: page["decides"]["by"] == "setting")
        assert [one["decides"] for one in page["promotions"]] == [None, "blend", "challenger"]
        assert running.stop() == 0
    listed = json.loads(stage.run("models", "--json"))
    assert {one["name"] for one in listed["models"]} == {"online", "challenger"}
    assert listed["decides"] == "online"


def check_scores(found: list[Any], file: Path) -> None:
    """What the challenger said in the stream is what the model in the file says of the same features."""
    classifier, names = load(file.read_bytes(), TRUSTED[KIND]), FeatureMaker().names
    del classifier.feature_names_in_  # scikit-learn warns of rows without names
    rows = np.array([[one["features"][name] for name in names] for one in found])
    assert [one["challenger_score"] for one in found] == pytest.approx(classifier.predict_proba(rows)[:, 1], abs=1e-12)
    assert {one["challenger_version"] for one in found} == {"challenger-1"}
    assert all(one["model_version"].startswith("online-") for one in found)
    assert all(one["score"] == one["online_score"] for one in found)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux'")
def test_the_worker_that_learns_refits_on_a_schedule_and_leaves_nothing_behind(stage: Stage) -> None:
    """Another application on the same payments and labels."""
    environ = {**stage.environ, "FRAUD_STREAM_CHALLENGER_REFIT_EVERY": "2s", "FRAUD_STREAM_TOPICS_LABELLED": "history"}
    environ |= {"FRAUD_STREAM_APP_ID": "scheduled", "FRAUD_STREAM_TOPICS_MODELS": "scheduled-models"}
    with worker(environ, stage.folder, "scheduled") as running:
        stage.worker_until(running, lambda page: page["challenger"])
        page = stage.worker_until(running, lambda page: page["challenger"]["version"] >= 2)
        assert page["refits"]["done"] >= 1
        pages = [running.get("/models/")["refits"] for _ in range(20)]
        assert all(one["started"] - one["done"] - one["failed"] <= one["is_running"] for one in pages)
        children = wait_until(lambda: children_of(running.process.pid), every=0.05)
        assert running.stop() == 0
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 10)
    assert "refitted the challenger: saved as" in running.text()
    announced = [one for one in values(stage.settings, "scheduled-models") if one["name"] == "challenger"]
    assert [one["version"] for one in announced] == list(range(1, len(announced) + 1))


def children_of(pid: int) -> list[str]:
    """The processes that a process has started."""
    return [pid for task in Path(f"/proc/{pid}/task").iterdir() for pid in (task / "children").read_text().split()]
