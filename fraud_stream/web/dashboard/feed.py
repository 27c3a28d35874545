"""The newest alerts as one sequence that many can follow."""

import asyncio
import secrets
from collections import deque
from itertools import takewhile
from typing import NamedTuple

from fraud_stream.records import Alert, Drift


class Held(NamedTuple):
    """An alert and its number in the sequence."""

    number: int
    alert: Alert | Drift


class Feed:
    """Holds the newest alerts, each once: a crash may have sent one twice.

    A place in the sequence is told as ``EPOCH-NUMBER``.  Each feed has an epoch of its own, so a place of another one,
    of this worker before or of another worker, is known to say nothing: who comes with it is given all that is held.

    Args:
        most: How many alerts are held.

    Attributes:
        news: Set, and replaced by a new one, when alerts were added, trouble came or went, or the feed has ended.
        is_over: Whether nothing more will come.
        trouble: Why nothing may come for a while; None where all is well.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.news = asyncio.Event()
        self.is_over = False
        self.trouble: str | None = None
        self._epoch = secrets.token_hex(4)
        self._held: deque[Held] = deque()
        self._ids: set[str] = set()
        self._last = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def newest_first(self) -> list[Alert | Drift]:
        """The alerts that are held."""
        return [one.alert for one in reversed(self._held)]

    @property
    def last(self) -> int:
        """The number of the newest alert; 0 before the first."""
        return self._last

    def add(self, alert: Alert | Drift) -> None:
        """Hold an alert; whoever follows learns of it at the next `tell`."""
        if alert.alert_id in self._ids:
            return
        if len(self._held) == self.most:
            self._ids.discard(self._held.popleft().alert.alert_id)
        self._last += 1
        self._held.append(Held(self._last, alert))
        self._ids.add(alert.alert_id)

    def tell(self) -> None:
        """Wake those who follow."""
        self.news.set()
        self.news = asyncio.Event()

    def close(self) -> None:
        """Nothing more will come."""
        self.is_over = True
        self.tell()

    def find(self, alert_id: str) -> Alert | Drift | None:
        """An alert that is held."""
        return next((one.alert for one in reversed(self._held) if one.alert.alert_id == alert_id), None)

    def after(self, number: int) -> list[Held]:
        """What came after a place, the oldest first."""
        newer = list(takewhile(lambda one: one.number > number, reversed(self._held)))
        return newer[::-1]

    def has_lost(self, number: int) -> bool:
        """Whether something that came after a place is no longer held."""
        return bool(self._held) and self._held[0].number > number + 1

    def place(self, number: int) -> str:
        """A place as it is told."""
        return f"{self._epoch}-{number}"

    def number(self, place: str | None) -> int:
        """The number of a place, and at least the one before all that is held."""
        epoch, _, number = (place or "").partition("-")
        oldest = self._held[0].number - 1 if self._held else self._last
        is_ours = epoch == self._epoch and number.isascii() and number.isdecimal() and len(number) < 19
        return max(oldest, min(int(number), self._last)) if is_ours else oldest
