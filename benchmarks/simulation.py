"""A worker as a queue: what it does beyond the rates and numbers that one machine can measure.

Transactions come one by one, at random (Poisson).  A worker takes all that wait, up to a chunk, works on them for a
fixed time and a time for each, waits a moment for its broker, and takes what has come meanwhile: so chunks grow with
the load, and a transaction becomes cheaper (bulk service; Bailey: On queueing processes with bulk service. J. R. Stat.
Soc. B 16(1), 1954).

The time for each is what the worker takes at full speed; the two fixed times are found from the CPU and the median
wait at the lowest measured rate (`python -m benchmarks throughput latency`).  What was measured at other rates then
shows how far the model is right.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import simpy

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Spread
from fraud_stream.errors import FraudStreamError
from fraud_stream.terminal import print_table

OURS = "fraud_stream with everything on"
#: Transactions of a chunk at most, as shipped.
CHUNK = 2_000
_SEED = 7
#: Simulated seconds.
_SECONDS = 20.0
Events = Generator[simpy.Event, Any, None]


class Cost(NamedTuple):
    """What a chunk costs a worker, seconds.

    Attributes:
        chunk: Work for each chunk.
        each: Work for each transaction in it.
        idle: Waiting for the broker after each chunk.
    """

    chunk: float
    each: float
    idle: float = 0.0

    def of(self, number: int) -> float:
        """Seconds of work for a chunk of so many.

        >>> Cost(0.001, 0.0001).of(10)
        0.002
        """
        return self.chunk + self.each * number


class Outcome(NamedTuple):
    """What a simulated worker did.

    Attributes:
        rate: Transactions a second that came.
        busy: Share of the time that it worked.
        each: Seconds of work a transaction.
        chunk: Transactions of a chunk, on average.
        waits: From the coming of a transaction until its chunk was done.
        inside: Transactions that waited or were worked on, on average over time.
        mean_wait: Mean of the waits, seconds.
    """

    rate: float
    busy: float
    each: float
    chunk: float
    waits: Spread
    inside: float
    mean_wait: float


def simulate(rate: float, cost: Cost, seconds: float = _SECONDS, pause: float = 0.0) -> Outcome:
    """One worker at a mean rate.

    Args:
        rate: Transactions a second.
        cost: What a chunk costs.
        seconds: For so long; those that come are all worked on.
        pause: Seconds at the beginning in which nobody works, as in a take-over.
    """
    environment = simpy.Environment()
    worker = _Worker(environment, cost, pause)
    environment.process(worker.take_in(rate, seconds))
    environment.process(worker.work())
    environment.run(until=worker.over)
    waits, end, number = worker.waits, environment.now, len(worker.waits)
    means = worker.area / end, sum(waits) / number
    return Outcome(
        number / end, worker.busy / end, worker.busy / number, number / worker.chunks, Spread.of(waits), *means
    )


class _Worker:
    def __init__(self, environment: simpy.Environment, cost: Cost, pause: float) -> None:
        self.waits: list[float] = []
        self.busy = 0.0
        self.chunks = 0
        self.area = 0.0  # of the number inside, over time
        self.over = environment.event()
        self._environment = environment
        self._cost = cost
        self._pause = pause
        self._waiting: deque[float] = deque()
        self._has_come = environment.event()
        self._all_came = False
        self._inside = 0
        self._changed_at = 0.0

    def take_in(self, rate: float, seconds: float) -> Events:
        rnd = random.Random(_SEED)
        while self._environment.now < seconds:
            yield self._environment.timeout(rnd.expovariate(rate))
            self._change(+1)
            self._waiting.append(self._environment.now)
            if not self._has_come.triggered:
                self._has_come.succeed()
        self._all_came = True

    def work(self) -> Events:
        yield self._environment.timeout(self._pause)
        while not (self._all_came and not self._waiting):
            if not self._waiting:
                self._has_come = self._environment.event()
                yield self._has_come
            chunk = [self._waiting.popleft() for _ in range(min(CHUNK, len(self._waiting)))]
            duration = self._cost.of(len(chunk))
            yield self._environment.timeout(duration)
            self.busy += duration
            self.chunks += 1
            self._change(-len(chunk))
            self.waits += [self._environment.now - came for came in chunk]
            yield self._environment.timeout(self._cost.idle)
        self.over.succeed()

    def _change(self, number: int) -> None:
        now = self._environment.now
        self.area += self._inside * (now - self._changed_at)
        self._inside, self._changed_at = self._inside + number, now


class Measured(NamedTuple):
    """What was measured of a worker at a rate.

    Attributes:
        rate: Transactions a second.
        each: Seconds of CPU a transaction.
        wait: Median time from send to decision, seconds.
    """

    rate: float
    each: float
    wait: float


def calibrate(full: float, low: Measured) -> Cost:
    """The cost with which a worker does what was measured.

    How long its turns are shows in how long transactions wait; how much of a turn is work, in the CPU they take.

    Args:
        full: Seconds a transaction in full chunks, where fixed parts are next to nothing.
        low: At a low rate.

    Raises:
        BenchmarkError: It costs no more at the low rate than in full chunks.
    """
    if low.each <= full:
        what = f"{low.each * 1e6:.0f} us at {low.rate:,.0f} transactions a second"
        raise BenchmarkError(f"{what} is not above the {full * 1e6:.0f} us of full chunks: measure at a lower rate")
    turn = _solve(
        lambda fixed: simulate(low.rate, _split(fixed, full, low), 2.0).waits.p50 / 1e3, low.wait, 2 * low.wait
    )
    return _split(turn, full, low)


def _split(fixed: float, full: float, low: Measured) -> Cost:
    """What of a turn's fixed part is work: the CPU beyond that of full chunks, of as many as come in a turn."""
    number = simulate(low.rate, Cost(0.0, full, fixed), 2.0).chunk
    work = min(fixed, (low.each - full) * number)
    return Cost(work, full, fixed - work)


