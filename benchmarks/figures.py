"""What is made of the measurements: rates, CPU a transaction, ratios, percentiles.  Pure."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from fraud_stream.demo.score import percentile


class Run(NamedTuple):
    """One contestant's run.

    Attributes:
        transactions: How many it processed.
        seconds: Wall time it took.
        cpu: CPU time its process took, user and system, seconds.

    >>> run = Run(transactions=1_000, seconds=2.0, cpu=0.5)
    >>> run.rate, run.cpu_each
    (500.0, 500.0)
    """

    transactions: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Transactions a second."""
        return self.transactions / self.seconds if self.seconds else math.nan

    @property
    def cpu_each(self) -> float:
        """CPU microseconds a transaction."""
        return 1e6 * self.cpu / self.transactions if self.transactions else math.nan


class Advantage(NamedTuple):
    """How much better one run is than another, as ratios above 1.

    Attributes:
        throughput: Its rate over the other's.
        cpu: The other's CPU a transaction over its own.
    """

    throughput: float
    cpu: float

    @classmethod
    def of(cls, run: Run, over: Run) -> "Advantage":
        """What `run` has over the run `over`.

        >>> Advantage.of(Run(100, 1.0, 0.5), over=Run(10, 1.0, 1.0))
        Advantage(throughput=10.0, cpu=20.0)
        """
        cpu = over.cpu_each / run.cpu_each if run.cpu_each else math.nan
        return cls(run.rate / over.rate if over.rate else math.nan, cpu)


class Spread(NamedTuple):
    """How a kind of latency is spread, in milliseconds; `size` says how many there were."""

    size: int
    p50: float
    p99: float
    p999: float
    longest: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Spread":
        """The spread of latencies in seconds, in any order.

        >>> Spread.of([0.003, 0.001, 0.002])
        Spread(size=3, p50=2.0, p99=3.0, p999=3.0, longest=3.0)
        """
        ordered = sorted(1_000.0 * value for value in seconds)
        return cls(len(ordered), *(percentile(ordered, share) for share in (0.5, 0.99, 0.999, 1.0)))
