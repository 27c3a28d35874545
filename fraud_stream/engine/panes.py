"""Windows of one table, tumbling or hopping, stored as panes.

An event is written once, to the pane one step long that contains it; a hopping window is the merge of its panes (Li,
Maier, Tufte, Papadimos, Tucker: No pane, no gain. SIGMOD Record 34(1), 2005).  A tumbling window is its only pane.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar


from fraud_stream.engine.keys import WindowRange, window_range
from fraud_stream.engine.table import ExactTable, TablePartition

S = TypeVar("S")


class WindowedTable(ExactTable):
    """An `ExactTable` with windows.

    Args:
        merge: Makes a window's value of its panes' values.
        **kwargs: As `ExactTable`.
    """

    def __init__(self, app: Any, *, merge: Callable[[Iterable[Any]], Any], **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.merge = merge

    def info(self) -> dict[str, Any]:
        """What Faust makes a copy of this table from."""
        return {**super().info(), "merge": self.merge}

    @property
    def size(self) -> float:
        """Length of a window, seconds."""
        return float(self.window.size)

    @property
    def step(self) -> float:
        """Seconds from the start of one window to that of the next; a pane's length."""
        return float(self.window.step)

    def pane_range(self, time: float) -> WindowRange:
        """The pane that contains `time`."""
        return window_range(time // self.step * self.step, self.step)

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

    def is_late(self, time: float, partition: int) -> bool:
        """Whether the last window of an event of that `time` has expired."""
        expires = self.window.expires
        return expires is not None and self._last_end(time) + expires <= self.clock.now(partition)

    def deadline(self, key: Any, data: bytes) -> float | None:
        """A pane expires with the last window that it is part of."""
        expires = self.window.expires
        return None if expires is None else self._last_end(key[1][0]) + float(expires)

    def _last_end(self, time: float) -> float:
        return time // self.step * self.step + self.size

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

    def windows_of_key(self, name: Any) -> list[tuple[WindowRange, Any]]:
        """Every window of a key that has something in it, oldest first."""
        panes = {pane: value for partition in self.data.held() for pane, value in self._panes_of_key(name, partition)}
        starts = sorted({window for pane in panes for window in self.windows_of(pane)})
        return [(window, self.merge(panes[p] for p in self.panes_of(window) if p in panes)) for window in starts]

    def _panes_of_key(self, name: Any, partition: int) -> Iterator[tuple[WindowRange, Any]]:
        held = self.partition(partition)
        for pane in self._live_panes(partition):
            value = held.get((name, pane))
            if value is not None:
                yield pane, value

    def _live_panes(self, partition: int) -> Iterator[WindowRange]:
        now = self.clock.now(partition)
        first = (now - (self.window.expires or 0.0) - self.size) // self.step
        for n in range(int(first), int(now // self.step) + 1):
            yield window_range(n * self.step, self.step)


class Windows(Generic[S]):
    """The windows of one partition while its events are processed.

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

    def is_late(self, time: float) -> bool:
        """Whether it is too late to add an event of that `time`, seconds."""
        return self._table.is_late(time, self._partition)

    def pane(self, key: Any, time: float) -> S:
        """The value that an event of that `time` is added to."""
        return self._held.get((key, self._table.pane_range(time))) or self._new()

    def put(self, key: Any, time: float, value: S) -> None:
        """Keep the changed value of a pane."""
        self._held.put((key, self._table.pane_range(time)), value)

    def window(self, key: Any, time: float) -> S:
        """The earliest window that contains `time`, with all that was added."""
        table, get = self._table, self._held.get
        found = [get((key, pane)) for pane in table.panes_of(table.earliest(time))]
        panes = [pane for pane in found if pane is not None]
        if len(panes) == 1:
            return panes[0]
        merged: S = table.merge(panes)
        return merged
