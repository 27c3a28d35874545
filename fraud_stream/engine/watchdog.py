"""Finds a worker that lives and does nothing, and ends it, so that whatever supervises it starts another.

Agents, recovery and fetches are tasks of one event loop.  Any of them may wait for something that never comes, and the
process would look well: it answers its broker and keeps its partitions, and nobody decides their transactions.  A
broker that does not answer for so long ends it too: a new worker says so at once.

A worker that has failed stops by itself, and that may hang as well: it waits for a broker that no longer knows it.
"""

import asyncio
import contextlib
import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mode import Service

log = logging.getLogger(__name__)
#: Exit code of a worker that was stuck: "internal software error" in BSD's sysexits.
EXIT_STUCK = 70
#: Looks within the time that a worker may stand still.
_LOOKS = 20
#: Seconds that the last words may take: what they are written to may be what blocks.
_LAST_WORDS = 5.0
#: Seconds that a worker that has failed may take to stop: nothing that it still does is written.
_TO_STOP = 15.0
#: Lines of a task's stack that are told.
_STACK_LINES = 3


class Signs(NamedTuple):
    """Signs of life of a worker at one moment.

    Attributes:
        phase: What it does: starting, rebalancing, recovering or running.
        moves: Numbers of which one changes whenever it gets on with that; or, where several things must get on, each
            with its numbers.
    """

    phase: str
    moves: tuple[int, ...] | Mapping[Any, Any]


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
        self.phase = "starting"
        self._signs = signs
        self._end = end
        self._since: dict[Any, tuple[Any, float]] = {}
        self._looked_at = time.monotonic()
        self._over = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def still_for(self) -> float:
        """Seconds since the thing that has stood still for longest moved."""
        times = [moved_at for _, moved_at in self._since.values()]
        return time.monotonic() - min([self._looked_at, *times])

    @property
    def is_stalled(self) -> bool:
        """Whether it has stood still for half of what it may."""
        return self.still_for > self.limit / 2

    async def on_start(self) -> None:
        """Begin to watch."""
        self._looked_at = time.monotonic()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    async def on_stop(self) -> None:
        """Watch no more: a worker that is told to stop has all the time that its supervisor gives it."""
        self._over.set()

    def look(self) -> None:
        """Note what has moved."""
        signs, now = self._signs(), time.monotonic()
        things = signs.moves if isinstance(signs.moves, Mapping) else {"": signs.moves}
        known = self._since if signs.phase == self.phase else {}
        new = {thing: (number, now) for thing, number in things.items()}
        self._since = {thing: known[thing] if _is(known, thing, one) else one for thing, one in new.items()}
        self.phase, self._looked_at = signs.phase, now

    @Service.task
    async def _look_now_and_then(self) -> None:
        while not self.should_stop:
            self.look()
            await asyncio.sleep(self.limit / _LOOKS)

    def _crash(self, reason: BaseException) -> None:
        """Faust tells all services of a worker that one of them has failed."""
        if self.started and not self.crashed:
            timer = threading.Timer(_TO_STOP, self._give_up, [lambda: "it has failed and does not come to an end"])
            timer.daemon = True
            timer.start()
        super()._crash(reason)

    def _watch(self) -> None:
        while not self._over.wait(self.limit / _LOOKS):
            if self.still_for > self.limit:
                self._give_up(lambda: f"something has not moved for {self.limit:.0f} s{self._still()}")
                return

    def _give_up(self, why: Callable[[], str]) -> None:
        speaker = threading.Thread(target=self._say, args=[why], daemon=True)
        speaker.start()
        speaker.join(_LAST_WORDS)
        self._end(EXIT_STUCK)

    def _say(self, why: Callable[[], str]) -> None:
        log.critical(
            "this worker is stuck (%s): %s; it ends with exit code %d, to be started again. What each thread and task "
            "waits for is on standard error",
            self.phase,
            why(),
            EXIT_STUCK,
        )
        errors = sys.__stderr__  # Faust has put something else for sys.stderr
        with contextlib.suppress(Exception):  # it ends in any case
            faulthandler.dump_traceback(errors or 2, all_threads=True)
            for task in asyncio.all_tasks(self._loop):
                task.print_stack(limit=_STACK_LINES, file=errors)

    def _still(self) -> str:
        """The things that stand still, where there are several."""
        now = time.monotonic()
        still = [str(thing) for thing, (_, moved_at) in self._since.items() if thing and now - moved_at > self.limit]
        return f": {', '.join(still)}" if still else ""


def _is(known: Mapping[Any, tuple[Any, float]], thing: Any, one: tuple[Any, float]) -> bool:
    """Whether a thing is where it was."""
    return thing in known and known[thing][0] == one[0]
