"""How long a worker with an empty memory takes to read its tables back, from its start to its first transaction."""

import time
from typing import NamedTuple

from benchmarks.contest import EVERYTHING
from benchmarks.errors import BenchmarkError
from benchmarks.growth import TABLES
from benchmarks.material import LABEL_DELAY, steps
from benchmarks.stage import Stage, stage
from benchmarks.topics import Filler, written

CUSTOMERS = 100_000
#: A transaction makes about so many records on changelogs, when few of a customer's come together.
_EACH = 2.8
_PATIENCE = 300.0


class Recovery(NamedTuple):
    """A recovery.

    Attributes:
        records: Changelog records that were read.
        megabytes: Their size on the broker's disk.
        seconds: From the start of the process until it is ready.
        empty: The same of a worker that has nothing to read.
    """

    records: int
    megabytes: float
    seconds: float
    empty: float


def measure(records: int) -> Recovery:
    """Have a worker write at least so many changelog records, kill it, and start another."""
    with stage("kafka") as place:
        empty = _seconds_to_start(place)
        filler = Filler(place.settings.broker)
        flow = steps(round(records / _EACH * 1.2), LABEL_DELAY, CUSTOMERS)
        filler.put(place.settings.topics.transactions, (step.transaction for step in flow))
        with place.worker(EVERYTHING.module, "before") as worker:
            worker.wait_until_ready()
            _wait_for(place, records)
            worker.kill()
        found = _records(place)
        size = sum(place.log_bytes(topic) for topic in _changelogs(place))
        return Recovery(found, size / 1e6, _seconds_to_start(place), empty)


def _seconds_to_start(place: Stage) -> float:
    began = time.monotonic()
    with place.worker(EVERYTHING.module, "after") as worker:
        worker.wait_until_ready()
        return time.monotonic() - began


def _wait_for(place: Stage, records: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while _records(place) < records:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{_records(place):,} changelog records, and no more come")
        time.sleep(1.0)


def _records(place: Stage) -> int:
    return sum(written(place.settings, topic) for topic in _changelogs(place))


def _changelogs(place: Stage) -> list[str]:
    return [f"{place.settings.app.id}-{table}-changelog" for table in TABLES]
