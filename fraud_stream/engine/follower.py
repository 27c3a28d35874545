"""A topic that follows: it is made of another one and read back by a worker that still processes that one.

Where there is a backlog the worker may process days before it reads what it told itself of the first, as a client is
given the backlogs of its partitions in no fair order.  So what it processes waits where what follows is too far behind.
What other workers made is not waited for, nor does a worker wait that does not read the topic.
"""

import time
from typing import Any

from fraud_stream.engine.alignment import AHEAD, PATIENCE

#: Seconds that one chunk waits at most, though what follows moves.
LONGEST = 5.0


class Follower:
    """How far this worker has made a topic, and how far it has read that back, in the stream's time.

    Args:
        app: The application.
        topic: The topic that follows.
    """

    def __init__(self, app: Any, topic: str) -> None:
        self._app = app
        self._topic = topic
        self._made = self._read = self._unread_since = 0.0
        self._moved_at = 0.0
        self._waits_since: float | None = None
        self._given_up: float | None = None

    def made(self, time: float) -> None:
        """A record of that time was sent."""
        if self._read >= self._made:
            self._unread_since = time
        self._made = max(self._made, time)

    def read(self, read_to: float) -> None:
        """A record of that time, made here, was read and processed."""
        if read_to > self._read:
            self._read, self._moved_at = read_to, time.monotonic()

    def is_late(self, now: float) -> bool:
        """Whether something is unread that is an hour behind `now`; not for long where that does not change."""
        if not self._is_behind(now):
            self._waits_since = None
            return False
        clock = time.monotonic()
        self._waits_since = self._waits_since or clock
        if clock - max(self._waits_since, self._moved_at) > PATIENCE:
            self._given_up = self._read
        if self._given_up == self._read or clock - self._waits_since > LONGEST:
            self._waits_since = None
            return False
        return True

    def _is_behind(self, now: float) -> bool:
        oldest = max(self._read, self._unread_since)
        is_unread = self._read < self._made and oldest < now - AHEAD
        return is_unread and self._given_up != self._read and self._is_read_here()

    def _is_read_here(self) -> bool:
        return any(tp.topic == self._topic for tp in self._app.consumer.assignment())
