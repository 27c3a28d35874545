"""``/dashboard/api/events``: the alerts as they come, as server-sent events.

Nothing is kept for a listener but its place in the feed.  One that is so slow that alerts it has not had are no longer
held is let go; its browser comes back and reads anew.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp.web import Request, Response, StreamResponse
from faust import web
from faust.web.exceptions import ServiceUnavailable

from fraud_stream.alert_filter import AlertFilter
from fraud_stream.app import app
from fraud_stream.web.dashboard.answers import AlertQuery, asked
from fraud_stream.web.dashboard.feed import Feed, Held
from fraud_stream.web.dashboard.live import live
from fraud_stream.web.guard import VISITOR
from fraud_stream.web.masking import Look, as_it_is, look_of

#: Listeners at a time.
MOST = 32
#: Seconds between two signs of life.
HEARTBEAT = 15.0
#: Seconds until it is noticed that a listener has gone: aiohttp tells nobody who writes nothing.
NOTICE = 1.0
#: Seconds that a listener may take for what it is sent.
PATIENCE = 10.0
#: Alerts that are looked at before the listener must have taken those of before.
_TOGETHER = 50
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would hold the events back
}
_encode = msgspec.json.Encoder().encode


class Listener:
    """Someone who follows the alerts.

    Args:
        feed: The alerts.
        place: The number of the last one that it has had.
        admits: Which it wants.
        response: Where they are written.
        is_gone: Says whether it has left.
        look: How it is shown an alert.
    """

    def __init__(
        self,
        feed: Feed,
        place: int,
        admits: AlertFilter,
        response: StreamResponse,
        is_gone: Callable[[], bool],
        *,
        look: Look = as_it_is,
    ) -> None:
        self._feed = feed
        self._place = place
        self._filter = admits
        self._response = response
        self._is_gone = is_gone
        self._look = look
        self._written = 0.0
        self._trouble: str | None = None  # as the listener was told

    async def follow(self) -> None:
        """Write until nothing more comes, or the listener is too slow.

        Raises:
            TimeoutError: The listener does not take what it is sent.
            ConnectionError: It has gone.
        """
        await self._write(b"retry: 2000\n\n" + self._sign())
        while not self._feed.is_over and not self._feed.has_lost(self._place):
            news = self._feed.news  # before looking: what comes meanwhile wakes us
            await self._write_alerts()
            if self._place == self._feed.last:
                await self._wait(news)

    async def _write_alerts(self) -> None:
        fresh = self._feed.after(self._place)[:_TOGETHER]
        shown = [one._replace(alert=self._look(one.alert)) for one in fresh]
        wanted = [one for one in shown if self._filter.admits(one.alert)]
        if wanted:
            await self._write(b"".join(self._event(one) for one in wanted))
        if fresh:
            self._place = fresh[-1].number

    async def _wait(self, news: asyncio.Event) -> None:
        live.touch()
        try:
            async with asyncio.timeout(NOTICE):
                await news.wait()
        except TimeoutError:
            await self._give_sign()
        await self._tell_change()  # also then: news may come in the same turn in which the time is up

    async def _give_sign(self) -> None:
        if self._is_gone():
            raise ConnectionError
        if time.monotonic() - self._written > HEARTBEAT:
            await self._write(self._sign())

    async def _tell_change(self) -> None:
        if self._feed.trouble != self._trouble:
            await self._write(self._sign())

    def _sign(self) -> bytes:
        """That all is well, or the trouble.

        Its id is where a browser that comes back goes on, though nothing it wants came for a while.
        """
        trouble = self._trouble = self._feed.trouble
        what = (
            f"still-here\ndata: {self._feed.last}".encode()
            if trouble is None
            else b"trouble\ndata: " + _encode(trouble)
        )
        return f"id: {self._feed.place(self._place)}\nevent: ".encode() + what + b"\n\n"

    def _event(self, one: Held) -> bytes:
        return f"id: {self._feed.place(one.number)}\nevent: alert\ndata: ".encode() + _encode(one.alert) + b"\n\n"

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._response.write(data)
        self._written = time.monotonic()


listeners: set[object] = set()


@contextmanager
def a_slot() -> Iterator[None]:
    """One of the places that listeners have, taken before anything is awaited: many may come at once.

    Raises:
        ServiceUnavailable: All are taken.
    """
    if len(listeners) >= MOST:
        raise ServiceUnavailable(f"{MOST} pages follow the alerts of this worker already; close some, or ask another")
    slot = object()
    listeners.add(slot)
    try:
        yield
    finally:
        listeners.discard(slot)


@app.page("/dashboard/api/events")
class Events(web.View):
    """The alerts as they come."""

    async def head(self, request: Any) -> Any:
        """What a request would get, without the events."""
        return Response(headers=_HEADERS)

    async def get(self, request: Any) -> Any:
        """Server-sent events: those after the place named, or after ``Last-Event-ID``, then those that come."""
        query = asked(request, AlertQuery)
        with a_slot():
            feed = await live.feed()
            place = feed.number(request.headers.get("Last-Event-ID") or query.after)
            response = StreamResponse(status=HTTPStatus.OK, headers=_HEADERS)
            await response.prepare(request)
            look = look_of(request[VISITOR])
            await _serve(Listener(feed, place, query.filter, response, lambda: _has_left(request), look=look), request)
            return response


def _has_left(request: Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def _serve(listener: Listener, request: Request) -> None:
    try:
        await listener.follow()
    except ConnectionError:
        pass  # it has gone
    except TimeoutError:  # what is still to be written must not be waited for
        if request.transport is not None:
            request.transport.abort()
