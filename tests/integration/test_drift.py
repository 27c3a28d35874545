"""A worker on a stream that changes: what it tells of it, to programs and to people."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner

from fraud_stream.cli import main
from fraud_stream.settings import Settings
from tests.harness import Worker, a_broker, count, produce, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker
START = 1_700_000_000.0
CUSTOMERS = 60
#: A payment of each customer an hour, at most.
EVERY = 3_600.0 / CUSTOMERS
PART = 5_000


class Run(NamedTuple):
    settings: Settings
    environ: dict[str, str]
    worker: Worker


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("drift")
    with a_broker(folder) as port:
        settings, environ = settings_for(
            port, folder, FRAUD_STREAM_TOPICS_PARTITIONS="2", FRAUD_STREAM_ANOMALY_ENABLED="false"
        )
        with worker(environ, folder) as running:
            running.wait_until_ready()
            yield Run(settings, environ, running)


def send(run: Run, part: int, times: float = 1.0, share: float = 0.02) -> None:
    """The next payments, amounts `times` what they were at first, and labels, of which `share` are frauds."""
    rng = np.random.default_rng(part)
    numbers = range(part * PART, (part + 1) * PART)
    amounts, frauds = (times * rng.lognormal(2.5, 0.5, PART)).tolist(), (rng.random(PART) < share).tolist()
    paid = [payment(n, {"timestamp": START + n * EVERY, "amount": a}) for n, a in zip(numbers, amounts, strict=True)]
    known = {"labelled_at": START + (part + 1) * PART * EVERY, "source": "test"}
    labels = [payment(n, {"is_fraud": is_fraud, **known}) for n, is_fraud in zip(numbers, frauds, strict=True)]
    produce(run.settings, "transactions", paid)
    wait_until(lambda: count(run.settings, "scored") == (part + 1) * PART)
    produce(run.settings, "labels", labels)
    wait_until(lambda: count(run.settings, "labelled") == (part + 1) * PART)


def payment(number: int, body: dict[str, Any]) -> tuple[str, bytes]:
    names = {"transaction_id": f"T{number}", "customer_id": f"C{number % CUSTOMERS}"}
    return names["customer_id"], json.dumps({**names, **body}).encode()


def watched(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = run.worker.get("/drift/")["streams"]
    return found


def drifts(run: Run) -> list[Any]:
    return [one for one in values(run.settings, "alerts") if one["type"] == "DRIFT"]


def labels_watched(run: Run) -> int:
    return int(watched(run)["fraud_label_rate"]["count"])


def test_a_stream_without_change_gives_no_drift(run: Run) -> None:
    send(run, 0)
    send(run, 1)
    wait_until(lambda: labels_watched(run) == 2 * PART)
    assert drifts(run) == []
    found = watched(run)
    assert (found["log_amount"]["count"], found["alert_rate"]["mean"]) == (2 * PART, 0.0)
    assert found["log_amount"]["mean"] == pytest.approx(2.6, abs=0.05)
    assert found["fraud_label_rate"]["mean"] == pytest.approx(0.02, abs=0.005)


def test_amounts_and_frauds_that_change_give_one_drift_each(run: Run) -> None:
    send(run, 2, times=2.0, share=0.1)
    send(run, 3, times=2.0, share=0.1)
    found = wait_until(lambda: len(them := drifts(run)) >= 2 and them)
    assert sorted(one["stream"] for one in found) == ["fraud_label_rate", "log_amount"]
    (amounts,) = [one for one in found if one["stream"] == "log_amount"]
    assert amounts["after"] - amounts["before"] == pytest.approx(0.64, abs=0.06)
    assert amounts["transactions"] < 1_500


def test_people_see_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in run.environ.items():
        monkeypatch.setenv(name, value)
    shown = CliRunner().invoke(main, ["alerts", "--no-follow", "--type", "drift"]).stdout.splitlines()
    assert len(shown) == 2
    assert any("MEDIUM    DRIFT  log_amount  the typical amount rose from 12." in line for line in shown)
    assert any("HIGH      DRIFT  fraud_label_rate  the share of frauds rose from " in line for line in shown)
    assert "DRIFT MEDIUM log_amount: the typical amount rose from 12." in run.worker.text()


def test_the_pages_count_it(run: Run) -> None:
    expected = {"alert_rate": 0, "log_amount": 1, "fraud_label_rate": 1, "missed_fraud_rate": 0}
    assert {name: run.worker.metric("fraud_stream_drifts_total", stream=name) for name in expected} == expected
    assert run.worker.metric("fraud_stream_drift_mean", stream="missed_fraud_rate") == 1.0
    found = watched(run)
    assert {name: one["drifts"] for name, one in found.items()} == expected
    (told,) = [one for one in drifts(run) if one["stream"] == "log_amount"]
    assert found["log_amount"]["newest"] == told
    assert found["missed_fraud_rate"]["mean"] == 1.0
    assert found["missed_fraud_rate"]["newest"] is None
