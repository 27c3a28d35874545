"""What the page reads from topics and writes to them, in a few threads: agents must not wait for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from faust.web.exceptions import ServiceUnavailable

T = TypeVar("T")


class Threads:
    """Some threads, and a bound for what waits for them.

    Args:
        name: What they are for.
        threads: How many there are.
        most: What is under way or waits at most; more is refused.
    """

    def __init__(self, name: str, threads: int, most: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"dashboard-{name}")
        self._most = most
        self._under_way: set[object] = set()

    async def run(self, call: Callable[[], T]) -> T:
        """What a call gives.

        Raises:
            ServiceUnavailable: Too many wait already.
        """
        if len(self._under_way) >= self._most:
            raise ServiceUnavailable("this worker is busy for others already; ask again in a few seconds")
        question = object()
        self._under_way.add(question)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._under_way.discard(question)


#: Agents must not wait for what is read for the page.
reading = Threads("reading", 2, 10)
#: Nor must changes, which are few and small.
changing = Threads("changing", 2, 20)