def _solve(function: Callable[[float], float], wanted: float, highest: float) -> float:
    """Where a growing function has the wanted value, by bisection between 0 and `highest`."""
    low, high = 0.0, highest
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < wanted else (low, middle)
    return (low + high) / 2


def hottest(workers: int, customers: int) -> float:
    """How much more than the mean the busiest of `workers` has, where customers fall on them at random.

    The largest of `workers` nearly normal numbers whose mean and variance are customers / workers: Cramér,
    Mathematical Methods of Statistics, 1946, section 28.6.

    >>> hottest(1, 1_000)
    1.0
    """
    if workers == 1:
        return 1.0
    return 1.0 + math.sqrt(2 * math.log(workers) * workers / customers)


def calibrated(found: Mapping[str, Any]) -> tuple[Cost, Sequence[Mapping[str, Any]]]:
    """The cost of a worker of this application, and its runs at rates, of the figures of `python -m benchmarks`.

    Raises:
        BenchmarkError: They are not there.
    """
    try:
        full = found["throughput"]["found"]["ours"]
        runs = sorted((one for one in found["latency"]["found"] if one["name"] == OURS), key=lambda one: one["rate"])
        lowest = Measured(runs[0]["rate"], _cpu(runs[0]["worker"]), runs[0]["to_decision"]["p50"] / 1e3)
    except (KeyError, IndexError, TypeError):
        raise BenchmarkError("measure `throughput` and `latency` first, with --json FILE") from None
    return calibrate(_cpu(full), lowest), runs


def _cpu(run: Mapping[str, Any]) -> float:
    return float(run["cpu_us_per_transaction"]) / 1e6


