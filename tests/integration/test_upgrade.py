"""A worker that meets the state of an earlier version: it reads it, or refuses it before it decides anything."""

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from fraud_stream.engine.keys import encode_key
from fraud_stream.settings import Settings
from tests.harness import count, produce, settings_for, wait_until, worker
from tests.tables.test_stored_before import FRAUDS, PENDING_OF_THE_DAY_BEFORE

pytestmark = pytest.mark.broker


def leave(settings: Settings, table: str, key: str, stored: str) -> None:
    """Put a value where an earlier worker has left it: on the changelog of a table."""
    topic = f"{settings.app.id}-{table}-changelog"
    admin = AdminClient({"bootstrap.servers": ",".join(settings.broker.servers)})
    config = {"cleanup.policy": "compact"}
    for made in admin.create_topics([NewTopic(topic, settings.topics.partitions, 1, config=config)]).values():
        made.result(30)
    wait_until(lambda: topic in admin.list_topics(timeout=10).topics)
    produce(settings, topic, [(encode_key(key), bytes.fromhex(stored))])
    produce(settings, "transactions", [("C1", b'{"transaction_id":"T1","customer_id":"C1","timestamp":1,"amount":1}')])


def test_what_it_can_read_it_goes_on_from(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path)
    leave(settings, "customer_frauds", "CUST-00000001", FRAUDS)
    with worker(environ, tmp_path) as running:
        running.wait_until_ready()
        found = running.get("/table/customer_frauds/CUST-00000001/")
        assert found["key"] == "CUST-00000001"
        assert "2024-01-01T00:00:00Z" in str(found["value"])
        assert running.stop() == 0


def test_what_it_cannot_read_it_refuses_and_decides_nothing(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path)
    leave(settings, "pending", "TXN-1", PENDING_OF_THE_DAY_BEFORE)
    with worker(environ, tmp_path) as refusing:
        assert refusing.process.wait(60) == 1
        told = [line for line in refusing.text().splitlines() if "CRITICAL" in line]
        assert "table pending has a value of 'TXN-1' that this version cannot read" in told[0]
        assert "docs/operations.md#upgrade" in told[0]
    assert count(settings, "scored") == count(settings, "transactions-dead") == 0
