"""A worker that lives and does nothing: `/health` says so, it ends itself, and another does its work."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from fraud_stream.engine.watchdog import EXIT_STUCK
from tests.exact import Truth, fed, payments
from tests.harness import Worker, count, produce, settings_for, wait_until, worker

pytestmark = [pytest.mark.broker, pytest.mark.embedded]  # which allows a session as short as this
TRANSACTIONS = 2_000
SHORT = {
    "FRAUD_STREAM_BROKER_SESSION_TIMEOUT": "4s",
    "FRAUD_STREAM_BROKER_REBALANCE_TIMEOUT": "4s",
    "FRAUD_STREAM_EVALUATION_PUBLISH_INTERVAL": "4s",
    "FRAUD_STREAM_ENGINE_STUCK_AFTER": "9s",
    "FRAUD_STREAM_MODEL_ENABLED": "false",
}


def health(running: Worker) -> Any:
    try:
        return running.get("/health")
    except HTTPError as error:
        return json.load(error) if error.code == 503 else None
    except OSError:
        return None


PHASE = {"dead agent": "running", "stuck recovery": "recovering", "blocked event loop": "running"}


@pytest.mark.parametrize("what", list(PHASE))
def test_it_ends_itself_and_another_goes_on(
    what: str, broker_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, environ = settings_for(broker_port, tmp_path, **SHORT)
    produce(settings, "transactions", payments(TRANSACTIONS // 2))
    with worker(environ, tmp_path) as sound:
        wait_until(lambda: count(settings, "scored") > 0)
        wait_until(lambda: sound.get("/health/")["ready"], patience=20)
        assert sound.stop() == 0
    monkeypatch.setenv("SABOTAGE", what)
    with worker(environ, tmp_path, "stuck", app="tests.integration.sabotage") as stuck:
        if what != "stuck recovery":
            wait_until(lambda: "SABOTAGED" in stuck.text())
        produce(settings, "labels", [("C", b"{}")])  # what the dead agent should take
        with fed(settings, TRANSACTIONS * 2, 200):  # which others do, all the time
            if what != "blocked event loop":
                found = wait_until(lambda: (said := health(stuck)) and said["status"] == "stalled" and said)
                assert not found["ready"]
            assert stuck.process.wait(40) == EXIT_STUCK
        text = stuck.text()
        assert f"this worker is stuck ({PHASE[what]})" in text
        assert "most recent call first" in text  # where each thread is
        assert "Stack for <Task" in text
        assert ("labels" in text.partition("is stuck")[2].partition("it ends")[0]) == (what == "dead agent")
    with worker(environ, tmp_path) as sound:
        Truth(settings).check()
        assert sound.stop() == 0


def test_a_long_recovery_that_gets_on_is_left_alone(
    broker_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, environ = settings_for(broker_port, tmp_path, **SHORT)
    produce(settings, "transactions", payments(TRANSACTIONS * 2))
    with worker(environ, tmp_path) as first:
        wait_until(lambda: count(settings, "scored") >= TRANSACTIONS * 1.9)
        assert first.stop() == 0
    monkeypatch.setenv("SABOTAGE", "slow recovery")
    began = time.monotonic()
    with worker(environ, tmp_path, "slow", app="tests.integration.sabotage") as slow:
        wait_until(lambda: (health(slow) or {}).get("phase") == "recovering")
        wait_until(lambda: (health(slow) or {}).get("ready"))
        assert time.monotonic() - began > 12, "it was no long recovery"
        assert slow.stop() == 0
