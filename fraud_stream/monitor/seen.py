"""What was seen of the workers, wherever it comes from: the reports are made of it."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from fraud_stream.monitor.samples import INSTANCE, Samples


class WorkerState(NamedTuple):
    """How one worker is.

    Attributes:
        name: Its address.
        trouble: Why it does not answer; nothing where it does.
        phase: What it is doing; nothing where that is not known.
        is_stalled: Whether it is about to end itself.
        ran_lately: Whether it runs, or did so within the last minutes.
        up_seconds: Time since it was started; None where that is not known.
        still_seconds: Time since something in it moved; None where that is not known.
    """

    name: str
    trouble: str = ""
    phase: str = ""
    is_stalled: bool = False
    ran_lately: bool = False
    up_seconds: float | None = None
    still_seconds: float | None = None


class Source(NamedTuple):
    """Who was asked.

    Attributes:
        kind: What that is.
        addresses: Where, without passwords.
        job: The workers' job in Prometheus.
    """

    kind: Literal["prometheus", "workers"]
    addresses: Sequence[str]
    job: str | None = None


class BatchRun(NamedTuple):
    """A step of the batch pipeline that was run.

    Attributes:
        day: The day that it was run of, as ISO 8601 writes it.
        step: Its name.
        is_done: Whether it has gone well.
        started_at: Seconds since 1970.
        seconds: How long it took.
        rows_in: What it has read.
        rows_out: What it has written.
        rejected: What it has turned away.
        error: Why it failed.
    """

    day: str
    step: str
    is_done: bool
    started_at: float
    seconds: float
    rows_in: int
    rows_out: int
    rejected: int
    error: str = ""


class BatchLoss(NamedTuple):
    """Records that retention took off a topic before the batch pipeline had loaded them.

    Attributes:
        found_at: When that was found, seconds since 1970.
        told: Which, as a sentence for people.
    """

    found_at: float
    told: str


class BatchRuns(NamedTuple):
    """What the warehouse tells of its pipeline.

    Attributes:
        runs: The newest first.
        trouble: Why it tells nothing.
        lost: What was lost before it was loaded, the oldest first.
    """

    runs: Sequence[BatchRun] = ()
    trouble: str = ""
    lost: Sequence[BatchLoss] = ()


class Seen(NamedTuple):
    """What was seen.

    Attributes:
        source: Who told it.
        at: When, seconds since 1970.
        asked: The time that was asked for, seconds.
        spans: The time that the counts of each worker are of, seconds.
        topic: The name of the topic `transactions`.
        workers: The workers, also those that do not answer.
        now: The counts of that time, and the gauges as they are.
        before: The counts of as long a time before; None where nobody knows them.
        lag_grows: Whether more and more transactions wait; None where that is not known.
        labels_lately: Whether labels have come lately; None where that is not known.
        batch: The batch pipeline; None where there is none.
    """

    source: Source
    at: float
    asked: float
    spans: Mapping[str, float]
    topic: str
    workers: Sequence[WorkerState]
    now: Samples
    before: Samples | None = None
    lag_grows: bool | None = None
    labels_lately: bool | None = None
    batch: BatchRuns | None = None

    @property
    def span(self) -> float | None:
        """The longest time that counts are of, seconds; None where that is not known."""
        return max(self.spans.values(), default=None)

    @property
    def is_recent(self) -> bool:
        """Whether what was counted has happened within the time that was asked for."""
        return self.span is not None and self.span <= self.asked

    @property
    def is_whole(self) -> bool:
        """Whether what was counted is of all of the time that was asked for, but for a hundredth."""
        return self.span is not None and self.span >= 0.99 * self.asked

    def rate(self, counter: str) -> float | None:
        """What is counted in a second, in the mean of the time that each worker's counts are of."""
        found = [(one.value, self.spans.get(one.labels[INSTANCE])) for one in self.now.counts(counter)]
        if not found or not all(span for _, span in found):
            return None
        return sum(value / span for value, span in found if span)
