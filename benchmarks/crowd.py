"""Several workers: their throughput together, and how long it takes one to go on with what a killed one had.

For the first, workers share the partitions, then the topic is filled with so many transactions for each of them; no
labels come, so the model learns nothing.  For the second, transactions come at a steady rate to two workers, one is
killed as by ``kill -9``, and the longest that any transaction waited from then on is the time of the take-over: that of
the first ones for partitions it had had.
"""

import time
from contextlib import ExitStack
from typing import NamedTuple

import msgspec

from benchmarks.contest import EVERYTHING, between, difference, samples
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Run
from benchmarks.material import LABEL_DELAY, steps
from benchmarks.sender import Order, Sender
from benchmarks.stage import Stage, Worker, stage
from benchmarks.topics import Filler, Progress
from fraud_stream.reading import read_all

#: Seconds that a group may take to share its partitions.
_PATIENCE = 60.0
#: Transactions before the measured ones, with which each worker gets under way.
_WARM_UP = 20_000


class Crowd(NamedTuple):
    """What so many workers did together."""

    workers: int
    run: Run


class TakeOver(NamedTuple):
    """A take-over.

    Attributes:
        seconds: The longest that a transaction waited, from the kill on.
        usual: The longest in the seconds before, seconds.
    """

    seconds: float
    usual: float


class _Scored(msgspec.Struct):
    transaction: "_Named"
    decided_at: float


class _Named(msgspec.Struct):
    transaction_id: str


def measure_throughput(numbers: tuple[int, ...], transactions: int) -> list[Crowd]:
    """Have so many workers take in so many transactions for each of them."""
    return [_measure_throughput(number, transactions) for number in numbers]


def _measure_throughput(number: int, transactions: int) -> Crowd:
    with stage("kafka") as place, ExitStack() as stack:
        workers = _start(place, stack, number)
        filler = Filler(place.settings.broker)
        total = transactions * number + _WARM_UP
        filler.put(place.settings.topics.transactions, (step.transaction for step in steps(total, LABEL_DELAY)))
        progress = Progress(place.settings.broker, EVERYTHING.group, filler.ends)
        begin, end = between(samples(workers, progress, total), _WARM_UP, round(0.9 * total))
        progress.close()
        return Crowd(number, difference(begin, end))


def _start(place: Stage, stack: ExitStack, number: int) -> list[Worker]:
    """So many workers that share all partitions."""
    workers = [stack.enter_context(place.worker(EVERYTHING.module, f"worker-{n}")) for n in range(number)]
    deadline = time.monotonic() + _PATIENCE
    while sorted(map(_partitions, workers)) != _shares(place.settings.topics.partitions, number):
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{number} workers do not share the partitions evenly")
        time.sleep(0.25)
    return workers


def _shares(partitions: int, number: int) -> list[int]:
    return sorted(partitions // number + (n < partitions % number) for n in range(number))


def _partitions(worker: Worker) -> int:
    worker.check()
    try:
        return len(worker.get("/table/")[0]["partitions"])
    except OSError:
        return 0


def measure_take_over(rate: float, seconds: float) -> TakeOver:
    """Kill one of two workers after `seconds`, and go on for as long and 15 s more."""
    flow = list(steps(round(rate * (2 * seconds + 15)), LABEL_DELAY))
    with stage("kafka") as place, ExitStack() as stack:
        victim, _ = _start(place, stack, 2)
        with Sender(Order(place.settings, flow, rate)) as sender:
            begin = sender.begin()
            time.sleep(begin + seconds - time.time())
            killed = time.time()
            victim.kill()
            sender.lateness()
        _wait_until_decided(place, len({step.transaction_id for step in flow}))
        due = {step.transaction_id: begin + n / rate for n, step in reversed(list(enumerate(flow)))}
        waits = {ident: decided - due[ident] for ident, decided in _decided(place).items()}
        usual = max(wait for ident, wait in waits.items() if killed - seconds / 2 < due[ident] < killed - 1)
        return TakeOver(max(wait for ident, wait in waits.items() if due[ident] >= killed - 1), usual)


def _wait_until_decided(place: Stage, number: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while len(_decided(place)) < number:
        if time.monotonic() > deadline:
            raise BenchmarkError("not every transaction is decided")
        time.sleep(1.0)


def _decided(place: Stage) -> dict[str, float]:
    """When each transaction was decided first, seconds since 1970."""
    decode = msgspec.json.Decoder(_Scored).decode
    found: dict[str, float] = {}
    for message in read_all(place.settings, place.settings.topics.scored):
        scored = decode(message.value())
        ident = scored.transaction.transaction_id
        found[ident] = min(scored.decided_at, found.get(ident, scored.decided_at))
    return found
