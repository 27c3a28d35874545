"""Apache Kafka as `deploy.kafka` starts it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.kafka import jars
from deploy.kafka.__main__ import main
from deploy.kafka.cluster import Cluster, running
from fraud_stream.broker import free_port
from fraud_stream.errors import BrokerError
from tests.harness import ON_KAFKA

needs_kafka = pytest.mark.skipif(not ON_KAFKA, reason="needs Java and Maven: make test-kafka runs it")


def test_without_java_and_maven_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(jars, "JARS", tmp_path / "jars")
    with pytest.raises(BrokerError, match=r"needs Java 17 or newer .* and Maven"):
        jars.class_path()


def test_without_maven_the_jars_that_are_there_are_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".done").write_text(jars.POM.read_text())
    java = tmp_path / "java"
    java.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(jars, "JARS", tmp_path)
    assert jars.class_path().startswith(f"{tmp_path}{os.sep}*")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster"), [free_port() for _ in range(3)]) as cluster:
        yield cluster
    assert not any(broker.is_running for broker in cluster.brokers)


def send(cluster: Cluster, topic: str, values: range) -> None:
    producer = Producer({"bootstrap.servers": cluster.servers, "acks": "all", "linger.ms": 5})
    failed: list[object] = []
    for value in values:
        producer.produce(topic, str(value), on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(60) == 0
    assert failed == []


def read(cluster: Cluster, topic: str, number: int) -> list[int]:
    consumer = Consumer({"bootstrap.servers": cluster.servers, "group.id": "test", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages = consumer.consume(number, timeout=30)
    consumer.close()
    return [int(message.value()) for message in messages]


@pytest.mark.broker
@needs_kafka
def test_what_three_brokers_hold_outlives_the_loss_of_any_one(three: Cluster) -> None:
    admin = AdminClient({"bootstrap.servers": three.servers})
    topic = NewTopic("t", 1, 3, config={"min.insync.replicas": "2"})
    admin.create_topics([topic])["t"].result(30)
    assert admin.list_topics(timeout=10).brokers.keys() == {1, 2, 3}
    for n, broker in enumerate(three.brokers):
        broker.kill()
        three.wait()
        send(three, "t", range(n * 100, n * 100 + 100))
        broker.start()
        three.wait()
    assert read(three, "t", 300) == list(range(300))


@pytest.mark.broker
@needs_kafka
def test_settings_that_kafka_refuses_are_told(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, [free_port()], {"process.roles": "baker"})
    with pytest.raises(BrokerError, match=r"(?s)Kafka refuses its settings: .*baker"):
        cluster.start()


@pytest.mark.broker
@needs_kafka
def test_a_port_that_is_taken_is_told_and_nothing_is_left(three: Cluster) -> None:
    found = CliRunner().invoke(main, ["--port", str(three.brokers[0].port)])
    assert found.exit_code == 1
    assert f"port {three.brokers[0].port} is taken; choose others with --port" in found.output
