"""A Faust application with the engine in it."""

import asyncio
import functools
import logging
import math
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import faust
from faust.types import TP

from fraud_stream.engine.alignment import Turns
from fraud_stream.engine.broadcast import BroadcastReader, Take
from fraud_stream.engine.commit import GroupCommit
from fraud_stream.engine.consumer import ChunkConsumer, ChunkFlow, ChunkSchema, ChunkTransport
from fraud_stream.engine.expiry import StreamClock
from fraud_stream.engine.follower import Follower
from fraud_stream.engine.garbage import collect_rarely
from fraud_stream.engine.panes import WindowedTable
from fraud_stream.engine.table import ExactTable
from fraud_stream.engine.watchdog import Signs, Watchdog

#: Faust's own limit of 100 unsent messages would stop the stream all the time.
PRODUCER_BUFFER = 20_000
#: Records of a short chunk: with everything on, less than 5 ms of work where a transaction takes 145 us.
SHORT = 32
#: Chunks are short for so long after somebody has asked, seconds.
GIVES_WAY = 1.0


@dataclass
class Chunk:
    """Records of one partition, delivered together.

    Attributes:
        topic: Where they are from.
        partition: Their partition.
        records: They themselves, as aiokafka read them, in order of offset.
        acknowledge: Says that the chunk is done for good.
        give_back: Says that it is not going to be done here: it and what follows will be handed out again.
        held: Whether the handler says one of the two itself, later.
    """

    topic: str
    partition: int
    records: list[Any]
    acknowledge: Callable[[], Awaitable[Any]]
    give_back: Callable[[], Awaitable[Any]]
    held: bool = False


T = TypeVar("T", bound=ExactTable)
Handler = Callable[[Chunk], Awaitable[None]]


