import time

import pytest

from fraud_stream import kafka
from fraud_stream.broker import free_port
from fraud_stream.errors import BrokerError
from fraud_stream.history import HOUR, Period, find, read
from fraud_stream.settings import Settings
from tests.harness import settings_at, topics

pytestmark = pytest.mark.broker
NOW = time.time()


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with topics(tmp_path_factory.mktemp("broker")) as made:
        yield made


def send(settings: Settings, topic: str, numbers: range, moment: float | None = None, partitions: int = 4) -> None:
    """Send numbers, a millisecond after each other from `moment` on; else now."""
    producer = kafka.make_producer(settings.broker)
    for place, number in enumerate(numbers):
        stamp = int((moment or time.time()) * 1_000) + (place if moment else 0)
        producer.produce(topic, str(number), partition=number % partitions, timestamp=stamp)
    assert producer.flush(10) == 0


def numbers(settings: Settings, topic: str, period: Period, most: int = 1_000_000) -> list[int]:
    return sorted(int(one.value()) for one in read(settings, topic, find(settings, topic, period, most)))


def test_only_what_came_in_the_period_is_read(settings):
    for start, hours in ((0, 5), (1_000, 3), (2_000, 1)):
        send(settings, "scored", range(start, start + 1_000), NOW - hours * HOUR)
    assert numbers(settings, "scored", Period(NOW - 4 * HOUR, NOW - 2 * HOUR)) == list(range(1_000, 2_000))
    assert numbers(settings, "scored", Period(NOW - 4 * HOUR, NOW)) == list(range(1_000, 3_000))
    assert numbers(settings, "scored", Period(NOW - HOUR / 2, NOW)) == []


def test_the_begin_belongs_to_it_and_the_end_does_not(settings):
    begin = float(int(NOW) - 1_000)
    send(settings, "alerts", range(100), begin)
    assert numbers(settings, "alerts", Period(begin + 0.01, begin + 0.05)) == list(range(10, 50))


def test_what_came_before_is_not_fetched(settings):
    send(settings, "labels", range(100))
    time.sleep(1)
    began = int(time.time() * 1_000) / 1_000  # Kafka's timestamps are no finer
    send(settings, "labels", range(100, 140))
    stretch = find(settings, "labels", Period(began, time.time()), 1_000)
    assert stretch.places == dict.fromkeys(range(4), 25)
    everything = stretch._replace(period=Period(0.0, time.time()))  # the places alone leave out the first
    assert sorted(int(one.value()) for one in read(settings, "labels", everything)) == list(range(100, 140))


def test_of_too_much_the_newest_is_read_and_nothing_is_missing_from_then_on(settings):
    began = int(time.time() * 1_000) / 1_000  # Kafka's timestamps are no finer
    for start in range(0, 600, 100):
        send(settings, "labelled", range(start, start + 100), partitions=1)
        time.sleep(0.3)
    asked = Period(began, time.time())
    time.sleep(0.3)
    send(settings, "labelled", range(600, 700), partitions=1)
    stretch = find(settings, "labelled", asked, 250)
    assert began < stretch.period.begin < asked.end == stretch.period.end
    found = numbers(settings, "labelled", asked, 250)
    assert 100 <= len(found) <= 250
    assert found == list(range(600 - len(found), 600))
    assert numbers(settings, "labelled", asked, 600) == list(range(600))


def test_a_topic_that_is_empty_or_not_there_has_nothing(settings):
    period = Period.last(24)
    assert numbers(settings, "models", period) == []
    missing = settings.model_copy(update={"topics": settings.topics.model_copy(update={"scored": "nowhere"})})
    assert numbers(missing, "nowhere", period) == []
    assert "nowhere" not in kafka.list_topics(settings)


def test_the_last_hours_end_now():
    period = Period.last(2)
    assert period.end - period.begin == pytest.approx(2 * HOUR)
    assert period.end == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("hours", [0, -1, float("inf"), float("nan")])
def test_hours_that_are_no_length_of_time_are_refused(hours):
    with pytest.raises(ValueError, match="a number more than 0 is needed"):
        Period.last(hours)


def test_broker_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(kafka, "PATIENCE", 0.5)
    with pytest.raises(BrokerError, match=r"no broker answers at kafka://127.0.0.1:\d+; start one"):
        find(settings_at(free_port()), "scored", Period.last(1), 10)
