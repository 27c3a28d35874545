"""What the page reads from topics for one question, in two threads at most: agents must not wait for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from faust.web.exceptions import ServiceUnavailable

#: Questions that are read for at a time.
THREADS = 2
#: Questions that wait or are read for, beyond which a new one is refused.
MOST = 10
T = TypeVar("T")
_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="dashboard")
_under_way: set[object] = set()


async def in_thread(read: Callable[[], T]) -> T:
    """What `read` gives.

    Raises:
        ServiceUnavailable: Too many questions wait already.
    """
    if len(_under_way) >= MOST:
        raise ServiceUnavailable("this worker reads for others already; ask again in a few seconds")
    question = object()
    _under_way.add(question)
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, read)
    finally:
        _under_way.discard(question)
