"""Changelogs as a real Kafka keeps them: how they are set, compacted under a worker, and a million records long."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from deploy.kafka.cluster import running
from fraud_stream.broker import free_port
from fraud_stream.kafka import client_config, create_topics, list_topics, topic_specs
from fraud_stream.settings import Settings
from tests.exact import Truth, payments
from tests.harness import ON_KAFKA, count, produce, settings_for, wait_until, worker

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not ON_KAFKA, reason="needs Java and Maven: make test-kafka runs it"),
]
DAY_MS = 86_400_000
TABLES = ("customer_tumbling", "customer_hopping", "customer_profile", "customer_frauds", "pending")
#: Kafka compacts once in 15 s, and nothing of the newest week, unless told otherwise.
EAGER = {"log.cleaner.backoff.ms": "200", "log.cleaner.min.cleanable.ratio": "0.01", "log.roll.ms": "1000"}


@pytest.fixture
def eager_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    with running(tmp_path / "kafka", [port], EAGER):
        yield port


def changelog(settings: Settings, table: str) -> str:
    return f"{settings.app.id}-{table}-changelog"


def config_of(settings: Settings, topic: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient(client_config(settings.broker))  # it must live until the answer is there
    found = admin.describe_configs([resource])[resource].result(30)
    return {name: entry.value for name, entry in found.items()}


def highwater(settings: Settings, topic: str) -> int:
    """How many records were ever written; what is compacted away still has its number."""
    if topic not in list_topics(settings):
        return 0
    consumer = Consumer({**client_config(settings.broker), "group.id": "test"})
    try:
        places = (TopicPartition(topic, partition) for partition in range(settings.topics.partitions))
        return sum(consumer.get_watermark_offsets(place, timeout=30)[1] for place in places)
    finally:
        consumer.close()


def test_what_is_compacted_and_how_long_anything_is_kept(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path)
    create_topics(settings)
    with worker(environ, tmp_path) as running_worker:
        running_worker.wait_until_ready()
    for spec in topic_specs(settings):
        is_read_whole = spec.name in (settings.topics.models, settings.topics.merchant_risk, settings.topics.rules)
        expected = "compact" if is_read_whole else "delete"
        assert config_of(settings, spec.name)["cleanup.policy"] == expected, spec.name
    found = {table: config_of(settings, changelog(settings, table)) for table in TABLES}
    for table in ("customer_profile", "customer_frauds", "pending"):
        assert found[table]["cleanup.policy"] == "compact"
    windows = settings.windows
    for table, lives in (
        ("customer_tumbling", windows.tumbling_size + windows.tumbling_expires),
        ("customer_hopping", windows.hopping_size + windows.hopping_expires),
    ):
        assert set(found[table]["cleanup.policy"].split(",")) == {"compact", "delete"}
        assert int(found[table]["retention.ms"]) >= 7 * DAY_MS + lives * 1_000


def test_tables_are_exact_after_compaction(eager_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(eager_port, tmp_path, FRAUD_STREAM_MODEL_ENABLED="false")
    create_topics(settings)
    sent = list(payments(12_000))
    with worker(environ, tmp_path, "before") as before:
        for part in range(3):
            produce(settings, "transactions", sent[part * 3_000 : part * 3_000 + 3_000])
            wait_until(lambda least=part * 2_950 + 2_900: count(settings, "scored") >= least)
            time.sleep(1.5)  # a segment is closed when it is a second old, and only closed ones are compacted
        produce(settings, "transactions", sent[9_000:9_010])
        wait_until(lambda: is_compacted(settings, "customer_profile"))
        before.kill()
    with worker(environ, tmp_path, "after") as after:
        produce(settings, "transactions", sent[9_010:])
        Truth(settings).check()
        assert after.stop() == 0


def written(settings: Settings) -> int:
    return sum(highwater(settings, changelog(settings, table)) for table in TABLES)


def is_compacted(settings: Settings, table: str) -> bool:
    topic = changelog(settings, table)
    return count(settings, topic) < 0.7 * highwater(settings, topic)


def test_a_million_changelog_records_are_recovered_exactly(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path, FRAUD_STREAM_MODEL_ENABLED="false")
    produce(settings, "transactions", payments(360_000, customers=100_000, gap=0.02))
    with worker(environ, tmp_path, "before") as before:
        wait_until(lambda: written(settings) > 1_000_000, patience=120, every=5)
        before.kill()
    number = written(settings)
    with worker(environ, tmp_path, "after") as after:
        began = time.monotonic()
        after.wait_until_ready()
        print(f"{number:,} changelog records recovered within {time.monotonic() - began:.1f} s of the start")
        Truth(settings).check()
        assert after.stop() == 0
