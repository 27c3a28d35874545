import asyncio
import json
import threading
from datetime import UTC, datetime

import msgspec
import pytest

from fraud_stream import broker, kafka
from fraud_stream.errors import BrokerError
from fraud_stream.records import Alert
from fraud_stream.settings import Settings
from fraud_stream.web.dashboard.live import LiveAlerts
from tests.harness import produce, settings_at, topics

pytestmark = pytest.mark.broker


@pytest.fixture
def settings(tmp_path):
    with topics(tmp_path) as made:
        yield made


def send(settings: Settings, numbers: range) -> None:
    produce(settings, "alerts", ((f"C{n % 40}", msgspec.json.encode(alert(n))) for n in numbers))


def alert(n: int) -> Alert:
    moment = datetime.fromtimestamp(1_700_000_000 + n, UTC)
    facts = ("HIGH", "VELOCITY", 0.9, "review", "m", [], "online-1", "r")
    return Alert(f"A{n}", f"T{n}", f"C{n % 40}", moment, moment, 10.0, *facts)


def threads() -> int:
    return sum(thread.name == "dashboard-alerts" for thread in threading.enumerate())


async def until(condition, patience: float = 10.0) -> None:
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - threads end by themselves
            await asyncio.sleep(0.02)


async def test_the_newest_of_all_partitions_are_held_in_the_order_they_were_found(settings):
    send(settings, range(1_000))
    live = LiveAlerts(settings, held=100)
    feed = await live.feed()
    assert [one.alert_id for one in feed.newest_first] == [f"A{n}" for n in range(999, 899, -1)]
    live.stop()


async def test_what_comes_is_put_onto_the_feed_and_what_is_no_alert_is_passed_over(settings):
    live = LiveAlerts(settings)
    feed = await live.feed()
    assert len(feed) == 0
    produce(settings, "alerts", [("C1", b"{"), ("C1", b"\xff"), ("C1", None)])
    send(settings, range(3))
    await until(lambda: len(feed) == 3)
    assert await live.feed() is feed
    live.stop()


async def test_the_newest_are_held_though_one_customer_has_them_all(settings):
    for numbers in (range(299), range(299, 300)):  # the start of the last batch is what the broker takes for the end
        produce(settings, "alerts", (("C1", msgspec.json.encode(alert(n))) for n in numbers))
    live = LiveAlerts(settings, held=200)
    feed = await live.feed()
    assert [one.alert_id for one in feed.newest_first] == [f"A{n}" for n in range(299, 99, -1)]
    live.stop()


async def test_what_has_no_time_is_refused_and_the_others_are_read(settings):
    timeless = json.dumps({**msgspec.to_builtins(alert(7)), "detected_at": "0001-01-01T00:00:00"}).encode()
    produce(settings, "alerts", [("C1", timeless), ("C1", b"{")])
    send(settings, range(3))
    live = LiveAlerts(settings)
    feed = await live.feed()
    produce(settings, "alerts", [("C1", timeless), ("C1", b"{")])
    send(settings, range(3, 5))
    await until(lambda: len(feed) == 5)
    assert {one.alert_id for one in feed.newest_first} == {f"A{n}" for n in range(5)}
    await until(lambda: live._reader.refused == 4)
    live.stop()


async def test_an_outage_is_told_until_a_broker_answers_though_no_alert_comes():
    port = broker.free_port()
    settings = settings_at(port)
    process = broker.start(port)
    try:
        kafka.create_topics(settings)
        live = LiveAlerts(settings)
        feed = await live.feed()
        assert feed.trouble is None
        broker.stop(process)
        await until(lambda: feed.trouble is not None)
        assert f"no broker answered at kafka://127.0.0.1:{port} since" in feed.trouble
        process = broker.start(port)
        await asyncio.to_thread(kafka.create_topics, settings)
        await until(lambda: feed.trouble is None)
        assert (len(feed), feed.is_over) == (0, False)
        live.stop()
    finally:
        broker.stop(process)


async def test_nothing_is_read_before_somebody_looks_nor_after_nobody_has_for_a_while(settings):
    live = LiveAlerts(settings, idle=2.0)
    await until(lambda: threads() == 0)  # those of the tests before
    assert not live.is_reading
    feed = await live.feed()
    assert (threads(), live.is_reading) == (1, True)
    for _ in range(4):
        await asyncio.sleep(0.8)
        live.touch()
    assert live.is_reading
    await until(lambda: threads() == 0)
    assert feed.is_over
    assert not live.is_reading
    again = await live.feed()
    assert again.place(0) != feed.place(0)
    live.stop()
    await until(lambda: threads() == 0)


async def test_where_no_broker_answers_that_is_said(settings, monkeypatch):
    monkeypatch.setattr(kafka, "PATIENCE", 1.0)
    away = settings.model_copy(update={"broker": settings.broker.model_copy(update={"url": "kafka://127.0.0.1:1"})})
    live = LiveAlerts(away)
    with pytest.raises(BrokerError, match=r"no broker answers at kafka://127\.0\.0\.1:1"):
        await live.feed()
    assert not live.is_reading


async def test_the_loop_is_given_no_more_alerts_at_a_time_than_are_held(settings):
    live = LiveAlerts(settings, held=500)
    feed = await live.feed()
    added, add, tell = [0], feed.add, feed.tell

    def counted(alert) -> None:
        added[-1] += 1
        add(alert)

    def told() -> None:
        added.append(0)
        tell()

    feed.add, feed.tell = counted, told
    sending = asyncio.create_task(asyncio.to_thread(send, settings, range(5_000)))
    await sending
    await until(lambda: any(feed.find(f"A{n}") for n in range(4_960, 5_000)), 30)  # the last of some partition
    assert max(added) <= 500
    assert sum(added) <= 5_000
    live.stop()
