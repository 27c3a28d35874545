"""Batch delivery: one Faust event is one chunk of records of one partition.

Faust delivers message by message, at 80 to 190 microseconds each.  Here the message of a chunk carries the offset of
its last record, so that Faust's own tracking of acknowledged offsets commits the whole chunk when it is acknowledged.
Changelogs are applied in bulk; Faust's recovery sees the last record of each fetch and so counts the offsets.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, cast

import faust
from faust.exceptions import ConsumerNotStarted
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message
from mode.utils.queues import FlowControlEvent

from fraud_stream.engine.highwater import HighwaterThread
from fraud_stream.engine.table import ExactTable

#: Changelog records applied before other tasks get a turn.
ABSORB_AT_ONCE = 5_000
#: Seconds until a seek that failed is tried again.
SEEK_AGAIN = 0.5
#: Of a partition with so many chunks that have not begun nothing is fetched.
ENOUGH = 2
#: Where nothing is fetched of a partition, others are waited for so long at most, seconds.
LOOK_AGAIN = 0.02


class ChunkSchema(faust.Schema[Any, Any]):
    """The schema of topics that are delivered in chunks: the event's value is the list of records."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """A chunk has no key."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """The records, as aiokafka read them."""
        return message.value


class ChunkConsumer(driver.Consumer):
    """Faust's consumer with batch delivery for the topics in ``app.chunk_topics``.

    Attributes:
        absorbed: Changelog records that were read.
    """

    app: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.absorbed = 0
        self._fetches = 0
        self._handed: defaultdict[TP, deque[Message]] = defaultdict(deque)
        self._held: defaultdict[TP, set[int]] = defaultdict(set)
        self._waiting: defaultdict[TP, deque[Message]] = defaultdict(deque)
        self._next: dict[TP, int] = {}
        self._seeks = 0
        self._seeking = 0
        self._dropped = False
        self._missed: set[TP] = set()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> HighwaterThread:
        return HighwaterThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - as Faust
        """Fetch records and yield them as messages: chunks, single messages, or the last of a changelog's."""
        self._fetches += 1
        if not await self._is_in_place():
            return
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        generation = self.app.consumer_generation_id, self._seeks
        for tp, batch in ((ensure_TP(tp), batch) for tp, batch in records.items()):
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            if active is None or tp in active or tp in self._buffered_partitions:
                async for message in self._messages(tp, batch, generation):
                    yield tp, message
            else:
                self.drop(tp)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - as Faust
        """Fetch, but not of partitions that have enough to do.

        A queue that is full would keep all other partitions and topics waiting that were fetched with it.
        """
        if not active_partitions:
            return await super()._getmany(active_partitions, timeout)
        hungry = {tp for tp in active_partitions if len(self._waiting.get(tp, ())) < ENOUGH}
        if not hungry:
            await asyncio.sleep(LOOK_AGAIN)
            return {}
        if len(hungry) == len(active_partitions):
            live: Any = _NeverAll(active_partitions)
            return await super()._getmany(live, timeout)
        return await super()._getmany(hungry, LOOK_AGAIN)

    def heads(self) -> dict[Any, tuple[int, int]]:
        """Numbers for each thing that must get on: they change whenever that does.

        These are the partitions with a chunk that is neither done nor held, each with the first of these and the number
        of seeks, which has it handed out again; where there is none, the fetches.
        """
        first = ((tp, self._first_open(tp)) for tp in self.assignment())
        heads: dict[Any, tuple[int, int]] = {tp: (offset, self._seeks) for tp, offset in first if offset is not None}
        return heads or {"fetches": (self._fetches, 0)}

    def _goes_on(self, tp: TP, generation: tuple[int, int]) -> bool:
        """Whether what was fetched still counts: no rebalance has come, and for chunks no seek."""
        if not self.flow_active or self.app.consumer_generation_id != generation[0]:
            return False
        is_chunked = tp.topic in self.app.chunk_topics
        return not is_chunked or (self._seeks == generation[1] and not self._seeking)

    def drop(self, tp: TP | None = None) -> None:
        """Something that was fetched will never be processed: all that is not committed is fetched again, in order.

        Of a changelog, all that is not applied is.

        Args:
            tp: Where it was from; None where that is not known.
        """
        if tp is not None and self._is_changelog_tp(tp):
            self._missed.add(tp)
        else:
            self._dropped = True

    def begin(self, message: Message) -> bool:
        """Whether a chunk is the next of its partition: none before it was dropped, and none handed out since a seek.

        The tables of a later chunk would count an earlier one as applied.
        """
        waiting = self._waiting[message.tp]
        if waiting and waiting[0] is message:
            waiting.popleft()
            return True
        if any(other is message for other in waiting):
            self.drop(message.tp)
        return False

    def unfinished(self, topic: str) -> list[int]:
        """The partitions of a topic of which more is on the broker than was handed out."""
        return [tp.partition for tp in self._next if tp.topic == topic and self._next[tp] < (self.highwater(tp) or 0)]

    def lags(self) -> dict[TP, int]:
        """How many records of each partition that is delivered in chunks are behind what is committed.

        Partitions of which that is not known, as while the worker recovers, are left out.
        """
        try:
            ends = {tp: self.highwater(tp) for tp in self.assignment() if tp.topic in self.app.chunk_topics}
        except (ConsumerNotStarted, AssertionError):  # the latter is aiokafka's, where a rebalance comes between
            return {}
        pairs = ((tp, end, self._committed_offset[tp]) for tp, end in ends.items())
        return {tp: max(end - at, 0) for tp, end, at in pairs if end is not None and at is not None}

    def hold(self, message: Message) -> None:
        """A chunk is not going to be done before something else happens: the watchdog does not wait for it."""
        self._held[message.tp].add(message.offset)

    def release(self, message: Message) -> None:
        """A chunk that was held is processed after all."""
        self._held[message.tp].discard(message.offset)

    def _first_open(self, tp: TP) -> int | None:
        held = self._held.get(tp, ())
        return next((one.offset for one in self._handed.get(tp, ()) if one.offset not in held), None)

    def give_back(self, tp: TP) -> None:
        """Commit nothing more of a partition before all of it that is not committed is handed out again."""
        self._handed[tp].clear()
        self._held[tp].clear()

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A chunk steps over many offsets; to Faust each would be a gap to remember."""
        if tp.topic not in self.app.chunk_topics:
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        """What to commit: up to the last of the chunks handed out since the last seek that are all done, in order.

        Chunks that never began are not committed, nor those of another generation: in a rebalance Faust acknowledges
        some without processing them.
        """
        if tp.topic not in self.app.chunk_topics:
            offset: int | None = super()._new_offset(tp)
            return offset
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        handed, newest = self._handed[tp], None
        while handed and self._is_done(handed[0]):
            newest = handed.popleft().offset
            self._held[tp].discard(newest)
        return None if newest is None else newest + 1

    def _is_done(self, message: Message) -> bool:
        waiting = self._waiting[message.tp]
        has_begun = not waiting or waiting[0] is not message  # those that wait are the last that were handed out
        return has_begun and message.acked and message.generation_id == self.app.consumer_generation_id

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to what is committed: all before that is settled, whoever did it."""
        committed: Mapping[TP, int] = await super().seek_to_committed()
        self.app.note_settled({tp: offset for tp, offset in committed.items() if tp.topic in self.app.chunk_topics})
        return committed

    async def perform_seek(self) -> None:
        """Go back to what is committed: whatever was handed out beyond it is fetched and handed out again.

        Faust may have dropped some of it from its queues meanwhile, so nothing of it may count as read or done.
        """
        self._seeking += 1
        try:
            await super().perform_seek()
        except BaseException:
            self.drop()
            raise
        finally:
            self._seeking -= 1
            self._seeks += 1
            for handed in (self._handed, self._held, self._waiting, self._next):
                handed.clear()

    async def _is_in_place(self) -> bool:
        """Go back if something was dropped; whether the next fetch continues what was handed out.

        Only here, between two fetches, is it sure that no fetch comes back with records from before the seek.
        """
        if not self.flow_active:
            return True  # nothing is fetched yet
        try:
            await self._apply_what_was_missed()
            await self._process_what_was_dropped()
        except Exception as error:
            self.log.warning("cannot go back to what was not processed, trying again: %r", error)
            await asyncio.sleep(SEEK_AGAIN)
            return False
        return True

    async def _process_what_was_dropped(self) -> None:
        if self._dropped and not self.app.in_recovery:  # which will seek
            self._dropped = False
            if self.assignment():
                await self.perform_seek()

    async def _apply_what_was_missed(self) -> None:
        """Go back in changelogs: a copy with a hole would pass for the whole, for it is read to the end."""
        for tp in list(self._missed):
            if tp in self.assignment():
                read_to = self.app.tables._changelogs[tp.topic].persisted_offset(tp)
                await self.seek_wait({tp: 0 if read_to is None else read_to + 1})
            self._missed.discard(tp)

    async def _messages(self, tp: TP, batch: list[Any], generation: tuple[int, int]) -> AsyncIterator[Message]:
        """The messages of one partition's records, as long as they count."""
        table = self.app.tables._changelogs.get(tp.topic)
        if isinstance(table, ExactTable):
            for start in range(0, len(batch), ABSORB_AT_ONCE):
                if not self._goes_on(tp, generation):
                    self.drop(tp)
                    return
                part = batch[start : start + ABSORB_AT_ONCE]
                table.absorb(tp, part)
                self.absorbed += len(part)
                await asyncio.sleep(0)
            batch = batch[-1:]
        made = self._made_of(tp, batch)
        while self._goes_on(tp, generation):  # first: a chunk that is made counts as handed out
            message = next(made, None)
            if message is None:
                return
            yield message
        self.drop(tp)

    def _made_of(self, tp: TP, batch: list[Any]) -> Iterator[Message]:
        """The messages of records, each made when it is asked for."""
        if tp.topic in self.app.chunk_topics:
            return (self._chunk_message(tp, chunk) for chunk in self._chunks(tp, batch))
        return (self._to_message(tp, record) for record in batch)

    def _chunks(self, tp: TP, batch: list[Any]) -> Iterator[list[Any]]:
        """Chunks of a batch without the records that were handed out since the last seek."""
        first = self._next.get(tp, 0)
        if batch[0].offset < first:
            batch = [record for record in batch if record.offset >= first]
        size = self.app.records_at_once
        for start in range(0, len(batch), size):
            yield batch[start : start + size]

    def _chunk_message(self, tp: TP, chunk: list[Any]) -> Message:
        last = chunk[-1]
        message = ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            [],
            None,
            cast(bytes, chunk),  # Faust hands the value on to the schema, whatever it is
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        self._handed[tp].append(message)
        self._waiting[tp].append(message)
        self._next[tp] = last.offset + 1
        self._read_offset[tp] = None  # Faust would drop a chunk handed out again after a seek as read before
        return message


class _NeverAll:
    """Faust's set of the partitions to fetch, as it is whenever it is asked, for aiokafka.

    That takes an empty set for all partitions.  Faust empties it when a recovery ends, and a fetch under way would take
    the first records of the standby copies, which Faust then throws away.
    """

    def __init__(self, partitions: set[TP]) -> None:
        self._partitions = partitions

    def __contains__(self, tp: object) -> bool:
        return tp in self._partitions


class ChunkFlow(FlowControlEvent):
    """Faust's flow control: it clears the streams' queues, also when it resumes them after the consumer has gone on.

    Args:
        lost: Called when it has, and something was in them.
        **kwargs: As Faust's.
    """

    def __init__(self, lost: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lost = lost

    def clear(self) -> None:
        """Empty the queues."""
        was_any = any(queue.qsize() for queue in self._queues)
        super().clear()
        if was_any:
            self._lost()


class ChunkTransport(driver.Transport):
    """Faust's Kafka transport with the `ChunkConsumer`."""

    Consumer = ChunkConsumer
