"""Joining scored transactions with their labels, whichever comes first."""

from collections.abc import Callable
from typing import Any, Protocol

from fraud_stream.domain.once import Join, Offsets
from fraud_stream.domain.outcomes import History, Outcome, known_at
from fraud_stream.domain.pending import EARLY, SCORED, Pending


class Waiting(Protocol):
    """Where what waits for its other half is kept, by transaction id."""

    def get(self, key: Any) -> Pending | None:
        """What waits."""
        ...

    def put(self, key: Any, value: Pending | None) -> None:
        """Have it wait."""
        ...


class Frauds(Protocol):
    """Where the known frauds of customers are kept."""

    def change(self, key: Any, new: Callable[[], History]) -> History:
        """Those of one customer, to be changed."""
        ...


class Joiner:
    """Joins the transactions and labels of one partition.

    Args:
        partition: The partition.
        waiting: What waits.
        frauds: Known frauds of the customers.
        horizon: A label counts at most so long after its transaction, seconds.
        send: Called with a transaction's id, what it was scored with, its label, and where both came from.
    """

    def __init__(
        self,
        partition: int,
        waiting: Waiting,
        frauds: Frauds,
        horizon: float,
        send: Callable[[str, Pending, Pending, Join], object],
    ) -> None:
        self._partition = partition
        self._waiting = waiting
        self._frauds = frauds
        self._horizon = horizon
        self._send = send

    def label(self, ident: str, label: Pending, settled: Offsets) -> str:
        """Take in a label; says what became of it.  The first label of a transaction counts."""
        found = self._waiting.get(ident)
        if found is None:
            self._waiting.put(ident, label)
            return "early"
        if found.stage != SCORED:
            return "repeated"
        self._join(ident, found, label, settled)
        return "joined"

    def scored(self, ident: str, scored: Pending, settled: Offsets) -> None:
        """Take in a scored transaction."""
        found = self._waiting.get(ident)
        if found is None or found.stage == SCORED:
            self._waiting.put(ident, scored)
        elif found.stage == EARLY:
            self._join(ident, scored, found, settled)

    def _join(self, ident: str, scored: Pending, label: Pending, settled: Offsets) -> None:
        join = Join(self._partition, (scored.offset, label.offset), settled)
        self._send(ident, scored, label, join)
        if label.is_fraud:
            moment = known_at(label.labelled_at, scored.time, self._horizon)
            self._frauds.change(scored.customer_id, History).note(Outcome(ident, join, moment, is_fraud=True))
        self._waiting.put(ident, scored.done())