class ExactApp(faust.App):
    """Faust with batch delivery, exact tables and group commit.

    Args:
        chunk_size: Records of a chunk at most.
        commit_interval: Seconds between two group commits.
        stuck_after: Seconds without a sign of life after which the worker ends itself.
        prepare: Called before the worker connects, for example to make topics; what it raises stops the worker.
        **kwargs: Faust's own settings.

    Attributes:
        chunk_size: Records of a chunk at most, while nobody has to be given way.
        before_wait: Called before this worker waits until no chunk is held any more: in a rebalance, and at the end.
    """

    def __init__(
        self,
        *args: Any,
        chunk_size: int,
        commit_interval: float,
        stuck_after: float,
        prepare: Callable[[], object],
        **kwargs: Any,
    ) -> None:
        self.chunk_size = chunk_size
        self.chunk_topics: set[str] = set()
        self.fetch_sizes: dict[str, int] = {}
        self.clock = StreamClock()
        self._gives_way_until = -math.inf
        self._commit_interval = commit_interval
        self._prepare = prepare
        self._readers: list[BroadcastReader] = []
        self._settled: dict[TP, int] = {}
        self.before_wait: list[Callable[[], Awaitable[Any]]] = []
        self._group_commit: GroupCommit | None = None
        super().__init__(*args, **kwargs)
        self.watchdog = Watchdog(self._signs_of_life, stuck_after, beacon=self.beacon)

    def give_way(self) -> None:
        """Somebody waits for an answer: chunks made in the next `GIVES_WAY` seconds are short, of whatever topic.

        Nothing else gets on within one.
        """
        self._gives_way_until = time.monotonic() + GIVES_WAY

    @property
    def records_at_once(self) -> int:
        """Records of a chunk at most, now."""
        return min(self.chunk_size, SHORT) if time.monotonic() < self._gives_way_until else self.chunk_size

    @property
    def group_commit(self) -> GroupCommit:
        """Writes the tables and acknowledges the chunks."""
        if self._group_commit is None:
            # The broker counts from the last heartbeat that it has heard, one interval ago at most.
            lease = float(self.conf.broker_session_timeout) - float(self.conf.broker_heartbeat_interval)
            self._group_commit = GroupCommit(self, self._commit_interval, lease, beacon=self.beacon)
        return self._group_commit

    def exact_table(self, name: str, *, rank: int, **kwargs: Any) -> ExactTable:
        """Declare a table; tables of lower ranks are committed before it."""
        return self._added(ExactTable(self, name=name, clock=self.clock, **kwargs), rank)

    def windowed_table(self, name: str, *, rank: int, **kwargs: Any) -> WindowedTable:
        """Declare a table that is given its windows by ``.tumbling()`` or ``.hopping()``."""
        return self._added(WindowedTable(self, name=name, clock=self.clock, **kwargs), rank)

    def _added(self, table: T, rank: int) -> T:
        self.tables.add(table)
        self.group_commit.add_table(table, rank)
        return table

    def chunk_agent(
        self, topic: str, *, partitions: int, fetch_size: int | None = None, followed_by: Follower | None = None
    ) -> Callable[[Handler], Any]:
        """Make an agent of a function that processes chunks of a topic.

        `fetch_size` bytes are fetched at a time.  Where another topic follows, the partitions are processed in step by
        the stream's time, and with that one.
        What the function puts into the outbox and the tables is committed before the chunk is acknowledged.  If it
        fails, the worker stops, and nothing of the chunk is written or acknowledged.

        Raises:
            ValueError: The topic has an agent of chunks already.
        """
        if topic in self.chunk_topics:
            raise ValueError(f"topic {topic} has an agent of chunks already; one chunk is processed once")
        self.chunk_topics.add(topic)
        if fetch_size is not None:
            self.fetch_sizes[topic] = fetch_size
        channel = self.topic(topic, schema=ChunkSchema(), partitions=partitions, value_serializer="raw")

        def decorate(handler: Handler) -> Any:
            async def process(stream: Any) -> None:
                stream = stream.noack()
                turns = followed_by and Turns(self, topic, partial(self._process, handler, stream), followed_by.is_late)
                async for event in stream.events():
                    await (turns.take(stream, event) if turns else self._process(handler, stream, event))

            functools.update_wrapper(process, handler)
            return self.agent(channel, name=handler.__name__)(process)

        return decorate

    async def _process(self, handler: Handler, stream: Any, event: Any) -> None:
        message = event.message
        await self.group_commit.keep_up()
        if not self.chunk_consumer.begin(message):
            await stream.ack(event)  # it is handed out again: this one commits nothing
            return
        chunk = Chunk(
            message.topic,
            message.partition,
            event.value,
            lambda: self._acknowledge(stream, event),
            lambda: self._give_back(stream, event),
        )
        try:
            await handler(chunk)
            if chunk.held:
                self.chunk_consumer.hold(message)
            else:
                self.group_commit.finish(chunk.acknowledge)
            self.group_commit.outbox.push_soon()
            message.value = event.value = None  # until it is acknowledged only its offset is needed
        except Exception as error:
            self.log.critical(
                "%s failed; the worker stops and its records are read again: %s", handler.__module__, error
            )
            self.group_commit.fail(error)
            await self.crash(error)
            raise
        await asyncio.sleep(0)  # whoever else waits has a turn between two chunks

    async def _acknowledge(self, stream: Any, event: Any) -> None:
        message = event.message
        if message.generation_id == self.consumer_generation_id:  # else a rebalance has dropped what it changed
            self.note_settled({message.tp: message.offset + 1})
        await stream.ack(event)

    async def _give_back(self, stream: Any, event: Any) -> None:
        self.chunk_consumer.give_back(event.message.tp)
        await stream.ack(event)

    def note_settled(self, offsets: Mapping[TP, int | None]) -> None:
        """All below these offsets is settled."""
        for tp, offset in offsets.items():
            self._settled[tp] = max(self._settled.get(tp, 0), offset or 0)

    def settled(self, topic: str, partition: int) -> int:
        """Below which offset all of a partition is stored and acknowledged for good, as far as this worker knows."""
        return self._settled.get(TP(topic, partition), 0)

    def read_whole(self, topic: str, handle: Take) -> BroadcastReader:
        """Have this worker read all of a topic with one partition, before its agents start and from then on."""
        reader = BroadcastReader(self, topic, handle, beacon=self.beacon)
        self._readers.append(reader)
        return reader

    async def on_start(self) -> None:
        """Prepare, give the producer room, read what is read whole, and start the watchdog and the group commit."""
        await super().on_start()
        collect_rarely()
        logging.getLogger("aiokafka").setLevel(logging.INFO)  # it makes debug records for nobody, several a batch
        await self._prepare_or_exit()
        await self._declare_changelogs()
        self.producer.buffer.max_messages = PRODUCER_BUFFER
        for service in (self.watchdog, *self._readers, self.group_commit):
            await self.add_runtime_dependency(service)

    async def _declare_changelogs(self) -> None:
        """Make the changelogs well before the worker joins its group.

        Faust makes them just before.  Then the broker may not know one of them yet when partitions are assigned, its
        table gets none, and a worker that takes partitions over recovers nothing of it.
        """
        await self.maybe_start_producer()
        for table in self.tables.values():
            await table.changelog_topic.declare()

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:
        """Wait until every chunk is acknowledged: in a rebalance, and at the end, when Faust then closes the tables."""
        for call in self.before_wait:
            await call()
        await super()._consumer_wait_empty(consumer, logger)
        if self.should_stop:
            await self.group_commit.close()

    def _signs_of_life(self) -> Signs:
        count = self.rebalancing_count  # the broker's number of a generation may begin at 0
        if not count:
            return Signs("starting", (sum(reader.read for reader in self._readers),))
        if self.in_recovery:  # asked first: Faust takes a recovery for the end of the rebalance
            return Signs("recovering", (count, self.chunk_consumer.absorbed))
        if self.rebalancing:
            return Signs("rebalancing", (count, self.chunk_consumer.absorbed))
        return Signs("running", self.chunk_consumer.heads())

    async def _prepare_or_exit(self) -> None:
        try:
            await self._check_web_port()
            await asyncio.to_thread(self._prepare)
        except Exception as error:
            self.log.critical("cannot start: %s", error)
            raise SystemExit(1) from None

    async def _check_web_port(self) -> None:
        conf: Any = self.conf
        if not conf.web_enabled:
            return
        try:
            server = await asyncio.get_running_loop().create_server(asyncio.Protocol, conf.web_bind, conf.web_port)
        except OSError as error:
            why = f"{conf.web_bind}:{conf.web_port}: {os.strerror(error.errno)}" if error.errno else str(error)
            raise RuntimeError(f"pages cannot be served at {why}; choose another --web-port") from None
        server.close()
        await server.wait_closed()

    def _discovery_modules(self) -> list[str]:
        """Only the modules that are named: Faust would import the whole origin package, command line and all."""
        conf: Any = self.conf
        return list(conf.autodiscover)

    def _on_autodiscovery_error(self, name: str) -> None:
        """Faust would go on without the module; a worker that lacks an agent must not run."""
        raise ImportError(f"cannot import {name}") from sys.exc_info()[1]

    @functools.cached_property
    def flow_control(self) -> ChunkFlow:
        """Faust's flow control, which tells the consumer when it throws something away."""
        return ChunkFlow(self._lost_from_queues, loop=self.loop)

    def _lost_from_queues(self) -> None:
        if self._consumer is not None:
            self.chunk_consumer.drop()

    @property
    def chunk_consumer(self) -> ChunkConsumer:
        """The consumer, with what it knows of chunks."""
        return cast(ChunkConsumer, self.consumer)

    def _new_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_consumer, self)
