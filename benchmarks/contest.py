"""The same work by several programs, on one broker, from the same topic, one after the other.

The work: statistics of each customer in a tumbling window of an hour and a hopping one of five minutes, what the eleven
shipped rules need besides, those rules, an alert for each payment that breaks one.  This application does more than the
others even without its model: duplicates, late and invalid payments, a record of every decision, reasons with numbers.

Quix Streams and naive Faust make the features of 30 days too, as this application does; Kafka Streams makes those alone
that the rules name.  With its model this application is measured elsewhere (`throughput`).

Each program is its own process and takes the topic in from its beginning.  A first part warms it up: a Java machine
compiles in it.  The measured part is between two commits of its consumer group: the first behind the warm-up and the
first behind the end.  CPU is the process's own, all threads.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Run
from benchmarks.material import LABEL_DELAY, steps
from benchmarks.peers import java
from benchmarks.peers.python import interpreter
from benchmarks.stage import Stage, Worker, stage
from benchmarks.topics import Filler, Place, Progress, create_topic, written

HERE = Path(__file__).parent
#: Seconds between two looks at what is committed.
_LOOK_EVERY = 0.05
#: The measured part ends at this share of the topic: with the topic ends the work, and what waits for a commit is idle.
_LAST = 0.9
#: Seconds without any commit after which a program is given up.
_PATIENCE = 60.0
#: What the names of the ceilings end with: they do none of the work.
ONLY_PARSES = ": parses and no more"
_NONE: Mapping[str, str] = MappingProxyType({})


class Contestant(NamedTuple):
    """A program that does the work.

    Attributes:
        name: What people call it.
        group: Its consumer group.
        command: How it is started; empty for a Faust application in `module`.
        module: That application.
        variables: Environment variables that it is given.
        alerts: Where its alerts go.
        share: Which part of the transactions it takes in: the slow ones would take all night.  They need to be enough
            for several commits, which come late in a Faust that is busy.
    """

    name: str
    group: str
    command: tuple[str, ...] = ()
    module: str = ""
    variables: Mapping[str, str] = _NONE
    alerts: str = "alerts"
    share: float = 1.0


#: This application with its model: it takes the labels in too, joins them and learns.
EVERYTHING = Contestant("fraud_stream with everything on", "fraud-stream", module="fraud_stream")


def kafka_streams() -> Contestant:
    """The peer in Java, built first."""
    return Contestant("Kafka Streams (Java)", "streams", tuple(java.command()), alerts="streams-alerts")


def contestants() -> list[Contestant]:
    """Every program; those of other people need to be installed, which this does."""
    python = interpreter()
    ceilings = (sys.executable, str(HERE / "peers" / "ceilings.py"))
    bare = {"FRAUD_STREAM_APP_ID": "without-model", "FRAUD_STREAM_MODEL_ENABLED": "false"}
    idle = {"NAIVE_LEARNS": "no", "NAIVE_ID": "naive-bare"}
    naive = Contestant("naive Faust", "naive-bare", (), "benchmarks.peers.naive", idle, "naive-alerts", 0.15)
    return [
        Contestant("fraud_stream without its model", "without-model", module="fraud_stream", variables=bare),
        naive,
        *(_quix(python, form) for form in ("windows", "panes")),
        kafka_streams(),
        Contestant(f"aiokafka{ONLY_PARSES}", "aiokafka", (*ceilings, "aiokafka")),
        Contestant(f"confluent-kafka{ONLY_PARSES}", "confluent", (*ceilings, "confluent")),
    ]


def _quix(python: str, form: str) -> Contestant:
    how = {"windows": "its own windows", "panes": "this application's panes"}[form]
    command = (python, "-m", "benchmarks.peers.quix", form)
    return Contestant(f"Quix Streams, {how}", f"quix-{form}", command, alerts=f"quix-{form}-alerts")


class Sample(NamedTuple):
    """A look at a program: when, its CPU time, and how many transactions it has committed."""

    time: float
    cpu: float
    done: int


class Result(NamedTuple):
    """What came of one program.

    Attributes:
        name: What people call it.
        run: The measured part.
        memory: Bytes of memory it had at the end.
        alerts: How many it sent, of the warm-up too.
    """

    name: str
    run: Run
    memory: int
    alerts: int


def measure(transactions: int, warm_up: int) -> list[Result]:
    """Have each program take in `transactions`, after `warm_up` more that are not measured."""
    entrants, flow = contestants(), list(steps(warm_up + transactions, LABEL_DELAY))
    with stage("kafka") as place:
        filler, topics = Filler(place.settings.broker), place.settings.topics
        filler.put(topics.transactions, (step.transaction for step in flow))
        ends = dict(filler.ends)
        for topic in {one.alerts for one in entrants} - {topics.alerts}:
            create_topic(place.settings, topic)
        return [_run(place, one, ends, warm_up) for one in entrants]


def _run(place: Stage, contestant: Contestant, ends: Mapping[Place, int], warm_up: int) -> Result:
    first, last = (round(count * contestant.share) for count in (warm_up, _LAST * sum(ends.values())))
    alerts_before = written(place.settings, contestant.alerts)
    progress = Progress(place.settings.broker, contestant.group, ends)
    try:
        with start(place, contestant) as program:
            taken = samples([program], progress, sum(ends.values()))
            begin, end = between(taken, first, last)
            memory = program.memory()
            if contestant.share == 1.0:
                next(sample for sample in taken if sample.done == sum(ends.values()))
            alerts = written(place.settings, contestant.alerts) - alerts_before
            return Result(contestant.name, difference(begin, end), memory, alerts)
    finally:
        progress.close()


def start(place: Stage, contestant: Contestant) -> AbstractContextManager[Worker]:
    """Start a contestant."""
    if contestant.module:
        return place.worker(contestant.module, contestant.group, contestant.variables)
    return place.program(contestant.group, list(contestant.command), contestant.variables)


def samples(programs: Sequence[Worker], progress: Progress, total: int) -> Iterator[Sample]:
    """Looks at programs of one group; their CPU time is added up.

    Raises:
        BenchmarkError: One has ended, or nothing is committed any more.
    """
    before, since = 0, time.monotonic()
    while True:
        done = total - progress.left()
        readings = [program.read() for program in programs]
        yield Sample(readings[0].time, sum(reading.cpu for reading in readings), done)
        if done > before:
            before, since = done, time.monotonic()
        elif time.monotonic() - since > _PATIENCE:
            raise BenchmarkError(f"nothing is committed any more, after {done:,} of {total:,}")
        time.sleep(_LOOK_EVERY)


def between(taken: Iterator[Sample], first: int, last: int) -> tuple[Sample, Sample]:
    """The first samples behind `first` and behind `last`.

    Raises:
        BenchmarkError: Both came with one commit: there was too little to do.
    """
    begin = next(sample for sample in taken if sample.done > first)
    if begin.done >= last:
        raise BenchmarkError(f"{last:,} transactions are too few: they were committed at once")
    return begin, next(sample for sample in taken if sample.done >= last)


def difference(begin: Sample, end: Sample) -> Run:
    """What was done between two samples."""
    return Run(end.done - begin.done, end.time - begin.time, end.cpu - begin.cpu)
