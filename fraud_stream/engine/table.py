"""Faust tables whose values are exact after a crash and cheap to write.

A table stays Faust's: declared with ``.tumbling()`` or ``.hopping()``, backed by a changelog topic, recovered, copied
to standbys.  What differs: values change in memory, partition by partition, and are written together, each key once, by
the group commit; and a value that is older than the one held is never applied.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import faust
from faust.streams import current_event
from faust.types import TP, EventT
from yarl import URL

from fraud_stream.engine.expiry import Deadlines, StreamClock
from fraud_stream.engine.guard import Codec, guard_of, is_older
from fraud_stream.engine.keys import decode_key, encode_key
from fraud_stream.engine.legible import check_legible, load_value
from fraud_stream.engine.outbox import Outbox
from fraud_stream.engine.partition import TablePartition
from fraud_stream.engine.store import MemoryStore, PartitionedStore, RocksStore
from fraud_stream.errors import StateError

#: Expiry is done in steps of so many seconds of stream time.
EXPIRY_STEP = 60.0


class ExactTable(faust.Table[Any, Any]):
    """A Faust table with the offset guard.

    Args:
        app: The application.
        codec: How values become bytes, and which number in them grows.
        clock: The stream's time, for expiry.
        lifetime: For a table without windows: when a stored entry expires, in stream time; None if never.
        source: The topic whose offsets are the guards; checked against it after each recovery.
    """

    def __init__(
        self,
        app: Any,
        *,
        codec: Codec[Any],
        clock: StreamClock,
        lifetime: Callable[[Any, bytes], float] | None = None,
        source: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(app, **{**kwargs, "value_type": bytes})
        self.codec = codec
        self.clock = clock
        self._lifetime = lifetime
        self._source = source
        self._changing: dict[int, TablePartition[Any]] = {}
        self._taken: list[tuple[int, TablePartition[Any]]] = []
        self._deadlines: dict[int, Deadlines] = {}
        self._scanned: set[int] = set()
        self._mine: set[int] | None = None

    def info(self) -> dict[str, Any]:
        """What Faust makes a copy of this table from."""
        return {
            **super().info(),
            "codec": self.codec,
            "clock": self.clock,
            "lifetime": self._lifetime,
            "source": self._source,
        }

    @property
    def store(self) -> PartitionedStore:
        """The store, with its operations by partition."""
        store: Any = self.data
        held: PartitionedStore = store
        return held

    # -- values

    def partition(self, partition: int) -> TablePartition[Any]:
        """The values of one partition, to read and change."""
        held = self._changing.get(partition)
        if held is None:
            held = self._changing[partition] = TablePartition(self.store, partition, self.codec, self.name)
        return held

    def entries(self, partitions: Iterable[int]) -> Iterator[tuple[Any, Any]]:
        """Every key and value of some partitions, as last written."""
        for partition in partitions:
            for key, data in self.store.entries(partition):
                yield key, load_value(self.codec, self.name, key, data)

    def __getitem__(self, key: Any) -> Any:
        for partition in self._partitions_to_search():
            value = self.partition(partition).get(key)
            if value is not None:
                return value
        return self.__missing__(key)

    def _partitions_to_search(self) -> list[int]:
        event = current_event()
        return sorted(self.store.held()) if event is None else [event.message.partition]

    def __contains__(self, key: Any) -> bool:
        return any(self.partition(n).get(key) is not None for n in self._partitions_to_search())

    def __setitem__(self, key: Any, value: Any) -> None:
        self.partition(self._partition_of_event()).put(key, value)

    def __delitem__(self, key: Any) -> None:
        self.partition(self._partition_of_event()).put(key, None)

    def _partition_of_event(self) -> int:
        partition = self.partition_for_key(None)
        if partition is None:
            raise TypeError(f"table {self.name} cannot use the producer's partitioner")
        return int(partition)

    # -- writing

    def take(self) -> None:
        """All that changed until now is to be written."""
        self._taken = [(partition, held) for partition, held in self._changing.items() if held.take()]

    def write(self, outbox: Outbox) -> Iterator[int]:
        """Put what was taken into the outbox, for the changelog, some at a time; says how many records each time.

        All at once would keep the stream, and whoever asks the worker something, waiting for as long as it takes to
        process hundreds of records.
        """
        taken, self._taken = self._taken, []
        for partition, held in taken:
            for part in held.leave():
                records = ((encode_key(key), data) for key, data in part.items())
                outbox.put_all(self.changelog_topic_name, partition, records)
                if self._changing.get(partition) is held:  # else it is forgotten, maybe with its partition
                    self._schedule_all(partition, part)
                yield len(part)

    def settle(self, places: Iterable[Any]) -> None:
        """The broker has the changelog records at these places: store what they hold.

        What was forgotten meanwhile, in a rebalance, is not stored; so it must be read from the changelog.
        """
        settled = {partition for partition, held in self._changing.items() if held.settle()}
        for place in places:
            if place.topic == self.changelog_topic_name and place.partition in settled:
                self.store.set_persisted_offset(TP(place.topic, place.partition), place.offset)

    def expire(self) -> int:
        """Delete what has expired by what is stored; says how many entries."""
        return sum(self._expire(partition, deadlines) for partition, deadlines in self._deadlines.items())

    def _expire(self, partition: int, deadlines: Deadlines) -> int:
        expired = list(deadlines.expired(self.stored_time(partition)))
        if expired:
            self._remove(partition, expired)
        return len(expired)

    def _remove(self, partition: int, keys: list[Any]) -> None:
        read, held, now = self.store.reader(partition), self.partition(partition), self.stored_time(partition)
        for key in keys:
            data = read(key)
            if data is None or held.is_changing(key):
                continue  # it is gone, or it will be scheduled anew when it is written
            deadline = self.deadline(key, data)
            if deadline is not None and deadline > now:
                self._schedule(partition, key, data)  # it was written again, with more time
            else:
                held.put(key, None)

    def stored_time(self, partition: int) -> float:
        """The stream's time as of what is stored: what has expired by it is not needed again."""
        return self.clock.settled(partition)

    def deadline(self, key: Any, data: bytes) -> float | None:
        """When an entry expires, in stream time; None if never."""
        return self._lifetime(key, data) if self._lifetime else None

    def _schedule(self, partition: int, key: Any, data: bytes) -> None:
        deadline = self.deadline(key, data)
        if deadline is not None:
            self._deadlines_of(partition).add(key, deadline)

    def _deadlines_of(self, partition: int) -> Deadlines:
        return self._deadlines.setdefault(partition, Deadlines(EXPIRY_STEP))

    def _schedule_all(self, partition: int, entries: Mapping[Any, bytes | None]) -> None:
        if self._expires:
            add, deadline_of = self._deadlines_of(partition).add, self.deadline
            for key, data in entries.items():
                if data is not None and (deadline := deadline_of(key, data)) is not None:
                    add(key, deadline)

    @property
    def _expires(self) -> bool:
        return self._lifetime is not None

    # -- recovery

    def absorb(self, tp: TP, records: Iterable[Any]) -> None:
        """Apply changelog records of one partition in bulk, none of them twice and none over a newer value."""
        if self._mine is not None and tp.partition not in self._mine:
            return  # fetched before a rebalance took the partition away: its tail alone would pass for the whole
        partition, read_to = tp.partition, self.store.persisted_offset(tp)
        self._changing.pop(partition, None)  # what a page has read is out of date now
        new = [record for record in records if read_to is None or record.offset > read_to]
        read, write = self.store.reader(partition), self.store.write
        for record in new:
            key, data = decode_key(record.key), record.value
            if data is None:
                write(partition, key, None)
            elif not is_older(data, read(key)):
                write(partition, key, data)
                self._notice(partition, key, data)
        if new:
            self.store.set_persisted_offset(tp, new[-1].offset)

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Nothing is left to do: `absorb` has applied these records before Faust's recovery counted them."""

    def forget_changes(self) -> None:
        """Drop what changed and was not written: it will be made again from the last acknowledged offset."""
        changing, self._changing = self._changing, {}
        for partition, held in changing.items():
            self._schedule_all(partition, held.deleted())  # what was about to expire is still there
        self.clock.go_back()

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Drop the partitions that are no longer here, neither active nor as a standby."""
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        self.forget_changes()
        self._mine = {tp.partition for tp in assigned if tp.topic == self.changelog_topic_name}
        for partition in self.store.held() - self._mine:
            self.store.drop(partition)
            self._forget_partition(partition)
        self._read_from_the_beginning(assigned)

    def _forget_partition(self, partition: int) -> None:
        self._deadlines.pop(partition, None)
        self._scanned.discard(partition)

    def _read_from_the_beginning(self, assigned: set[TP]) -> None:
        """Have the recovery read all of what is not held: Faust remembers where it once was."""
        tables: Any = self.app.tables
        for tp in assigned:
            if tp.topic == self.changelog_topic_name and self.persisted_offset(tp) is None:
                tables.recovery.revoke(tp)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Learn the deadlines of what a store on disk held already."""
        await super().on_recovery_completed(active_tps, standby_tps)
        if self.store.is_durable:
            for partition in self.store.held() - self._scanned:
                self._scanned.add(partition)
                for key, data in self.store.entries(partition):
                    self._notice(partition, key, data)

        await self._check_values({tp.partition for tp in active_tps if tp.topic == self.changelog_topic_name})
        if self._source is not None:
            await self._check_source(self._source, [TP(self._source, tp.partition) for tp in active_tps])

    async def _check_values(self, partitions: set[int]) -> None:
        """Stop where another version has written what was recovered, before anything is decided from it."""
        try:
            for partition in partitions:
                check_legible(self.codec, self.name, self.store.entries(partition))
        except StateError as error:
            self.log.critical("%s", error)
            await self.app.crash(error)

    async def _check_source(self, source: str, tps: list[TP]) -> None:
        """Stop where the source is shorter than what was applied of it: nothing new of it would ever be decided."""
        ends = await self.app.consumer.highwaters(*tps)
        for tp in tps:
            guards = (guard_of(data) for _, data in self.store.entries(tp.partition))
            if (applied := max(guards, default=0)) > ends[tp]:
                error = RuntimeError(
                    f"table {self.name} has applied {applied} records of {source} partition {tp.partition}, which has "
                    f"only {ends[tp]}: the topic was made anew. Use another [app] id, or delete this one's changelogs"
                )
                self.log.critical("%s", error)
                await self.app.crash(error)

    def _notice(self, partition: int, key: Any, data: bytes) -> None:
        """An entry was recovered."""
        self._schedule(partition, key, data)

    def _new_store_by_url(self, url: str | URL) -> Any:
        kind = RocksStore if URL(url).scheme == "rocksdb" else MemoryStore
        return kind(
            url,
            self.app,
            self,
            table_name=self.name,
            key_type=self.key_type,
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            value_type=self.value_type,
            loop=self.loop,
            options=self.options,
        )

    async def _del_old_keys(self) -> None:
        """Faust expires by the wall clock here; `expire` does it by the stream's time."""
