"""Windows of one table, tumbling or hopping, stored as panes.

An event is written once, to the pane one step long that contains it; a hopping window is the merge of its panes (Li,
Maier, Tufte, Papadimos, Tucker: No pane, no gain. SIGMOD Record 34(1), 2005).  A tumbling window is its only pane.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from faust.streams import current_event

from fraud_stream.engine.keys import WindowRange, window_range
from fraud_stream.engine.partition import TablePartition
from fraud_stream.engine.table import ExactTable

S = TypeVar("S")
#: Seconds that changelogs of windows are kept on top of what the windows live.
LEAST_RETENTION = 7 * 86_400.0


class WindowedTable(ExactTable):
    """An `ExactTable` with windows.

    Args:
        merge: Makes a window's value of its panes' values.
        **kwargs: As `ExactTable`.
    """

    def __init__(self, app: Any, *, merge: Callable[[Iterable[Any]], Any], **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.merge = merge
        self.expires = math.inf
        self._recovered: dict[int, float] = {}

    def info(self) -> dict[str, Any]:
        """What Faust makes a copy of this table from."""
        return {**super().info(), "merge": self.merge}

    def using_window(self, window: Any, *, key_index: bool = False) -> Any:
        """Take a window; Faust calls this for ``.tumbling()`` and ``.hopping()``.

        Its attributes become this table's: `size` of a window, `step` from one to the next (a pane's length) and
        `expires`, in seconds, rounded up to whole steps: after a crash the stream's time is known to a step.
        """
        self.size, self.step = float(window.size), float(window.step)
        expires = float(window.expires or math.inf)  # Faust: None, or 0 in its compiled form
        self.expires = expires if expires == math.inf else math.ceil(expires / self.step) * self.step
        return super().using_window(window, key_index=key_index)

    def _new_changelog_topic(self, *, retention: Any = None, **kwargs: Any) -> Any:
        """Faust keeps a changelog as long as a window, by the wall clock; after a day's outage more is needed."""
        if retention is None and self.expires < math.inf:
            retention = self.size + self.expires + LEAST_RETENTION
        return super()._new_changelog_topic(retention=retention, **kwargs)

    def earliest(self, time: float) -> WindowRange:
        """The earliest window that contains `time`: the one that has seen most before it.

        Faust's ``current`` is the newest, which has seen at most one step.
        """
        return window_range(time // self.step * self.step - self.size + self.step, self.size)

    def panes_of(self, window: WindowRange) -> Iterator[WindowRange]:
        """The panes of a window, oldest first."""
        for n in range(round(self.size / self.step)):
            yield window_range(window[0] + n * self.step, self.step)

    def windows_of(self, pane: WindowRange) -> Iterator[WindowRange]:
        """The windows that a pane is part of, oldest first."""
        for n in reversed(range(round(self.size / self.step))):
            yield window_range(pane[0] - n * self.step, self.size)

    def now(self, partition: int) -> float:
        """The stream's time as this table knows it: after a crash another may have been written further than this."""
        return max(self.clock.seen(partition), self._recovered.get(partition, 0.0))

    def stored_time(self, partition: int) -> float:
        """As for any table; what was recovered is stored."""
        return max(super().stored_time(partition), self._recovered.get(partition, 0.0))

    def is_late(self, time: float, partition: int) -> bool:
        """Whether the last window of an event of that `time` has expired."""
        return self._last_end(time) + self.expires <= self.now(partition)

    def deadline(self, key: Any, data: bytes) -> float | None:
        """A pane expires with the last window that it is part of."""
        return self._deadline(key[1][0]) if self._expires else None

    def _deadline(self, start: float) -> float:
        return self._last_end(start) + self.expires

    def _schedule_all(self, partition: int, entries: Mapping[Any, bytes | None]) -> None:
        if self._expires:
            panes = defaultdict(list)
            for key in entries:
                panes[key[1]].append(key)
            for (start, _), keys in panes.items():
                self._deadlines_of(partition).add_all(keys, self._deadline(start))

    @property
    def _expires(self) -> bool:
        return self.expires < math.inf

    def _remove(self, partition: int, keys: list[Any]) -> None:
        self.store.write_all(partition, dict.fromkeys(keys))  # no tombstone: the changelog's retention deletes windows

    def _notice(self, partition: int, key: Any, data: bytes) -> None:
        self._recovered[partition] = max(key[1][0], self._recovered.get(partition, 0.0))
        self.clock.recover(partition, key[1][0])
        super()._notice(partition, key, data)

    def _forget_partition(self, partition: int) -> None:
        super()._forget_partition(partition)
        self._recovered.pop(partition, None)

    def _last_end(self, time: float) -> float:
        return time // self.step * self.step + self.size

    def __getitem__(self, key: Any) -> Any:
        return self._get_key(key)

    def _relative_now(self, event: Any = None) -> float:
        """Faust's ``now()``: the stream's time, of the event's partition or of the newest."""
        event = current_event() if event is None else event
        partitions = self.store.held() if event is None else [event.message.partition]
        return max((self.clock.now(partition) for partition in partitions), default=0.0)

    def _get_key(self, key: Any) -> Any:
        """Faust reads windows through this: a window is the merge of its panes."""
        name, window = key
        panes = (self._pane(name, pane) for pane in self.panes_of(window))
        return self.merge(pane for pane in panes if pane is not None)

    def _has_key(self, key: Any) -> bool:
        return any(self._pane(key[0], pane) is not None for pane in self.panes_of(key[1]))

    def _pane(self, name: Any, pane: WindowRange) -> Any:
        searched = (self.partition(n).get((name, pane)) for n in self._partitions_to_search())
        return next((value for value in searched if value is not None), None)

    def _set_key(self, key: Any, value: Any) -> None:
        raise TypeError(f"a window of {self.name} cannot be set: it is the merge of its panes; use Windows.add")

    def windows_of_key(self, name: Any, partitions: Iterable[int]) -> list[tuple[WindowRange, Any]]:
        """Every window of a key that has something in it, oldest first."""
        panes = {pane: value for partition in partitions for pane, value in self._panes_of_key(name, partition)}
        starts = sorted({window for pane in panes for window in self.windows_of(pane)})
        return [(window, self.merge(panes[p] for p in self.panes_of(window) if p in panes)) for window in starts]

    def _panes_of_key(self, name: Any, partition: int) -> Iterator[tuple[WindowRange, Any]]:
        if self.expires == math.inf:  # any pane may be there
            live = {key[1] for key in self.partition(partition).all_keys() if key[0] == name}
        else:
            live = set(self._live_panes(partition))
        held = self.partition(partition)
        for pane in sorted(live):
            value = held.get((name, pane))
            if value is not None:
                yield pane, value

    def _live_panes(self, partition: int) -> Iterator[WindowRange]:
        now = self.clock.now(partition)
        first = (now - self.expires - self.size) // self.step
        for n in range(int(first), int(now // self.step) + 1):
            yield window_range(n * self.step, self.step)


class Windows(Generic[S]):
    """The windows of one partition while its events are processed: on the hot path, so nothing is asked twice.

    Args:
        table: The table.
        partition: The partition.
        new: Makes the value of an empty pane.
    """

    def __init__(self, table: WindowedTable, partition: int, new: Callable[[], S]) -> None:
        self._table = table
        self._partition = partition
        self._held: TablePartition[S] = table.partition(partition)
        self._new = new
        self._size, self._step = table.size, table.step
        self._steps = round(self._size / self._step)
        self._newest = window_range(0.0, self._step)
        self._now = table.now
        self._expires = table.expires

    def change(self, key: Any, time: float) -> S | None:
        """The value that an event of that `time` is added to; None where it is too late for that."""
        if time + self._expires < self._now(self._partition) and self._table.is_late(time, self._partition):
            return None
        return self._value((key, self._pane(time // self._step * self._step)))

    def _value(self, key: Any) -> S:
        return self._held.change(key, self._new)

    def _pane(self, start: float) -> WindowRange:
        """The pane that starts there; most events are of the same one as the event before."""
        if start != self._newest[0]:
            self._newest = window_range(start, self._step)
        return self._newest

    def window(self, key: Any, time: float, last: float | None, pane: S | None) -> S:
        """The earliest window that contains `time`, with all that was added.

        `last` is the largest time that was added before `time` was: between the two there is nothing to look for.
        `pane` is the value that `change` gave for `time`; where that was None, the window's panes have expired too,
        whether they are deleted yet or not.
        """
        if pane is None:
            return self._new()
        step, get = self._step, self._held.get
        newest = time // step * step
        if self._steps == 1 or last is None or last < newest - self._size + step:
            return pane
        panes = [get((key, window_range(newest - n * step, step))) for n in self._earlier(newest, last)]
        merged: S = self._table.merge(pane for pane in (*panes, pane) if pane is not None)
        return merged

    def _earlier(self, newest: float, last: float | None) -> Iterator[int]:
        """How many steps back the panes before it are that may have something in them, the farthest first."""
        nearest = 1 if last is None or last >= newest else math.ceil((newest - last) / self._step)
        yield from range(self._steps - 1, nearest - 1, -1)


class Preview(Windows[S]):
    """Windows that an event is looked at in and that stay as they are: what `change` gives is a copy."""

    def _value(self, key: Any) -> S:
        found = self._held.copy(key)
        return self._new() if found is None else found
