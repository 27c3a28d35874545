"""Refits the challenger: on a schedule, and when another part of the worker says so.

The worker that reads `labelled` does it, in a process of its own (`fraud-stream train`), so that fitting takes neither
the event loop nor the interpreter from the stream; it has lower priority.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from agents.models import challengers
from fraud_stream.app import app, settings

log = logging.getLogger(__name__)
#: After one that failed, mostly for too few frauds, it is tried again after so long, or when the next is due.
TRY_AGAIN = 3_600.0
#: Seconds between two looks at the clock.
LOOK_EVERY = 1.0
_NICE = 10
#: Seconds that a process has to end when it is asked to.
_PATIENCE = 3.0
_LONGEST_LINE = 500
COMMAND = (sys.executable, "-m", "fraud_stream", "train")


class Refits:
    """Starts the process when it is due; never two at once.

    Args:
        every: Seconds between two refits by the clock of this machine; None for none by schedule.
        newest: When the newest challenger was made, seconds since 1970; None before the first.
        command: The process.

    Attributes:
        counts: How many refits this worker has ``started``, ``done`` or ``failed``.
    """

    def __init__(self, every: float | None, newest: Callable[[], float | None], command: tuple[str, ...]) -> None:
        self.counts = {"started": 0, "done": 0, "failed": 0}
        self._every, self._newest, self._command = every, newest, command
        self._wanted: str | None = None
        self._tried_at = 0.0
        self._is_ours = False
        self._running: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a challenger is being fitted here."""
        return self._running is not None and not self._running.done()

    def want(self, reason: str) -> bool:
        """Have it refit now; whether it will: only the worker that learns does, and not while it is at it."""
        if not self._is_ours or self.is_running:
            return False
        self._wanted = reason
        return True

    def start_if_due(self) -> None:
        """Start the process if it is wanted or its time has come."""
        if not self._is_ours or self.is_running:
            return
        reason, self._wanted = self._wanted or ("schedule" if self._is_due(time.time()) else None), None
        if reason is not None:
            self._tried_at = time.time()
            self._running = asyncio.ensure_future(self._run(reason))

    def _is_due(self, now: float) -> bool:
        if self._every is None:
            return False
        return now >= max((self._newest() or 0.0) + self._every, self._tried_at + min(self._every, TRY_AGAIN))

    def own(self, is_ours: bool) -> None:
        """Note whether this worker is the one that learns; if not, a fit under way ends."""
        self._is_ours = is_ours
        if not is_ours and self._running is not None and not self._running.cancelling():
            self._running.cancel()  # once: a second time would interrupt the ending of its process

    async def stop(self) -> None:
        """End a fit under way, and wait for its end."""
        self.own(False)
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self, reason: str) -> None:
        self.counts["started"] += 1
        log.info("refitting the challenger (%s)", reason)
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*self._command, stdout=pipe, stderr=pipe)
        except OSError as error:
            self._tell(1, f"cannot start: {error}")
            return
        try:
            with suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
            out, err = await process.communicate()
            self._tell(process.returncode, (out if process.returncode == 0 else err).decode(errors="replace"))
        finally:
            await _end(process)

    def _tell(self, code: int | None, said: str) -> None:
        last = (said.strip().splitlines() or ["it said nothing"])[-1][:_LONGEST_LINE]
        self.counts["done" if code == 0 else "failed"] += 1
        if code == 0:
            log.info("refitted the challenger: %s", last)
        else:
            log.warning("the challenger could not be refitted, the one there stays: %s", last)


async def _end(process: Any) -> None:
    """End a process that still runs, and not later than after some patience."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE)
    except TimeoutError:
        process.kill()


def _newest() -> float | None:
    return challengers.in_force.model.created_at if challengers.in_force else None


refits = Refits(settings.challenger.refit_every, _newest, COMMAND)


def refit_now(reason: str) -> bool:
    """Have the challenger refit at once, if this worker is the one that learns and is not at it already.

    Args:
        reason: Why; it is logged.

    Returns:
        Whether it will be.
    """
    return refits.want(reason)


if settings.model.enabled:

    @app.task  # type: ignore[untyped-decorator]
    async def look() -> None:
        """See now and then whether a refit is due."""
        while not app.should_stop:
            refits.start_if_due()
            await app.sleep(LOOK_EVERY)

    @app.on_partitions_assigned.connect
    async def on_assigned(*given: Any, **__: Any) -> None:
        """Only the worker that reads `labelled` refits."""
        refits.own(any(place.topic == settings.topics.labelled for place in given[-1]))

    @app.on_before_shutdown.connect
    async def on_shutdown(*_: Any, **__: Any) -> None:
        """A worker that ends leaves no process behind."""
        await refits.stop()
