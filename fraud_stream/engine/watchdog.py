"""Finds a worker that lives and does nothing, and ends it, so that whatever supervises it starts another.

Agents, recovery and fetches are tasks of one event loop.  Any of them may wait for something that never comes, and the
process would look well: it answers its broker and keeps its partitions, and nobody decides their transactions.
"""

import asyncio
import contextlib
import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from mode import Service

log = logging.getLogger(__name__)
#: Exit code of a worker that was stuck: "internal software error" in BSD's sysexits.
EXIT_STUCK = 70
#: Looks within the time that a worker may stand still.
_LOOKS = 20
#: Seconds that the last words may take: what they are written to may be what blocks.
_LAST_WORDS = 5.0


class Signs(NamedTuple):
    """Signs of life of a worker at one moment.

    Attributes:
        phase: What it does: starting, rebalancing, recovering or running.
        moves: Numbers of which one changes whenever it gets on with that.
    """

    phase: str
    moves: tuple[int, ...]


class Watchdog(Service):
    """Looks at the signs of life, in the event loop, and has a thread that sees when it stopped looking.

    Args:
        signs: Tells the signs of life.
        limit: Seconds without any after which the worker is stuck.
        end: Ends the process with an exit code, at once.
    """

    def __init__(
        self, signs: Callable[[], Signs], limit: float, end: Callable[[int], object] = os._exit, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        self._signs = signs
        self._end = end
        self._last = signs()
        self._moved_at = time.monotonic()
        self._over = threading.Event()

    @property
    def phase(self) -> str:
        """What the worker does: starting, rebalancing, recovering or running."""
        return self._last.phase

    @property
    def still_for(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - self._moved_at

    @property
    def is_stalled(self) -> bool:
        """Whether it has stood still for half of what it may."""
        return self.still_for > self.limit / 2

    async def on_start(self) -> None:
        """Begin to watch."""
        self._moved_at = time.monotonic()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    async def on_stop(self) -> None:
        """Watch no more: Faust ends what hangs at the end by itself."""
        self._over.set()

    def look(self) -> None:
        """Note whether there is a new sign of life."""
        signs = self._signs()
        if signs != self._last:
            self._last, self._moved_at = signs, time.monotonic()

    @Service.task
    async def _look_now_and_then(self) -> None:
        while not self.should_stop:
            self.look()
            await asyncio.sleep(self.limit / _LOOKS)

    def _watch(self) -> None:
        while not self._over.wait(self.limit / _LOOKS):
            if self.still_for > self.limit:
                self._give_up()
                return

    def _give_up(self) -> None:
        speaker = threading.Thread(target=self._say_why, daemon=True)
        speaker.start()
        speaker.join(_LAST_WORDS)
        self._end(EXIT_STUCK)

    def _say_why(self) -> None:
        log.critical(
            "this worker is stuck (%s): nothing has moved for %.0f s; it ends with exit code %d, to be started again",
            self.phase,
            self.still_for,
            EXIT_STUCK,
        )
        with contextlib.suppress(Exception):  # standard error may be no file
            faulthandler.dump_traceback(sys.stderr, all_threads=True)
