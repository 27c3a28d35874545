"""Where tables keep their values: bytes, partition by partition.

Both stores are Faust's own, with reads and writes that name the partition.  Faust's take it from the event being
processed, which a group of chunks does not have.
"""

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from faust.stores import memory, rocksdb
from faust.types import TP

from fraud_stream.engine.keys import decode_key, encode_key


class PartitionedStore(Protocol):
    """What a table asks of its store.

    Attributes:
        is_durable: Whether it may hold entries that this process has not put there.
    """

    is_durable: bool

    def reader(self, partition: int) -> Callable[[Any], bytes | None]:
        """What tells the value of a key, None where there is none; good until the partition is dropped."""
        ...

    def write(self, partition: int, key: Any, value: bytes | None) -> None:
        """Set the value of `key`; None deletes it."""
        ...

    def write_all(self, partition: int, entries: Mapping[Any, bytes | None]) -> None:
        """Set the values of many keys; None deletes one."""
        ...

    def entries(self, partition: int) -> Iterator[tuple[Any, bytes]]:
        """Every key and value of a partition."""
        ...

    def size(self, partition: int) -> int:
        """How many entries a partition has, as far as that is known without counting."""
        ...

    def held(self) -> set[int]:
        """The partitions that are held."""
        ...

    def drop(self, partition: int) -> None:
        """Forget a partition that is no longer this worker's."""
        ...

    def persisted_offset(self, tp: TP) -> int | None:
        """The newest changelog offset that the store has in it."""
        ...

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Remember the newest changelog offset that the store has in it."""
        ...


class MemoryStore(memory.Store[Any, Any]):
    """``memory://``: a dictionary for each partition.

    Unlike Faust's it remembers how far it has read each changelog, so that a standby takes over without reading all
    again, and it keeps standby copies when a recovery ends.
    """

    is_durable = False

    def __post_init__(self) -> None:
        """Start empty."""
        self.partitions: dict[int, dict[Any, bytes]] = {}
        self._read_to: dict[TP, int] = {}

    @property
    def data(self) -> ChainMap[Any, bytes]:  # type: ignore[override]
        """All partitions as one mapping, for Faust's read operations."""
        return ChainMap(*self.partitions.values())

    def reader(self, partition: int) -> Callable[[Any], bytes | None]:
        """See `PartitionedStore`."""
        return self.partitions.setdefault(partition, {}).get

    def write(self, partition: int, key: Any, value: bytes | None) -> None:
        """See `PartitionedStore`."""
        held = self.partitions.setdefault(partition, {})
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value

    def write_all(self, partition: int, entries: Mapping[Any, bytes | None]) -> None:
        """See `PartitionedStore`."""
        held: dict[Any, Any] = self.partitions.setdefault(partition, {})
        held.update(entries)
        for key in [key for key, value in entries.items() if value is None]:
            del held[key]

    def entries(self, partition: int) -> Iterator[tuple[Any, bytes]]:
        """See `PartitionedStore`."""
        yield from list(self.partitions.get(partition, {}).items())

    def size(self, partition: int) -> int:
        """See `PartitionedStore`."""
        return len(self.partitions.get(partition, ()))

    def held(self) -> set[int]:
        """See `PartitionedStore`."""
        return set(self.partitions)

    def drop(self, partition: int) -> None:
        """See `PartitionedStore`."""
        self.partitions.pop(partition, None)
        self._read_to = {tp: offset for tp, offset in self._read_to.items() if tp.partition != partition}

    def persisted_offset(self, tp: TP) -> int | None:
        """See `PartitionedStore`."""
        return self._read_to.get(tp)

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """See `PartitionedStore`."""
        self._read_to[tp] = max(offset, self._read_to.get(tp, -1))

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Keep everything: Faust's own store would delete the standby copies here."""


class RocksStore(rocksdb.Store):
    """``rocksdb://``: a RocksDB database for each partition."""

    is_durable = True

    def reader(self, partition: int) -> Callable[[Any], bytes | None]:
        """See `PartitionedStore`."""
        get = self._db_for_partition(partition).get
        return lambda key: get(encode_key(key))

    def write(self, partition: int, key: Any, value: bytes | None) -> None:
        """See `PartitionedStore`."""
        database = self._db_for_partition(partition)
        if value is None:
            database.delete(encode_key(key))
        else:
            database.put(encode_key(key), value)

    def write_all(self, partition: int, entries: Mapping[Any, bytes | None]) -> None:
        """See `PartitionedStore`."""
        for key, value in entries.items():
            self.write(partition, key, value)

    def entries(self, partition: int) -> Iterator[tuple[Any, bytes]]:
        """See `PartitionedStore`."""
        for key, value in self._visible_items(self._db_for_partition(partition)):
            yield decode_key(key), value

    def size(self, partition: int) -> int:
        """See `PartitionedStore`; RocksDB estimates."""
        estimate: int | None = self._db_for_partition(partition).property_int_value("rocksdb.estimate-num-keys")
        return estimate or 0

    def held(self) -> set[int]:
        """See `PartitionedStore`."""
        return set(self._dbs)

    def drop(self, partition: int) -> None:
        """Close the database; its files stay, and save reading the changelog if the partition comes back."""
        database = self._dbs.pop(partition, None)
        if database is not None:
            database.close()
