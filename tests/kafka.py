"""One Apache Kafka for all tests: it takes seconds to start, and next to nothing to empty."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.kafka.cluster import Cluster
from fraud_stream.broker import free_port

PATIENCE = 30.0


class SharedKafka:
    """The broker, started when the first test asks for it, and lent to one test at a time."""

    def __init__(self) -> None:
        self._loans = 0
        self._is_lent = False

    @property
    def app_id(self) -> str:
        """Another consumer group for each loan: the broker awaits killed workers of earlier ones for some seconds."""
        return f"fraud-stream-{self._loans}" if self._loans else "fraud-stream"

    @contextmanager
    def lent(self) -> Iterator[int]:
        """The broker's port, for as long as the block lasts."""
        assert not self._is_lent, "two tests at a time would see each other's topics"
        self._loans += 1
        self._empty()
        self._is_lent = True
        try:
            yield self._cluster.brokers[0].port
        finally:
            self._is_lent = False

    @cached_property
    def _cluster(self) -> Cluster:
        folder = Path(tempfile.mkdtemp(prefix="kafka-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        cluster = Cluster(folder / "kafka", [free_port()], {"auto.create.topics.enable": "false"})
        atexit.register(cluster.kill)
        cluster.start()
        return cluster

    def _empty(self) -> None:
        admin = AdminClient({"bootstrap.servers": self._cluster.servers})
        while topics := [name for name in admin.list_topics(timeout=PATIENCE).topics if not name.startswith("__")]:
            for future in admin.delete_topics(topics, operation_timeout=PATIENCE).values():
                _ignore(future, "UNKNOWN_TOPIC_OR_PART")  # deleted before, and still listed
        groups = [group.group_id for group in admin.list_consumer_groups().result(PATIENCE).valid]
        if groups:
            for future in admin.delete_consumer_groups(groups).values():
                _ignore(future, "NON_EMPTY_GROUP")  # its workers were killed a moment ago; no later test has its name


def _ignore(future: Any, name: str) -> None:
    try:
        future.result(PATIENCE)
    except KafkaException as error:
        if error.args[0].name() != name:
            raise


kafka = SharedKafka()
