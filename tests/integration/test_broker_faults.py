"""Three brokers, one lost or each restarted under load: nothing lost, nothing counted twice, no alert invented."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.kafka.cluster import Cluster, running
from fraud_stream.broker import free_port
from fraud_stream.settings import Settings
from tests.exact import Truth, fed
from tests.harness import ON_KAFKA, count, settings_for, wait_until, worker

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not ON_KAFKA, reason="needs Java and Maven: make test-kafka runs it"),
]
TRANSACTIONS = 20_000
A_SECOND = 1_000.0


class Place(NamedTuple):
    """Three brokers, and an application on them whose records have three copies."""

    cluster: Cluster
    settings: Settings
    environ: dict[str, str]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running(tmp_path / "kafka", [free_port() for _ in range(3)]) as cluster:
        url = ";".join(f"kafka://{server}" for server in cluster.servers.split(","))
        settings, environ = settings_for(
            0,
            tmp_path,
            FRAUD_STREAM_BROKER_URL=url,
            FRAUD_STREAM_TOPICS_REPLICATION="3",
            FRAUD_STREAM_MODEL_ENABLED="false",
        )
        yield Place(cluster, settings, environ)


def lose_one(cluster: Cluster) -> None:
    cluster.brokers[1].kill()
    time.sleep(8)
    cluster.brokers[1].start()
    cluster.wait()


def restart_each(cluster: Cluster) -> None:
    for broker in cluster.brokers:
        broker.stop()
        broker.start()
        cluster.wait()


@pytest.mark.parametrize("befalls", [lose_one, restart_each])
def test_the_stream_goes_on_and_stays_exact(befalls: Callable[[Cluster], None], place: Place, tmp_path: Path) -> None:
    cluster, settings, environ = place
    with worker(environ, tmp_path) as running_worker:
        with fed(settings, TRANSACTIONS, A_SECOND):
            wait_until(lambda: count(settings, "scored") > TRANSACTIONS * 0.1)
            befalls(cluster)
        Truth(settings).check()
        assert running_worker.stop() == 0, running_worker.text()[-3_000:]
