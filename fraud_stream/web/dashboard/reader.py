"""Reads `alerts` for the page, in a thread of its own, outside the consumer group."""

import asyncio
import contextlib
import heapq
import logging
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

import msgspec

from fraud_stream.errors import FraudStreamError
from fraud_stream.reading import tail
from fraud_stream.records import Alert, Drift, read_alert
from fraud_stream.settings import Settings
from fraud_stream.web.dashboard.feed import Feed

log = logging.getLogger(__name__)


class AlertReader:
    """Puts the newest alerts onto a feed, and those that come.

    The thread spends its time waiting within librdkafka; the event loop is called once for all that has come meanwhile.

    Args:
        settings: Where the topic is.
        feed: What to put them onto.

    Attributes:
        is_loaded: Set when the end of the topic was reached, or cannot be.
        failure: Why reading has ended; None while it goes on.
        refused: Records that were no alerts.
    """

    def __init__(self, settings: Settings, feed: Feed) -> None:
        self.feed = feed
        self.is_loaded = asyncio.Event()
        self.failure: str | None = None
        self.refused = 0
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._is_over = threading.Event()
        self._at_end = False
        self._kept = 0
        self._is_called = False
        self._newest: list[tuple[float, int, Alert | Drift]] = []
        self._fresh: deque[Alert | Drift] = deque(maxlen=feed.most)

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="dashboard-alerts", daemon=True).start()

    def stop(self) -> None:
        """End; those who follow the feed are told."""
        self._is_over.set()
        self.feed.close()

    def _run(self) -> None:
        try:
            self._read()
        except FraudStreamError as error:
            self._fail(str(error))
        except Exception:
            log.exception("the alerts for the page cannot be read")
            self._fail("the alerts cannot be read; the worker's log says why")

    def _read(self) -> None:
        messages = tail(
            self._settings,
            self._settings.topics.alerts,
            newest=self.feed.most,  # of each partition, since one customer may have all that is newest
            follow=True,
            is_over=self._is_over.is_set,
            on_end=self._reached_end,
            on_trouble=self._lost_broker,
            on_recovery=self._found_broker,
        )
        for message in messages:
            self._take(message)

    def _take(self, message: Any) -> None:
        try:
            alert = read_alert(message.value() or b"")
            found = alert.detected_at.timestamp()
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):  # of year 1 no time can be told
            self.refused += 1
            return
        if self._at_end:
            self._fresh.append(alert)
            self._call()
        else:
            self._keep(found, alert)

    def _keep(self, found: float, alert: Alert | Drift) -> None:
        """Partitions are read one after the other, so the newest of all are told by when they were detected."""
        self._kept += 1
        entry = (found, self._kept, alert)
        if len(self._newest) < self.feed.most:
            heapq.heappush(self._newest, entry)
        else:
            heapq.heappushpop(self._newest, entry)

    def _reached_end(self) -> None:
        self._at_end = True
        self._fresh.extend(alert for _, _, alert in sorted(self._newest, key=lambda entry: entry[:2]))
        self._newest = []
        self._call()

    def _call(self) -> None:
        if not self._is_called:
            self._is_called = True
            self._soon(self._hand_over)

    def _soon(self, call: Any, *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker ends
            self._loop.call_soon_threadsafe(call, *args)

    def _lost_broker(self) -> None:
        since = datetime.now(UTC)
        url = self._settings.broker.url
        self._soon(self._set_trouble, f"no broker answered at {url} since {since:%H:%M:%S}Z; alerts come once one does")

    def _found_broker(self) -> None:
        self._soon(self._set_trouble, None)

    def _set_trouble(self, trouble: str | None) -> None:
        self.feed.trouble = trouble
        self.feed.tell()

    def _hand_over(self) -> None:
        """Put what has come onto the feed; runs in the event loop."""
        self._is_called = False
        fresh = [self._fresh.popleft() for _ in range(len(self._fresh))]
        self.is_loaded.set()
        for alert in fresh:
            self.feed.add(alert)
        self.feed.tell()

    def _fail(self, why: str) -> None:
        self.failure = why
        self._soon(self._end)

    def _end(self) -> None:
        self.is_loaded.set()
        self.stop()
