"""A worker that lives and does nothing: `/health` says so, it ends itself, and another does its work."""

import json
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from fraud_stream.engine.watchdog import EXIT_STUCK
from tests.exact import Truth, payments
from tests.harness import Worker, count, produce, settings_for, wait_until, worker

pytestmark = [pytest.mark.broker, pytest.mark.embedded]  # which allows a session as short as this
TRANSACTIONS = 2_000
SHORT = {
    "FRAUD_STREAM_BROKER_SESSION_TIMEOUT": "4s",
    "FRAUD_STREAM_BROKER_REBALANCE_TIMEOUT": "4s",
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


@pytest.mark.parametrize("what", ["dead agent", "stuck recovery", "blocked event loop"])
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
        produce(settings, "transactions", payments(TRANSACTIONS))
        if what != "blocked event loop":
            found = wait_until(lambda: (said := health(stuck)) and said["status"] == "stalled" and said)
            assert not found["ready"]
        assert stuck.process.wait(40) == EXIT_STUCK
        assert "this worker is stuck" in stuck.text()
    with worker(environ, tmp_path) as sound:
        Truth(settings).check()
        assert sound.stop() == 0
