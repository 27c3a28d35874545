"""Two workers, ``kill -9`` of each in turn in mid-stream: nothing lost, nothing counted twice, no alert invented."""

from pathlib import Path

import pytest

from tests.exact import Truth, payments
from tests.harness import count, produce, settings_for, wait_until, worker

TRANSACTIONS = 30_000


@pytest.mark.broker
def test_two_workers_killed_in_turn_lose_and_invent_nothing(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(
        broker_port, tmp_path, FRAUD_STREAM_MODEL_ENABLED="false", FRAUD_STREAM_ENGINE_CHUNK_SIZE="100"
    )
    produce(settings, settings.topics.transactions, payments(TRANSACTIONS))
    with worker(environ, tmp_path, "a") as a, worker(environ, tmp_path, "b") as b:
        wait_until(lambda: count(settings, "scored") > TRANSACTIONS * 0.2, every=0.05)
        a.kill()
        with worker(environ, tmp_path, "a2") as a2:
            wait_until(lambda: count(settings, "scored") > TRANSACTIONS * 0.6, every=0.05)
            b.kill()
            Truth(settings).check()
            assert a2.stop() == 0
