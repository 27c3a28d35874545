"""What somebody asks the generator for, checked, and the stream that it means."""

import math
import time
from dataclasses import dataclass

import click

from producers.customers import DAY, HOUR
from producers.faults import FaultRates
from producers.frauds import SHARES
from producers.stream import Recipe

#: Payments of a customer a second where the rate is ``max``: 4.8 a day, which 5,000 customers make 1,000 an hour.
NATURAL_RATE = 0.2 / HOUR
#: With more payments a day than this, customers look like machines.
MOST_A_DAY = 48.0
#: Files begin here, unless told otherwise, so that the same seed gives the same file on any day: 2024-01-01.
FILE_START = 1_704_067_200.0
#: A stream without an end that runs faster than time begins so long ago, seconds.
ENDLESS_SPAN = 365 * DAY


@dataclass(frozen=True)
class Order:
    """The command's options; each field is an option of the same name.

    Raises:
        click.UsageError: Options that contradict each other; it says which.
    """

    sample: int | None
    output: str | None
    rate: float
    speed: float | None
    hours: float | None
    count: int | None
    seconds: float | None
    start: float | None
    customers: int
    merchants: int
    fraud_rate: float
    fraud_kind: tuple[str, ...]
    missing_rate: float
    duplicate_rate: float
    outlier_rate: float
    broken_rate: float
    label_delay: float
    label_spread: float
    flush_labels: bool
    seed: int
    truth: str | None
    with_truth: bool
    quiet: bool

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        self._check_end()
        self._check_target()
        if self.fraud_rate + self.outlier_rate + self.broken_rate > 1:
            raise click.UsageError("--fraud-rate, --outlier-rate and --broken-rate together must not be more than 1.")

    def _check_end(self) -> None:
        if sum(end is not None for end in (self.sample, self.count, self.hours)) > 1:
            raise click.UsageError("--sample, --count and --hours each say how many records; give one of them.")
        if self.number == 0:
            raise click.UsageError("--hours at this --rate gives no record; raise one of them.")

    def _check_target(self) -> None:
        if not self.to_file:
            return
        if self.number is None:
            raise click.UsageError("A file needs an end: give --sample, --count or --hours.")
        if self.speed is not None or self.seconds is not None or self.flush_labels:
            raise click.UsageError("--speed, --seconds and --flush-labels are for Kafka, not for a file.")

    @property
    def to_file(self) -> bool:
        """Whether the records go to a file instead of Kafka."""
        return self.sample is not None or self.output is not None

    @property
    def density(self) -> float:
        """Records a second of event time."""
        return self.rate if math.isfinite(self.rate) else self.customers * NATURAL_RATE

    @property
    def number(self) -> int | None:
        """How many records; None without end."""
        if self.hours is not None:
            return round(self.hours * HOUR * self.density)
        return self.count if self.sample is None else self.sample

    @property
    def pace(self) -> float:
        """Seconds of event time a second."""
        return self.speed or (1.0 if math.isfinite(self.rate) else math.inf)

    def recipe(self, now: float | None = None) -> Recipe:
        """The stream asked for, where the wall clock says `now` (seconds since 1970)."""
        return Recipe(
            rate=self.density,
            start=self._start(time.time() if now is None else now),
            count=self.number,
            customers=self.customers,
            merchants=self.merchants,
            fraud_rate=self.fraud_rate,
            fraud_kinds=self.fraud_kind or tuple(SHARES),
            faults=FaultRates(self.missing_rate, self.duplicate_rate, self.outlier_rate, self.broken_rate),
            seed=self.seed,
            truth=self.to_file or self.with_truth,
            kinds=self.with_truth or (self.to_file and self.truth is not None),
        )

    def _start(self, now: float) -> float:
        """A stream as fast as time begins now; a faster one began so early that it ends now."""
        if self.start is not None:
            return self.start
        return FILE_START if self.to_file else float(math.floor(now - self._head_start()))

    def _head_start(self) -> float:
        if self.pace <= 1:
            return 0.0
        run = math.inf if self.seconds is None else self.seconds * self.pace
        span = min(run, math.inf if self.number is None else self.number / self.density)
        return (span if math.isfinite(span) else ENDLESS_SPAN) * (1 - 1 / self.pace)

    def advice(self) -> str | None:
        """What to say of a rate that no people keep up."""
        a_day = self.density * DAY / self.customers
        if a_day <= MOST_A_DAY:
            return None
        enough = math.ceil(self.density / NATURAL_RATE)
        return (
            f"each customer will pay {a_day:,.0f} times a day, which rules on velocity take for fraud; "
            f"people do with --customers {enough}, or with a lower --rate and a higher --speed"
        )
