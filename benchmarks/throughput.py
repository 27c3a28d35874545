"""Throughput and CPU of a worker of this application, and of the naive one, on the same broker in one run.

1. The topics are filled with the first transactions of the generator's stream and their labels.
2. A naive worker starts and takes them all in.
3. A worker of this application takes the same in: not measured.  It has learnt a model then, which it scores with in
   the measured run, and has tables, which it recovers before that.
4. The topics are filled with the transactions and labels that follow.
5. A worker of this application starts again and takes those in.

So no producer runs during a measurement, and all work is there from its beginning.  Start, join and recovery do not
count: a run begins when Faust logs that it seeks its streams' partitions, the moment before the first fetch.

- Wall time ends with the last record that the worker wrote: for the naive one a decision, for this one a decision or
  the model that has learnt the last label, whichever was later.
- CPU is the worker's own, all its threads, from ``/proc``, up to the moment when its group has committed everything:
  input, labels, and what the trainer reads.  The second or two of waiting for commits thus counts, as CPU alone.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Advantage, Run
from benchmarks.material import LABEL_DELAY, Step, steps
from benchmarks.stage import Reading, Stage, Worker, stage
from benchmarks.topics import Filler, Place, Progress, create_topic, last_written, wait_for_quiet
from fraud_stream.reading import read_all
from fraud_stream.records import ModelState

NAIVE = "naive"
NAIVE_ALERTS, NAIVE_SCORED = "naive-alerts", "naive-scored"


class Contest(NamedTuple):
    """What came of it.

    Attributes:
        naive: The naive worker's run.
        ours: This application's run.
        naive_learnt: Labels the naive worker learnt in its run.
        learnt: Labels this application learnt in its run.
        by_model: Transactions of its run that its model was asked about.
        naive_alerts: Alerts of the naive worker's run.
        alerts: Alerts of this application's run.
    """

    naive: Run
    ours: Run
    naive_learnt: int
    learnt: int
    by_model: int
    naive_alerts: int
    alerts: int

    @property
    def advantage(self) -> Advantage:
        """What this application has over the naive worker."""
        return Advantage.of(self.ours, over=self.naive)


class _Scored(msgspec.Struct):
    """What is read of a decision here."""

    score: float | None
    alert_id: str | None
    partition: int
    offset: int


def measure(broker: str, transactions: int, naive_transactions: int) -> Contest:
    """Run both contestants.

    Args:
        broker: Which one, of `stage.BROKERS`.
        transactions: How many this application takes in while it is measured.
        naive_transactions: How many the naive worker takes in before; this application too, unmeasured.
    """
    flow = steps(naive_transactions + transactions, LABEL_DELAY)
    with stage(broker) as place:
        filler = Filler(place.settings.broker)
        _fill(place, filler, islice(flow, naive_transactions))
        naive, naive_learnt = _run_naive(place, filler, naive_transactions)
        _run_ours(place, filler, naive_transactions)
        before, learnt_before = dict(filler.ends), _learnt(place)
        _fill(place, filler, flow)
        ours = _run_ours(place, filler, transactions)
        counts = _count(place, before)
        learnt = _learnt(place) - learnt_before
        _check(counts, learnt, filler.sent[place.settings.topics.labels] - learnt_before)
        alerts = sum(1 for _ in read_all(place.settings, NAIVE_ALERTS))
        return Contest(naive, ours, naive_learnt, learnt, counts["by_model"], alerts, counts["alerts"])


def _fill(place: Stage, filler: Filler, flow: Iterator[Step]) -> None:
    topics, taken = place.settings.topics, list(flow)
    filler.put(topics.transactions, (step.transaction for step in taken))
    filler.put(topics.labels, (label for step in taken for label in step.labels))


def _run_naive(place: Stage, filler: Filler, count: int) -> tuple[Run, int]:
    for topic in (NAIVE_ALERTS, NAIVE_SCORED):
        create_topic(place.settings, topic)
    with place.worker("benchmarks.peers.naive") as worker:
        first, last = _from_ready_to_done(place, worker, NAIVE, filler.ends)
        learnt = worker.get("/learnt/")["learnt"]
    return _run(place, count, first, last, [NAIVE_SCORED]), learnt


def _run_ours(place: Stage, filler: Filler, count: int) -> Run:
    topics = place.settings.topics
    ends = {**filler.ends, (topics.labelled, 0): filler.sent[topics.labels]}  # each label completes one
    soon = {"FRAUD_STREAM_EVALUATION_PUBLISH_INTERVAL": "1s"}  # its end is acknowledged as soon as the model's
    with place.worker("fraud_stream", variables=soon) as worker:
        first, last = _from_ready_to_done(place, worker, place.settings.app.id, ends)
    return _run(place, count, first, last, [topics.scored, topics.models])


def _from_ready_to_done(place: Stage, worker: Worker, group: str, ends: dict[Place, int]) -> tuple[Reading, Reading]:
    first = worker.wait_until_ready()
    progress = Progress(place.settings.broker, group, ends)
    try:
        wait_for_quiet(progress, worker.check)
    finally:
        progress.close()
    return first, worker.read()


def _run(place: Stage, count: int, first: Reading, last: Reading, outputs: list[str]) -> Run:
    written = last_written(place.settings, outputs) or last.time
    return Run(count, written - first.time, last.cpu - first.cpu)


def _learnt(place: Stage) -> int:
    """How many labels the newest model has learnt."""
    decode = msgspec.json.Decoder(ModelState).decode
    key, records = place.settings.model.name.encode(), read_all(place.settings, place.settings.topics.models)
    return max(decode(record.value()).learnt for record in records if record.key() == key)


def _count(place: Stage, before: dict[Place, int]) -> dict[str, int]:
    """What was decided of the transactions that came after the ends `before`."""
    topics = place.settings.topics
    decode = msgspec.json.Decoder(_Scored).decode
    everything = (decode(message.value()) for message in read_all(place.settings, topics.scored))
    decided = [one for one in everything if one.offset >= before.get((topics.transactions, one.partition), 0)]
    counts: dict[str, Any] = {"decided": len(decided)}
    counts["by_model"] = sum(one.score is not None for one in decided)
    counts["alerts"] = sum(one.alert_id is not None for one in decided)
    return counts


def _check(counts: dict[str, int], learnt: int, labels: int) -> None:
    """A run that did not do the work says nothing."""
    if not counts["decided"]:
        raise BenchmarkError("nothing was decided")
    if learnt != labels:
        raise BenchmarkError(f"{learnt:,} of {labels:,} labels were learnt")
