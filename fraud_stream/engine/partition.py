"""The values of one partition of a table while they change, between two group commits."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from fraud_stream.engine.guard import Codec
from fraud_stream.engine.legible import load_value
from fraud_stream.engine.store import PartitionedStore

V = TypeVar("V")
#: Values that are made bytes before other tasks get a turn: a millisecond or two.
AT_ONCE = 200
_UNREAD = object()


class TablePartition(Generic[V]):
    """The values of one partition while they change, between two group commits.

    A value goes four steps: changed here as an object; taken by a group commit at one moment with all others; made
    bytes when its turn comes, on its way to the changelog; and stored when the broker has it.  So the store never knows
    of something whose outputs may be lost.

    Between `get` and `put` of one value nothing may be awaited: an object that was taken is never changed again.
    """

    def __init__(self, store: PartitionedStore, partition: int, codec: Codec[V], table: str) -> None:
        self._table = table
        self._store = store
        self._partition = partition
        self._codec = codec
        self._read = store.reader(partition)
        self._changed: dict[Any, Any] = {}
        self._unchanged: dict[Any, Any] = {}
        self._taken: dict[Any, Any] = {}
        self._order: list[Any] = []
        self._leaving: dict[Any, bytes | None] = {}

    def get(self, key: Any) -> V | None:
        """The newest value of `key`; None where there is none.  A value that is changed has to be put."""
        value: V | None = self._changed.get(key, _UNREAD)
        if value is _UNREAD:
            value = self._unchanged.get(key, _UNREAD)
            if value is _UNREAD:
                value = self._unchanged[key] = self._load(key)
        return value

    def _load(self, key: Any) -> V | None:
        if key in self._taken:
            data = self._leave(key)
        else:
            data = self._leaving[key] if key in self._leaving else self._read(key)
        return None if data is None else load_value(self._codec, self._table, key, data)

    def _leave(self, key: Any) -> bytes | None:
        """A value that was taken, as it is stored."""
        value = self._taken.pop(key)
        data = self._leaving[key] = None if value is None else self._codec.dump(value)
        return data

    def change(self, key: Any, new: Callable[[], V]) -> V:
        """The value of `key`, a new one where there is none: it is going to be changed."""
        value: V | None = self._changed.get(key)
        if value is None:
            value = self._changed[key] = self.get(key) or new()
        return value

    def put(self, key: Any, value: V | None) -> None:
        """Set the value of `key`; None deletes it."""
        self._changed[key] = value

    def copy(self, key: Any) -> V | None:
        """The newest value of `key` as an object of its own; None where there is none."""
        value = self.get(key)
        return None if value is None else self._codec.load(self._codec.dump(value))

    def all_keys(self) -> set[Any]:
        """Every key, stored or not."""
        stored = (key for key, _ in self._store.entries(self._partition))
        newer = {**self._leaving, **self._taken, **self._changed}
        return {*stored, *(key for key, value in newer.items() if value is not None)}

    def is_changing(self, key: Any) -> bool:
        """Whether the value of `key` is not stored yet."""
        return any(key in part for part in (self._changed, self._taken, self._leaving))

    def deleted(self) -> dict[Any, bytes | None]:
        """What is deleted and not stored yet, as it is stored."""
        parts = self._changed, self._taken, self._leaving
        return {key: self._read(key) for part in parts for key, value in part.items() if value is None}

    def take(self) -> bool:
        """What changed until now is to be written.  False where nothing did."""
        self._taken, self._changed, self._unchanged = self._changed, {}, {}
        self._order = list(self._taken)
        return bool(self._taken)

    def leave(self) -> Iterator[dict[Any, bytes | None]]:
        """What was taken, as it is stored, some at a time; meanwhile the stream may go on, and read of it.

        In the order in which it changed first, which is that of time: after a crash the windows that are there are
        those before a moment.
        """
        for first in range(0, len(self._order), AT_ONCE):
            part = self._order[first : first + AT_ONCE]
            yield {key: self._leave(key) if key in self._taken else self._leaving[key] for key in part}

    def settle(self) -> bool:
        """Store what has left: the broker has it.  False where nothing has."""
        left, self._leaving = self._leaving, {}
        self._store.write_all(self._partition, left)
        return bool(left)
