import asyncio
import json
from datetime import UTC, datetime

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request
from faust.web.exceptions import ServiceUnavailable

from fraud_stream.alert_filter import AlertFilter
from fraud_stream.records import Alert
from fraud_stream.web.dashboard import events
from fraud_stream.web.dashboard.events import Listener
from fraud_stream.web.dashboard.feed import Feed

MOMENT = datetime(2024, 5, 1, 12, tzinfo=UTC)


def alert(n: int) -> Alert:
    severity = "HIGH" if n % 2 else "LOW"
    facts = (severity, "VELOCITY", 0.9, "review", f"line\n\ndata: {n}", [], "online-1", "r")
    return Alert(f"A{n}", f"T{n}", f"C{n}", MOMENT, MOMENT, 10.0, *facts)


class Response:
    """Keeps what is written; takes nothing from `stuck_after` writes on."""

    is_gone = False

    def __init__(self, stuck_after: int = 1_000) -> None:
        self.parts: list[bytes] = []
        self.stuck_after = stuck_after

    async def write(self, data: bytes) -> None:
        if len(self.parts) >= self.stuck_after:
            await asyncio.sleep(3_600)
        self.parts.append(data)

    @property
    def events(self) -> list[dict[str, str]]:
        blocks = [block for block in b"".join(self.parts).decode().split("\n\n") if block]
        return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]

    @property
    def alerts(self) -> list[str]:
        return [json.loads(one["data"])["alert_id"] for one in self.events if one.get("event") == "alert"]


def follower(feed: Feed, place: int = 0, stuck_after: int = 1_000, **wanted) -> tuple[Listener, Response]:
    response = Response(stuck_after)
    return Listener(feed, place, AlertFilter(**wanted), response, lambda: response.is_gone), response


def feed_of(number: int, most: int = 500) -> Feed:
    feed = Feed(most)
    for n in range(number):
        feed.add(alert(n))
    return feed


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a listener tells nobody that it has written
            await asyncio.sleep(0.005)


async def test_what_is_held_comes_first_then_what_comes_each_once():
    feed = feed_of(120)
    listener, response = follower(feed, place=100)
    task = asyncio.create_task(listener.follow())
    await until(lambda: len(response.alerts) == 20)
    feed.add(alert(120))
    feed.tell()
    await until(lambda: len(response.alerts) == 21)
    feed.close()
    await asyncio.wait_for(task, 1)
    assert response.alerts == [f"A{n}" for n in range(100, 121)]
    assert response.events[-1]["id"] == feed.place(121)


async def test_a_line_break_in_a_message_makes_no_event_of_its_own():
    feed = feed_of(1)
    feed.close()
    listener, response = follower(feed)
    await listener._write_alerts()
    (event,) = response.events
    assert json.loads(event["data"])["message"] == "line\n\ndata: 0"


async def test_only_what_is_wanted_comes_and_the_place_moves_on_over_the_rest(monkeypatch):
    monkeypatch.setattr(events, "NOTICE", 0.01)
    monkeypatch.setattr(events, "HEARTBEAT", 0.02)
    feed = feed_of(5)
    listener, response = follower(feed, severity="HIGH")
    task = asyncio.create_task(listener.follow())
    await until(lambda: len(response.alerts) == 2 and response.events[-1]["event"] == "still-here")
    task.cancel()
    assert response.alerts == ["A1", "A3"]
    assert response.events[-1]["id"] == feed.place(5)


async def test_a_listener_that_has_gone_is_noticed_though_nothing_is_written(monkeypatch):
    monkeypatch.setattr(events, "NOTICE", 0.01)
    listener, response = follower(feed_of(1))
    task = asyncio.create_task(listener.follow())
    await until(lambda: response.alerts)
    response.is_gone = True
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(task, 1)
    assert len(response.parts) == 2


