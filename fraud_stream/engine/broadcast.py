"""Topics that every worker reads whole: a model, a set of rules."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth, server_list
from mode import Service

#: A fetch answers within this time, milliseconds, records or not.
_FETCH_WAIT = 100
_ROUND = 250
#: Seconds that closing the connection may take: with TLS uvloop waits half a minute for the broker's farewell, where an
#: answer to a fetch is still under way.
_FAREWELL = 1.0
#: Takes a record's key and value in; one that is slow does so in an awaitable that it gives back.
Take = Callable[[bytes | None, bytes | None], Awaitable[None] | None]
#: Records that are taken in before other tasks get a turn.
_AT_ONCE = 50


class BroadcastReader(Service):
    """Reads partition 0 of a topic from its beginning and goes on, outside the consumer group.

    Args:
        app: The application.
        topic: The topic.
        handle: Called with each record's key and value, in order, and waited for where it says so; must not fail.

    Attributes:
        read: How many records it has read.
    """

    def __init__(self, app: Any, topic: str, handle: Take, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.topic = topic
        self._handle = handle
        self.read = 0
        self._idle_rounds = 0
        self._idle = asyncio.Condition()

    async def on_start(self) -> None:
        """Read all that is there."""
        conf = self.app.conf
        self._consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=server_list(conf.broker_consumer, 9092),
            enable_auto_commit=False,
            fetch_max_wait_ms=_FETCH_WAIT,
            **credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )
        await self._consumer.start()
        self._consumer.assign([TopicPartition(self.topic, 0)])
        await self._consumer.seek_to_beginning()
        self.add_future(self._read())
        await self.catch_up()

    async def on_stop(self) -> None:
        """Close the connection."""
        async with self._idle:
            self._idle.notify_all()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._consumer.stop()

    async def catch_up(self) -> None:
        """Wait until all is read that was on the topic when this was called.

        Two rounds without a record: at least one fetch began after the call and brought nothing.
        """
        async with self._idle:
            target = self._idle_rounds + 2
            await self._idle.wait_for(lambda: self._idle_rounds >= target or self.should_stop)

    async def _is_at_end(self) -> bool:
        place = TopicPartition(self.topic, 0)
        highwater = self._consumer.highwater(place)
        told = (await self._consumer.end_offsets([place]))[place]  # too small on the embedded broker, right elsewhere
        return highwater is not None and await self._consumer.position(place) >= max(highwater, told)

    async def _read(self) -> None:
        while not self.should_stop:
            batches = await self._consumer.getmany(timeout_ms=_ROUND)
            for records in batches.values():
                for n, record in enumerate(records, 1):
                    waits = self._handle(record.key, record.value)
                    if waits is not None:
                        await waits
                    elif n % _AT_ONCE == 0:
                        await asyncio.sleep(0)
                    self.read += 1
            if not batches and await self._is_at_end():
                async with self._idle:
                    self._idle_rounds += 1
                    self._idle.notify_all()
