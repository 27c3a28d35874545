"""An open loop: records are sent when they are due, whatever becomes of those before.

It runs in a process of its own, so that neither the reader of the alerts nor Python's lock holds it up.
"""

import multiprocessing
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from benchmarks.errors import BenchmarkError
from benchmarks.material import Step
from fraud_stream.kafka import make_producer
from fraud_stream.settings import Settings

#: Seconds that the process may take to start, and to end when it has sent all.
_PATIENCE = 60.0
#: Seconds from the word to go to the first record.
_RUN_UP = 0.5


class Order(NamedTuple):
    """What is to be sent.

    Attributes:
        settings: Where to.
        steps: What, in order.
        rate: Steps a second.
    """

    settings: Settings
    steps: Sequence[Step]
    rate: float


class Sender:
    """The process that sends; a context manager that ends it.

    Args:
        order: What it sends.
    """

    def __init__(self, order: Order) -> None:
        context = multiprocessing.get_context("spawn")
        self._mine, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, order), daemon=True)

    def __enter__(self) -> Self:
        """Start it, and wait until it has everything it needs."""
        self._process.start()
        self._hear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.join()

    def begin(self) -> float:
        """Let it send; when the first step is due, seconds since 1970."""
        begin = time.time() + _RUN_UP
        self._mine.send(begin)
        return begin

    @property
    def is_done(self) -> bool:
        """Whether it has sent everything."""
        return bool(self._mine.poll())

    def lateness(self) -> list[float]:
        """How late each step was handed to the producer, seconds, once everything is sent."""
        late: list[float] = self._hear()
        return late

    def _hear(self) -> Any:
        if not self._mine.poll(_PATIENCE):
            raise BenchmarkError("the sender does not answer")
        try:
            return self._mine.recv()
        except EOFError:
            raise BenchmarkError("the sender has failed; its error is above") from None


def _serve(pipe: Any, order: Order) -> None:
    """What the process does."""
    pipe.send("ready")
    pipe.send(send(order, pipe.recv()))


def send(order: Order, begin: float) -> list[float]:
    """Send each step when it is due; how late each was, seconds.

    Args:
        order: What to send.
        begin: When the first step is due, seconds since 1970.
    """
    topics, producer, late = order.settings.topics, make_producer(order.settings.broker), []
    for number, step in enumerate(order.steps):
        due = begin + number / order.rate
        time.sleep(max(0.0, due - time.time()))
        for label in step.labels:
            producer.produce(topics.labels, label.value, label.key)
        producer.produce(topics.transactions, step.transaction.value, step.transaction.key)
        late.append(time.time() - due)
        producer.poll(0)
    if producer.flush(_PATIENCE):
        raise BenchmarkError("the broker did not take all records")
    return late