async def test_a_listener_that_takes_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(events, "PATIENCE", 0.02)
    listener, _ = follower(feed_of(200), stuck_after=2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(listener.follow(), 5)


async def test_a_listener_that_is_overtaken_by_the_forgetting_is_let_go():
    feed = feed_of(10, most=10)
    listener, response = follower(feed)
    for n in range(10, 30):
        feed.add(alert(n))
    await asyncio.wait_for(listener.follow(), 1)
    assert response.alerts == []


async def test_trouble_is_told_for_as_long_as_it_lasts_instead_of_that_all_is_well(monkeypatch):
    monkeypatch.setattr(events, "NOTICE", 0.01)
    monkeypatch.setattr(events, "HEARTBEAT", 0.02)
    feed = feed_of(0)
    listener, response = follower(feed)
    task = asyncio.create_task(listener.follow())
    await until(lambda: response.parts)
    feed.trouble = "no broker"
    feed.tell()
    trouble = {"id": feed.place(0), "event": "trouble", "data": '"no broker"'}
    await until(lambda: response.events[-3:] == [trouble] * 3)
    monkeypatch.setattr(events, "HEARTBEAT", 3_600.0)
    feed.trouble = None
    feed.tell()
    await until(lambda: response.events[-1] == {"id": feed.place(0), "event": "still-here", "data": "0"})
    feed.close()
    await asyncio.wait_for(task, 1)


async def test_trouble_is_told_also_where_the_news_of_it_comes_as_the_time_is_up(monkeypatch):
    monkeypatch.setattr(events, "NOTICE", 0.01)
    monkeypatch.setattr(events, "HEARTBEAT", 3_600.0)
    feed = feed_of(0)
    listener, response = follower(feed)
    task = asyncio.create_task(listener.follow())
    await until(lambda: response.parts)
    feed.trouble = "no broker"  # and nobody is woken
    await until(lambda: response.events[-1].get("event") == "trouble")
    feed.close()
    await asyncio.wait_for(task, 1)


async def test_who_comes_during_an_outage_is_told_at_once():
    feed = feed_of(0)
    feed.trouble = "no broker"
    feed.close()
    listener, response = follower(feed)
    await listener.follow()
    assert [one.get("event") for one in response.events] == [None, "trouble"]


async def test_no_more_than_so_many_wait_for_a_feed_that_is_still_being_read(monkeypatch):
    async def never():
        await asyncio.sleep(3_600)

    monkeypatch.setattr(events.live, "feed", never)
    request = make_mocked_request("GET", "/")
    tasks = [asyncio.create_task(events.Events.get(None, request)) for _ in range(events.MOST)]
    await until(lambda: len(events.listeners) == events.MOST)
    with pytest.raises(ServiceUnavailable, match="32 pages follow"):
        await asyncio.wait_for(events.Events.get(None, request), 1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not events.listeners


class Counting(web.StreamResponse):
    """Counts the bytes that it was given."""

    given = 0

    async def write(self, data: bytes) -> None:
        self.given += len(data)
        await super().write(data)


async def test_a_listener_that_reads_nothing_is_let_go_and_takes_no_memory_meanwhile(monkeypatch):
    """Over a real socket: 20 MB are to be sent to someone who reads none of it."""
    monkeypatch.setattr(events, "PATIENCE", 0.3)
    feed = Feed(2_000)
    for n in range(2_000):
        feed.add(msgspec.structs.replace(alert(n), message="x" * 10_000))
    sent: list[int] = []

    async def serve(request):
        response = Counting()
        await response.prepare(request)
        listener = Listener(feed, 0, AlertFilter(), response, lambda: False)
        with events.a_slot():
            await events._serve(listener, request)
        sent.append(response.given)
        return response

    server = web.Application()
    server.router.add_get("/", serve)
    async with TestServer(server) as running:
        _, writer = await asyncio.open_connection(running.host, running.port, limit=1_024)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await until(lambda: sent)
        writer.close()
    assert 0 < sent[0] < 10_000_000
    assert not events.listeners
