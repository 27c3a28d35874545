import threading
import time
from itertools import islice

import pytest
from confluent_kafka import KafkaError, TopicPartition

from fraud_stream import broker, kafka, reading
from fraud_stream.errors import BrokerError
from fraud_stream.retention import Gone
from tests.harness import ON_KAFKA, settings_at, topics

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with topics(tmp_path_factory.mktemp("broker")) as made:
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
    found = numbers(reading.read_all(settings, "scored"))
    assert time.monotonic() - began < 3
    assert sorted(found) == list(range(1_000))
    for partition in range(4):
        in_order = [value for value in found if value % 4 == partition]
        assert in_order == sorted(in_order)


def test_all_of_a_topic_is_read_many_at_once(settings):
    send(settings, "transactions-late", range(30_000))
    batches = list(reading.read_batches(settings, "transactions-late"))
    assert max(map(len, batches)) > 1_000
    found = [value for batch in batches for value in numbers(batch)]
    assert sorted(found) == list(range(30_000))
    for partition in range(4):
        in_order = [value for value in found if value % 4 == partition]
        assert in_order == sorted(in_order)
    assert sum(map(len, reading.read_batches(settings, "models"))) == 0


def test_what_was_written_before_a_moment_is_passed_over(settings):
    producer, now = kafka.make_producer(settings.broker), time.time()
    for day in range(10):  # a batch each, of 100 numbers
        for value in range(100 * day, 100 * day + 100):
            producer.produce("merchant-risk", str(value), "M", timestamp=round((now + (day - 10) * 86_400) * 1_000))
        assert producer.flush(10) == 0

    def read(since: float) -> list[int]:
        return [value for batch in reading.read_batches(settings, "merchant-risk", since) for value in numbers(batch)]

    newer, after = read(now - 3.5 * 86_400), read(now)
    if ON_KAFKA:
        assert (newer, after) == (list(range(700, 1_000)), [])
    else:  # the embedded broker cannot tell, and all of it comes
        assert newer == after == list(range(1_000))


def test_reading_begins_at_the_places_that_are_given(settings):
    send(settings, "transactions", range(400))
    found = numbers(reading.tail(settings, "transactions", places={1: 90, 2: 100}))
    assert sorted(found) == sorted([*range(0, 400, 4), *range(361, 400, 4), *range(3, 400, 4)])


def test_what_the_broker_has_no_more_of_what_was_to_be_read_is_told(settings, monkeypatch):
    """As after retention, which the embedded broker does not know: here each partition begins with its 200th."""
    begin = 200

    class Behind(reading.Consumer):
        def assign(self, places):
            super().assign([TopicPartition(p.topic, p.partition, max(p.offset, begin)) for p in places])

        def get_watermark_offsets(self, place, timeout):
            return begin, 250

    monkeypatch.setattr(reading, "Consumer", Behind)
    lost = []
    places = {0: 150, 1: 200, 2: 220}
    found = numbers(reading.tail(settings, "scored", places=places, on_lost=lost.append))
    assert lost == [Gone("scored", 0, 150, 50)]  # nobody knows what was to be read of partition 3
    assert min(found) == begin * 4


def test_a_gap_that_the_broker_leaves_is_no_loss(settings, monkeypatch):
    """Compaction leaves gaps, and so do the marks of transactions."""

    class Gaps(reading.Consumer):
        def assign(self, places):
            super().assign([TopicPartition(p.topic, p.partition, 200) for p in places])

        def get_watermark_offsets(self, place, timeout):
            return 0, 250

    monkeypatch.setattr(reading, "Consumer", Gaps)
    lost = []
    assert numbers(reading.tail(settings, "scored", places={0: 150}, on_lost=lost.append))
    assert lost == []


def test_an_empty_topic_ends_too(settings):
    assert numbers(reading.read_all(settings, "models")) == []


def test_from_the_end_comes_only_what_is_new(settings):
    send(settings, "alerts", range(1_000))
    at_end = threading.Event()
    found: list[int] = []
    following = reading.tail(settings, "alerts", from_start=False, follow=True, on_end=at_end.set)
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
    found = numbers(islice(reading.tail(settings, "labels", follow=True), 20))
    more.join()
    assert sorted(found) == list(range(20))


@pytest.mark.embedded
def test_lost_connection_is_told_once_and_reading_goes_on():
    port = broker.free_port()
    settings, troubles, at_end = settings_at(port), [], threading.Event()
    process = broker.start(port)
    kafka.create_topics(settings)
    following = reading.tail(
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


def test_word_of_a_loss_that_is_heard_once_the_broker_is_back_is_nothing_to_tell(settings, monkeypatch):
    clients: list[kafka.Trouble] = []

    class Heard(kafka.Trouble):
        def __init__(self) -> None:
            super().__init__()
            clients.append(self)

    monkeypatch.setattr(reading, "Trouble", Heard)
    told: list[str] = []
    send(settings, "summaries", range(4, 8, 4))
    messages = reading.tail(
        settings,
        "summaries",
        follow=True,
        on_trouble=lambda: told.append("lost"),
        on_recovery=lambda: told.append("back"),
    )
    assert numbers(islice(messages, 1)) == [4]
    clients[0].hear(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    send(settings, "summaries", range(8, 12, 4))
    assert numbers(islice(messages, 1)) == [8]
    assert told == []


def test_topic_that_is_not_there_is_an_error(settings):
    with pytest.raises(BrokerError, match="there is no topic 'nowhere'; `fraud-stream topics` makes it"):
        list(reading.read_all(settings, "nowhere"))
    with pytest.raises(BrokerError, match="there is no topic 'nowhere'"):
        list(reading.read_batches(settings, "nowhere"))


def test_broker_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(kafka, "PATIENCE", 0.5)
    for ask in (kafka.list_topics, kafka.create_topics, lambda settings: list(reading.read_all(settings, "alerts"))):
        with pytest.raises(BrokerError, match=r"no broker answers at kafka://127.0.0.1:\d+; start one"):
            ask(settings_at(broker.free_port()))


def test_topics_are_listed_with_their_partitions(settings):
    found = kafka.list_topics(settings)
    assert {name: found[name] for name in ("transactions", "models")} == {"transactions": 4, "models": 1}
