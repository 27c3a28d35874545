"""Answers what was asked at about the same time together: models and rules cost little more for many than for one."""

import asyncio
import math
import time

from agents.preview import Previewed, preview
from fraud_stream.domain.transaction import Transaction

#: Transactions that are answered at once: the stream waits meanwhile.
TOGETHER = 50
#: Seconds from the end of an answer to the next one: whoever asks in these is answered with those who come meanwhile.
PACE = 0.005
Place = tuple[Transaction, int]


class Desk:
    """Takes questions, and answers them at the next turn of the event loop; `PACE` after the last at the soonest."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Place, asyncio.Future[Previewed | None]]] = []
        self._answered = -math.inf

    async def ask(self, tx: Transaction, partition: int) -> Previewed | None:
        """What would be decided of a transaction; None where it would be ignored."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Previewed | None] = loop.create_future()
        self._waiting.append(((tx, partition), answer))
        if len(self._waiting) == 1:
            loop.call_at(self._answered + PACE, self._answer)
        return await answer

    def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        turn, began = loop.time(), time.monotonic()  # in uvloop its own time stands still within a turn
        waiting = [one for one in self._waiting if not one[1].done()]  # whoever has gone is not answered
        now, self._waiting = waiting[:TOGETHER], waiting[TOGETHER:]
        _answer_all(now)
        self._answered = turn + (time.monotonic() - began)
        if self._waiting:
            loop.call_at(self._answered + PACE, self._answer)


def _answer_all(now: "list[tuple[Place, asyncio.Future[Previewed | None]]]") -> None:
    try:
        found = preview([place for place, _ in now])
    except Exception as error:  # whoever asked is told, not the loop
        for _, answer in now:
            _settle(answer, error)
        return
    for (_, answer), one in zip(now, found, strict=True):
        _settle(answer, one)


def _settle(answer: "asyncio.Future[Previewed | None]", found: Previewed | Exception | None) -> None:
    if answer.done():  # whoever asked has gone
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)
