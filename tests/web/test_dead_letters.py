import time

import pytest

from fraud_stream import kafka
from fraud_stream.records import DeadLetter
from fraud_stream.settings import Settings
from fraud_stream.web.dashboard.dead_letters import MOST, SHOWN, newest_letters
from tests.harness import settings_at

pytestmark = pytest.mark.broker
NOW = round(time.time() * 1_000)


def send(settings: Settings, numbers: range, **foreign: bytes) -> None:
    producer = kafka.make_producer(settings.broker)
    for n in numbers:
        headers = DeadLetter("undecodable", "not JSON", "transactions", n % 4, n, 1_700_000_000.0 + n).headers()
        # the broker's time is the order in which they came, whatever their partition
        stamp = NOW + n
        producer.produce(settings.topics.dead, f"{n}".encode(), f"C{n}", n % 4, headers=headers, timestamp=stamp)
    for key, value in foreign.items():
        producer.produce(settings.topics.dead, value, key, 0, timestamp=NOW + 60_000)
    assert producer.flush(10) == 0


def test_the_newest_are_shown_though_one_partition_has_them_all(broker_port):
    settings = settings_at(broker_port)
    kafka.create_topics(settings)
    send(settings, range(0, 3_996, 4))
    send(settings, range(3_996, 4_000, 4))  # a batch of its own, whose start the broker takes for the end
    assert [one.value for one in newest_letters(settings)] == [str(n) for n in range(3_996, 3_996 - 4 * MOST, -4)]


def test_the_newest_of_all_partitions_are_shown_the_newest_first_and_cut(broker_port):
    settings = settings_at(broker_port)
    kafka.create_topics(settings)
    send(settings, range(1_000), odd=b"\xff" + b"x" * 5_000)
    foreign, *ours = newest_letters(settings)
    assert len(ours) == MOST - 1
    assert [one.value for one in ours] == [str(n) for n in range(999, 1_000 - MOST, -1)]
    assert {(one.reason, one.state) for one in ours} == {("undecodable", "waiting")}
    assert ours[0].origin == "transactions 3:999"
    assert (foreign.state, foreign.reason, foreign.key, foreign.size) == ("foreign", None, "odd", 5_001)
    assert foreign.value == "\\xff" + "x" * (SHOWN - 1)
