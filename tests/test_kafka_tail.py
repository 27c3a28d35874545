import threading
import time
from itertools import islice
from pathlib import Path

import pytest

from fraud_stream import broker, kafka
from fraud_stream.errors import BrokerError
from fraud_stream.settings import load
from tests.harness import a_broker

pytestmark = pytest.mark.broker
CONF = str(Path(__file__).parent.parent / "faust.conf")


def settings_at(port: int):
    return load({"FRAUD_STREAM_CONF": CONF, "FRAUD_STREAM_BROKER_URL": f"kafka://127.0.0.1:{port}"}).settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with a_broker(tmp_path_factory.mktemp("broker")) as port:
        made = settings_at(port)
        kafka.create_topics(made)
        yield made


def send(settings, topic: str, values: range) -> None:
    """Send numbers in batches of 100, whose base offset the embedded broker takes for the end."""
    ordered = {"linger.ms": 200, "batch.num.messages": 100, "max.in.flight.requests.per.connection": 1}
    producer = kafka.Producer({**kafka.client_config(settings.broker), **ordered})
    for value in values:
        producer.produce(topic, str(value), partition=value % 4)
    assert producer.flush(10) == 0


def numbers(messages) -> list[int]:
    return [int(message.value()) for message in messages]


def test_all_of_a_topic_is_read_without_waiting(settings):
    send(settings, "scored", range(1_000))
    began = time.monotonic()
    found = numbers(kafka.read_all(settings, "scored"))
    assert time.monotonic() - began < 3
    assert sorted(found) == list(range(1_000))
    for partition in range(4):
        in_order = [value for value in found if value % 4 == partition]
        assert in_order == sorted(in_order)


def test_an_empty_topic_ends_too(settings):
    assert numbers(kafka.read_all(settings, "models")) == []


def test_from_the_end_comes_only_what_is_new(settings):
    send(settings, "alerts", range(1_000))
    at_end = threading.Event()
    found: list[int] = []
    following = kafka.tail(settings, "alerts", from_start=False, follow=True, on_end=at_end.set)
    reader = threading.Thread(target=lambda: found.extend(numbers(islice(following, 8))), daemon=True)
    reader.start()
    assert at_end.wait(10)
    send(settings, "alerts", range(5_000, 5_008))
    reader.join(10)
    assert sorted(found) == list(range(5_000, 5_008))


def test_follow_reads_what_is_there_and_goes_on(settings):
    send(settings, "labels", range(10))
    more = threading.Timer(1, send, (settings, "labels", range(10, 20)))
    more.start()
    found = numbers(islice(kafka.tail(settings, "labels", follow=True), 20))
    more.join()
    assert sorted(found) == list(range(20))


def test_lost_connection_is_told_once_and_reading_goes_on():
    port = broker.free_port()
    settings, troubles, at_end = settings_at(port), [], threading.Event()
    process = broker.start(port)
    kafka.create_topics(settings)
    following = kafka.tail(
        settings, "alerts", follow=True, on_end=at_end.set, on_trouble=lambda: troubles.append(time.monotonic())
    )
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.extend(numbers(islice(following, 1))), daemon=True)
    reader.start()
    try:
        assert at_end.wait(10)
        broker.stop(process)
        time.sleep(1)
        process = broker.start(port)
        kafka.create_topics(settings)
        send(settings, "alerts", range(7, 8))
        reader.join(15)
    finally:
        broker.stop(process)
    assert found == [7]
    assert len(troubles) == 1


def test_topic_that_is_not_there_is_an_error(settings):
    with pytest.raises(BrokerError, match="there is no topic 'nowhere'; `fraud-stream topics` makes it"):
        list(kafka.read_all(settings, "nowhere"))


def test_broker_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(kafka, "PATIENCE", 0.5)
    for ask in (kafka.list_topics, kafka.create_topics, lambda settings: list(kafka.read_all(settings, "alerts"))):
        with pytest.raises(BrokerError, match=r"no broker answers at kafka://127.0.0.1:\d+; start one"):
            ask(settings_at(broker.free_port()))


def test_topics_are_listed_with_their_partitions(settings):
    found = kafka.list_topics(settings)
    assert {name: found[name] for name in ("transactions", "models")} == {"transactions": 4, "models": 1}
