"""How soon ``POST /predict`` answers while the same worker processes the stream.

A process of its own asks when a question is due, whether or not those before were answered (an open loop), and each
latency counts from the moment when it *was to be* asked.  Every question is a transaction that comes on the topic at
about that moment, under another id, so customers and merchants are known.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp
import msgspec

from benchmarks.contest import EVERYTHING, start
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Run, Spread
from benchmarks.latency import LABEL_DELAY, raised
from benchmarks.material import Step, steps
from benchmarks.sender import Order, Sender
from benchmarks.stage import Worker, stage

#: Questions a second.
ASKED = 500.0
_OK = 200
_CONNECTIONS = 64


class Predicting(NamedTuple):
    """What came of it.

    Attributes:
        rate: Transactions a second on the topic.
        asked: Questions a second.
        answers: From the moment a question was to be asked to its answer.
        refused: Questions that were not answered with a prediction.
        worker: The worker's run; its transactions are those of the topic that it decided meanwhile.
    """

    rate: float
    asked: float
    answers: Spread
    refused: int
    worker: Run


class Questions(NamedTuple):
    """What is to be asked: where, what, and how often a second, from a moment on, seconds since 1970."""

    url: str
    bodies: Sequence[bytes]
    rate: float
    begin: float


class Answers(NamedTuple):
    """How long each answer took, seconds, and how many were none."""

    waits: list[float]
    refused: int


def measure(broker: str, rate: float, seconds: float, warm_up: float, asked: float = ASKED) -> Predicting:
    """Send and ask at steady rates.

    Args:
        broker: Which one, of `stage.BROKERS`.
        rate: Transactions a second.
        seconds: How long is asked.
        warm_up: Seconds of sending before that.
        asked: Questions a second.
    """
    flow = list(raised(steps(round(rate * (warm_up + seconds)), LABEL_DELAY)))
    with (
        stage(broker) as place,
        start(place, EVERYTHING) as worker,
        Sender(Order(place.settings, flow, rate)) as sender,
        multiprocessing.get_context("spawn").Pool(1) as asker,
    ):
        asker.apply(_be_ready)
        worker.wait_until_ready()
        begin = sender.begin() + warm_up
        questions = Questions(
            f"{worker.address}/predict", _bodies(flow, (rate, asked), (warm_up, seconds)), asked, begin
        )
        asking = asker.apply_async(ask_all, (questions,))
        time.sleep(max(0.0, begin - time.time()))
        first, before = worker.read(), _decided(worker)
        found = asking.get()
        last, after = worker.read(), _decided(worker)
    run = Run(after - before, last.time - first.time, last.cpu - first.cpu)
    return Predicting(rate, asked, Spread.of(found.waits), found.refused, run)


def _decided(worker: Worker) -> int:
    """How many transactions of the topic it has decided."""
    counted = worker.get("/dashboard/api/worker")["counters"]["transactions_scored"]["counts"]
    return sum(round(count["value"]) for count in counted)


def _be_ready() -> None:
    """The process has imported all that it needs."""


def _bodies(flow: Sequence[Step], rates: tuple[float, float], times: tuple[float, float]) -> list[bytes]:
    (rate, asked), (warm_up, seconds) = rates, times
    places = (round(rate * (warm_up + n / asked)) for n in range(round(asked * seconds)))
    return [_renamed(flow[min(place, len(flow) - 1)].transaction.value, n) for n, place in enumerate(places)]


def _renamed(value: bytes, number: int) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(value), "transaction_id": f"ASKED-{number}"})


def ask_all(questions: Questions) -> Answers:
    """Ask each question when it is due."""
    return asyncio.run(_ask_all(questions))


async def _ask_all(questions: Questions) -> Answers:
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:
        tasks = []
        for number, body in enumerate(questions.bodies):
            due = questions.begin + number / questions.rate
            await asyncio.sleep(max(0.0, due - time.time()))
            tasks.append(asyncio.create_task(_ask(session, questions.url, body, due)))
        found = await asyncio.gather(*tasks)
    waits = [wait for wait in found if wait is not None]
    if not waits:
        raise BenchmarkError("no question was answered")
    return Answers(waits, len(found) - len(waits))


async def _ask(session: aiohttp.ClientSession, url: str, body: bytes, due: float) -> float | None:
    try:
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            await answer.read()
            return time.time() - due if answer.status == _OK else None
    except aiohttp.ClientError:
        return None
