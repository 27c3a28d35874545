"""What the stream would decide of transactions if they came next, without taking them in."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.deciding import decide, detector
from agents.merchants import notes
from agents.models import maker
from agents.outputs import reporter
from fraud_stream.app import settings
from fraud_stream.domain.decision import Decision, OnlyLooking
from fraud_stream.domain.described import Figures, amount_of, rows_of
from fraud_stream.domain.observation import CustomerState, Observed, Observer
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import WindowStats
from fraud_stream.engine.panes import Preview
from fraud_stream.engine.partition import TablePartition
from fraud_stream.records import Alert
from fraud_stream.reports import Context
from tables import customer_frauds, customer_hopping, customer_profile, customer_tumbling

#: Beyond all that a partition has: nothing that is looked at was decided before.
_NEXT = 2**62
observer = Observer(maker, settings.windows.max_events)


class Previewed(NamedTuple):
    """What would be decided of a transaction.

    Attributes:
        decision: The decision.
        alert: Its alert; None where it would have none.
        features: Every feature by its name.
        context: What was decided by.
        is_late: Whether it would come too late for its windows.
    """

    decision: Decision
    alert: Alert | None
    features: dict[str, float]
    context: Context
    is_late: bool = False


class Copies:
    """Profiles that are looked at and stay as they are."""

    def __init__(self, held: TablePartition[Profile]) -> None:
        self._held = held

    def get(self, key: Any) -> Profile | None:
        """A copy of a customer's profile."""
        return self._held.copy(key)

    def put(self, key: Any, value: Profile | None) -> None:
        """Keep nothing."""


def looked_at(tx: Transaction, partition: int) -> Observed | None:
    """The facts that a transaction would be judged by; None where it is known, and would be ignored."""
    state = CustomerState(
        Copies(customer_profile.customer_profile.partition(partition)),
        Preview(customer_tumbling.table, partition, WindowStats),
        Preview(customer_hopping.table, partition, WindowStats),
        customer_frauds.customer_frauds.partition(partition),
        notes.merchants,
    )
    return observer.observe(tx, _NEXT, state)


def preview(transactions: Sequence[tuple[Transaction, int]]) -> list[Previewed | None]:
    """What would be decided of each transaction if it came next to its partition; None where it would be ignored."""
    observed = [looked_at(tx, partition) for tx, partition in transactions]
    known = [(tx, one) for (tx, _), one in zip(transactions, observed, strict=True) if one is not None]
    if not known:
        return [None] * len(transactions)
    rows = maker.rows([one.facts for _, one in known])
    made = iter(_decided([tx for tx, _ in known], rows))
    return [None if one is None else next(made)._replace(is_late=one.is_late) for one in observed]


def preview_figures(figures: Sequence[Figures]) -> list[Previewed]:
    """What would be decided of payments by their figures alone; rules and models count, lists have nothing to go by."""
    now = time.time()
    return _decided([Transaction("", "", now, amount_of(one)) for one in figures], rows_of(figures, maker, now))


def _decided(transactions: Sequence[Transaction], rows: NDArray[np.float64]) -> list[Previewed]:
    decisions, _, context = decide(transactions, rows, 0, OnlyLooking(detector))
    return [_told(*one, context) for one in zip(transactions, rows, decisions, strict=True)]


def _told(tx: Transaction, row: NDArray[np.float64], decision: Decision, context: Context) -> Previewed:
    values = row.tolist()
    alert = reporter.alert(tx, values, decision, context) if decision.verdict != "accept" else None
    return Previewed(decision, alert, dict(zip(maker.names, values, strict=True)), context)
