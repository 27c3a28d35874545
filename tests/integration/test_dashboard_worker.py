"""The analyst's page of one worker: what it costs, its end, and alerts that it holds no longer."""

import json
import time
from pathlib import Path

import pytest

from tests.dashboard import ask, events, payment, refusal
from tests.harness import produce, settings_for, transaction_alerts, wait_until, worker

pytestmark = pytest.mark.broker


def test_a_worker_whose_alerts_are_followed_ends_without_waiting_for_the_listener(
    tmp_path: Path, broker_port: int
) -> None:
    settings, environ = settings_for(broker_port, tmp_path)
    produce(settings, "transactions", (payment(n, f"C{n}") for n in range(10)))
    with worker(environ, tmp_path) as running:
        running.wait_until_ready()
        tasks = Path(f"/proc/{running.process.pid}/task")
        before = len(list(tasks.iterdir()))
        with events(running) as stream:
            next(stream)
            assert len(list(tasks.iterdir())) > before, "nothing is read for the page before somebody looks"
            began = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - began < 15


def test_an_alert_that_is_no_longer_held_is_looked_for_on_the_topic(tmp_path: Path, broker_port: int) -> None:
    settings, environ = settings_for(broker_port, tmp_path)
    produce(settings, "transactions", [payment(0, "C1", 5_000.0)])
    with worker(environ, tmp_path) as running:
        (wanted,) = wait_until(lambda: transaction_alerts(settings))
        later = ({**wanted, "alert_id": f"A{n}", "detected_at": "2099-01-01T00:00:00Z"} for n in range(3_000))
        produce(settings, "alerts", ((f"K{n}", json.dumps(one).encode()) for n, one in enumerate(later)))
        assert ask(running, "alerts")["held"] == 2_000
        assert refusal(running, f"/dashboard/api/alert?id={wanted['alert_id']}")[0] == 404
        assert ask(running, "alert", id=wanted["alert_id"], customer="C1")["alert"] == wanted
