import asyncio

import pytest

from fraud_stream.domain.transaction import Transaction
from fraud_stream.web.predict import desk as module
from fraud_stream.web.predict.desk import PACE, TOGETHER, Desk

#: Of uvloop's clock, seconds.
RESOLUTION = 0.002


def tx(n: int) -> Transaction:
    return Transaction(f"T{n}", "C1", 0.0, 1.0)


async def test_what_is_asked_at_once_is_answered_together_and_in_order(monkeypatch):
    asked: list[int] = []

    def preview(places):
        asked.append(len(places))
        return [one.transaction_id for one, _ in places]

    monkeypatch.setattr(module, "preview", preview)
    desk = Desk()
    began = asyncio.get_running_loop().time()
    found = await asyncio.gather(*(desk.ask(tx(n), 0) for n in range(2 * TOGETHER + 1)))
    assert asyncio.get_running_loop().time() - began >= 2 * PACE - RESOLUTION  # the stream has its turns between
    assert found == [f"T{n}" for n in range(2 * TOGETHER + 1)]
    assert asked == [TOGETHER, TOGETHER, 1]
    assert await desk.ask(tx(7), 0) == "T7"


async def test_who_asks_soon_after_an_answer_is_answered_with_those_who_come_meanwhile(monkeypatch):
    asked: list[tuple[float, int]] = []
    loop = asyncio.get_running_loop()

    def preview(places):
        asked.append((loop.time(), len(places)))
        return [one.transaction_id for one, _ in places]

    monkeypatch.setattr(module, "preview", preview)
    monkeypatch.setattr(module, "PACE", 3_600.0)
    desk = Desk()
    assert await asyncio.wait_for(desk.ask(tx(0), 0), 60) == "T0"
    monkeypatch.setattr(module, "PACE", 2.0)
    answers = []
    for n in range(1, 4):
        answers.append(asyncio.ensure_future(desk.ask(tx(n), 0)))
        await asyncio.sleep(0.001)
    assert await asyncio.gather(*answers) == ["T1", "T2", "T3"]
    (first, one), (second, three) = asked
    assert (one, three) == (1, 3)
    assert second - first >= 1.9


async def test_a_failure_is_told_to_all_who_asked_and_to_nobody_after(monkeypatch):
    answers = iter([RuntimeError("broken"), ["fine"]])

    def preview(places):
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(module, "preview", preview)
    desk = Desk()
    both = await asyncio.gather(desk.ask(tx(1), 0), desk.ask(tx(2), 0), return_exceptions=True)
    assert [str(one) for one in both] == ["broken", "broken"]
    assert await desk.ask(tx(3), 0) == "fine"


async def test_who_has_gone_is_not_waited_for_nor_answered(monkeypatch):
    asked: list[str] = []

    def preview(places):
        asked.extend(one.transaction_id for one, _ in places)
        return ["fine"] * len(places)

    monkeypatch.setattr(module, "preview", preview)
    desk = Desk()
    gone = asyncio.ensure_future(desk.ask(tx(1), 0))
    await asyncio.sleep(0)
    gone.cancel()
    assert await desk.ask(tx(2), 0) == "fine"
    assert asked == ["T2"]
    with pytest.raises(asyncio.CancelledError):
        await gone
