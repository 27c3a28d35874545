"""When stored values expire: by the stream's own time, never by the wall clock.

Replaying last year's transactions must give the same windows as living through them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Any


class StreamClock:
    """The stream's time: the largest event time in each partition, seconds.

    It goes with the tables: where what changed in them is forgotten, to be processed again, what was seen is forgotten
    too.  Else events that come again would find themselves late, and the windows before them expired.

    >>> clock = StreamClock()
    >>> clock.observe(0, 50.0); clock.observe(0, 40.0); clock.now(0)
    50.0
    >>> clock.take(); clock.observe(0, 60.0); clock.settle(); clock.now(0), clock.settled(0)
    (60.0, 50.0)
    >>> clock.go_back(); clock.now(0)
    50.0
    """

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        self._taken: dict[int, float] = {}
        self._settled: dict[int, float] = {}
        self._recovered: dict[int, float] = {}

    def observe(self, partition: int, time: float) -> None:
        """An event of that time was seen."""
        if time > self._seen.get(partition, 0.0):
            self._seen[partition] = time

    def recover(self, partition: int, time: float) -> None:
        """A table has something of that time in it."""
        self._recovered[partition] = max(time, self._recovered.get(partition, 0.0))

    def now(self, partition: int) -> float:
        """The partition's time; 0 before its first event."""
        return max(self.seen(partition), self._recovered.get(partition, 0.0))

    def seen(self, partition: int) -> float:
        """The largest time of the events that this worker has processed; 0 before the first."""
        return self._seen.get(partition, 0.0)

    def take(self) -> None:
        """What was seen until now is on its way to be stored."""
        self._taken = dict(self._seen)

    def settle(self) -> None:
        """What was taken is stored, in all tables."""
        self._settled |= self._taken

    def settled(self, partition: int) -> float:
        """The largest time that was seen and is stored: what has expired by it is not needed again."""
        return self._settled.get(partition, 0.0)

    def go_back(self) -> None:
        """What is not stored is forgotten, and will be seen again."""
        self._seen, self._taken = dict(self._settled), {}


class Deadlines:
    """The keys of one partition by the time at which they expire.

    Deadlines are rounded up to whole buckets, so that a key costs one reference, not an entry in a heap.

    >>> deadlines = Deadlines(bucket=60.0)
    >>> deadlines.add("C1", 59.0); deadlines.add("C2", 200.0)
    >>> list(deadlines.expired(60.0)), list(deadlines.expired(60.0))
    (['C1'], [])
    """

    def __init__(self, bucket: float) -> None:
        self._bucket = bucket
        self._keys: defaultdict[float, set[Any]] = defaultdict(set)
        self._order: list[float] = []

    def add(self, key: Any, deadline: float) -> None:
        """`key` expires at `deadline`."""
        self._at(deadline).add(key)

    def add_all(self, keys: Iterable[Any], deadline: float) -> None:
        """These `keys`, at least one, expire at `deadline`."""
        self._at(deadline).update(keys)

    def _at(self, deadline: float) -> set[Any]:
        bucket = -(-deadline // self._bucket) * self._bucket
        keys = self._keys[bucket]
        if not keys:
            heappush(self._order, bucket)
        return keys

    def expired(self, now: float) -> Iterator[Any]:
        """The keys whose deadline has passed; each is told once."""
        while self._order and self._order[0] <= now:
            yield from self._keys.pop(heappop(self._order))
