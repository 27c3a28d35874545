"""The feed of alerts while somebody looks: begun by the first who asks, ended when nobody has for a minute."""

import asyncio
import time

from faust.web.exceptions import ServiceUnavailable

from fraud_stream.app import app, settings
from fraud_stream.errors import BrokerError
from fraud_stream.settings import Settings
from fraud_stream.web.dashboard.feed import Feed
from fraud_stream.web.dashboard.reader import AlertReader

#: Alerts that are held.
HELD = 2_000
#: Seconds without anybody who looks, after which reading ends.
IDLE = 60.0
#: Seconds that the first who asks waits.
PATIENCE = 10.0


class LiveAlerts:
    """Starts and ends the reading of alerts.

    Args:
        settings: Where the topic is.
        idle: Seconds after which nobody looks any more.
        held: How many alerts are held.
    """

    def __init__(self, settings: Settings, idle: float = IDLE, held: int = HELD) -> None:
        self._settings = settings
        self._idle = idle
        self._held = held
        self._reader: AlertReader | None = None
        self._retiring: asyncio.TimerHandle | None = None
        self._looked = 0.0

    @property
    def is_reading(self) -> bool:
        """Whether the topic is being read."""
        return self._reader is not None and self._reader.failure is None

    def touch(self) -> None:
        """Somebody looks."""
        self._looked = time.monotonic()

    async def feed(self) -> Feed:
        """The newest alerts; reading begins where nobody has looked for a while.

        Raises:
            BrokerError: They cannot be read.
            ServiceUnavailable: They are still being read.
        """
        self.touch()
        reader = self._reader if self._reader is not None and self.is_reading else self._start()
        try:
            async with asyncio.timeout(PATIENCE):
                await reader.is_loaded.wait()
        except TimeoutError:
            raise ServiceUnavailable("the alerts are still being read; ask again in a few seconds") from None
        if reader.failure is not None:
            raise BrokerError(reader.failure)
        return reader.feed

    def _start(self) -> AlertReader:
        self.stop()
        self._reader = AlertReader(self._settings, Feed(self._held))
        self._reader.start()
        self._retire()
        return self._reader

    def _retire(self) -> None:
        """End reading where nobody has looked for long enough; else look again when that may be."""
        left = self._looked + self._idle - time.monotonic()
        if left > 0:
            self._retiring = asyncio.get_running_loop().call_later(left, self._retire)
        else:
            self.stop()

    def stop(self) -> None:
        """End reading, and tell those who follow."""
        if self._retiring is not None:
            self._retiring.cancel()
        if self._reader is not None:
            self._reader.stop()
        self._reader = self._retiring = None


live = LiveAlerts(settings)


async def stop(_: object) -> None:
    """At the worker's end, before the web server waits for open connections."""
    live.stop()


app.web.web_app.on_shutdown.append(stop)  # type: ignore[attr-defined]  # of Faust's aiohttp driver
