"""How cost grows with the number of customers: CPU a transaction, memory a customer, changelog a transaction.

Each number of customers has a broker of its own, and at least as many transactions, so that most customers are seen.
The model is on, and no labels come.  Memory a customer is what the worker has grown by, over the customers it has seen:
all that is kept of them in tables, and what waits for labels.
"""

from typing import NamedTuple

from benchmarks.contest import EVERYTHING, between, difference, samples
from benchmarks.figures import Run
from benchmarks.material import LABEL_DELAY, steps
from benchmarks.stage import Stage, stage
from benchmarks.topics import Filler, Progress

TABLES = ("customer_tumbling", "customer_hopping", "customer_profile", "pending")
#: The first part of the transactions is not measured.
WARM_UP = 0.2


class Size(NamedTuple):
    """What so many customers cost.

    Attributes:
        customers: How many there are.
        seen: How many of them paid.
        run: The measured part.
        memory: Bytes of memory that the worker grew by.
        changelog: Bytes on the broker's disk of the tables' changelogs.
        transactions: All, the warm-up too.
    """

    customers: int
    seen: int
    run: Run
    memory: int
    changelog: int
    transactions: int


def measure(sizes: tuple[int, ...], least: int) -> list[Size]:
    """Have a worker take in at least `least` transactions of so many customers."""
    return [_measure(customers, max(least, customers)) for customers in sizes]


def _measure(customers: int, count: int) -> Size:
    with stage("kafka") as place:
        filler = Filler(place.settings.broker)
        flow = [step.transaction for step in steps(count, LABEL_DELAY, customers)]
        filler.put(place.settings.topics.transactions, flow)
        seen = len({record.key for record in flow})
        with place.worker(EVERYTHING.module) as worker:
            worker.wait_until_ready()
            before = worker.memory()
            progress = Progress(place.settings.broker, EVERYTHING.group, filler.ends)
            begin, end = between(samples([worker], progress, count), round(WARM_UP * count), count)
            progress.close()
            grown = worker.memory() - before
        return Size(customers, seen, difference(begin, end), grown, _changelog_bytes(place), count)


def _changelog_bytes(place: Stage) -> int:
    return sum(place.log_bytes(f"{place.settings.app.id}-{table}-changelog") for table in TABLES)