@click.command()
@click.argument("figures", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--load", type=click.FloatRange(0.1, 0.95), default=0.6, show_default=True, help="Of a worker, at most.")
@click.option("--customers", type=click.IntRange(1), default=1_000_000, show_default=True, help="How many pay.")
@click.option("--pause", type=click.FloatRange(0, 60), default=8.0, show_default=True, help="Seconds of a take-over.")
def main(figures: Path, load: float, customers: int, pause: float) -> None:
    """How many workers, of FIGURES that were measured (docs/figures.json)."""
    try:
        cost, runs = calibrated(msgspec.json.decode(figures.read_bytes()))
    except (FraudStreamError, msgspec.DecodeError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"a chunk costs {cost.chunk * 1e3:.2f} ms of work, {cost.each * 1e6:.1f} us for each transaction in it, "
        f"and {cost.idle * 1e3:.2f} ms of waiting"
    )
    print_table("\nOne worker, simulated and measured", _CHECKED, [_checked(run, cost) for run in runs])
    print_table("\nOne worker by load", _LOADED, [_loaded(share, cost) for share in _SHARES])
    plans = [_planned(rate, load, cost, customers) for rate in (1e3, 1e4, 1e5, 1e6)]
    print_table(f"\nWorkers that are {load:.0%} busy at most", _PLANNED, plans)
    recovered = [_recovered(share, cost, pause) for share in (0.3, 0.5, 0.6, 0.7, 0.8)]
    print_table(f"\nAfter a take-over of {pause:g} s", _RECOVERED, recovered)


_CHECKED = (
    "transactions/s",
    "simulated us",
    "measured us",
    "simulated busy",
    "measured busy",
    "median ms",
    "measured ms",
)
_SHARES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
_LOADED = ("of the most", "transactions/s", "busy", "us each", "p50 ms", "p99 ms", "p99.9 ms", "rate x wait", "inside")
_PLANNED = ("transactions/s", "workers", "each has", "the hottest has", "hottest p99 ms")
_RECOVERED = ("load", "longest wait s", "backlog at the end of the pause", "caught up after s")


def _checked(run: Mapping[str, Any], cost: Cost) -> tuple[str, ...]:
    rate, measured = run["rate"], _cpu(run["worker"])
    found = simulate(rate, cost, seconds=5.0)
    times = f"{found.each * 1e6:.0f}", f"{measured * 1e6:.0f}"
    waits = f"{found.waits.p50:.1f}", f"{run['to_decision']['p50']:.1f}"
    return f"{rate:,.0f}", *times, f"{found.busy:.0%}", f"{rate * measured:.0%}", *waits


def _loaded(share: float, cost: Cost) -> tuple[str, ...]:
    found = simulate(share / cost.each, cost, seconds=5.0)
    waits = found.waits
    spread = f"{waits.p50:.1f}", f"{waits.p99:.1f}", f"{waits.p999:.1f}"
    little = f"{found.rate * found.mean_wait:.1f}", f"{found.inside:.1f}"
    return f"{share:.0%}", f"{share / cost.each:,.0f}", f"{found.busy:.0%}", f"{found.each * 1e6:.0f}", *spread, *little


def _planned(rate: float, load: float, cost: Cost, customers: int) -> tuple[str, ...]:
    workers = math.ceil(rate * cost.each / load)
    mean = rate / workers
    most = mean * hottest(workers, customers)
    found = simulate(most, cost, seconds=5.0)
    return f"{rate:,.0f}", f"{workers:,}", f"{mean:,.0f}/s", f"{most:,.0f}/s", f"{found.waits.p99:.1f}"


def _recovered(share: float, cost: Cost, pause: float) -> tuple[str, ...]:
    rate = share / cost.each
    backlog = rate * pause
    found = simulate(rate, cost, seconds=3 * pause, pause=pause)
    caught_up = backlog / (1 / cost.each - rate)
    return f"{share:.0%}", f"{found.waits.longest / 1e3:.1f}", f"{backlog:,.0f}", f"{caught_up:.1f}"


if __name__ == "__main__":
    main()
