"""Keeping the demo's score: what was found of what is known to be fraud, and how fast."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from fraud_stream.records import Alert, ScoredTransaction


class Truth(msgspec.Struct):
    """What the generator says of one transaction."""

    transaction_id: str
    is_fraud: bool
    kind: str | None


class Line(NamedTuple):
    """One kind of fraud: how many transactions of it were alerted, and how many not."""

    kind: str
    caught: int
    missed: int


class Score:
    """Counts scored transactions and alerts, and times the way from the producer to the alert.

    >>> Score().rates(elapsed=10.0)
    (0, 0.0)
    """

    def __init__(self) -> None:
        self.scored: set[str] = set()
        self.alerted: set[str] = set()
        self._produced_at: dict[str, float] = {}
        self._seen_at: dict[str, float] = {}

    def add_scored(self, scored: ScoredTransaction) -> None:
        """A decision has come."""
        ident = scored.transaction.transaction_id
        self.scored.add(ident)
        if scored.alert_id is not None:
            self._produced_at[ident] = scored.decided_at - scored.latency

    def add_alert(self, alert: Alert, seen_at: float) -> bool:
        """An alert was seen, at `seen_at` seconds since 1970; False where it was seen before."""
        if alert.transaction_id in self.alerted:
            return False
        self.alerted.add(alert.transaction_id)
        self._seen_at[alert.transaction_id] = seen_at
        return True

    def rates(self, elapsed: float) -> tuple[int, float]:
        """Transactions so far, and how many a second."""
        return len(self.scored), len(self.scored) / elapsed if elapsed else 0.0

    def latencies(self) -> list[float]:
        """Seconds from the producer's timestamp to the alert at the reader, ascending."""
        return sorted(self._seen_at[ident] - at for ident, at in self._produced_at.items() if ident in self._seen_at)

    def lines(self, truth: Iterable[Truth]) -> tuple[list[Line], int]:
        """The score by kind of fraud, and the number of alerts on genuine transactions."""
        caught: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        false = 0
        for known in truth:
            if known.transaction_id not in self.scored:
                continue
            alerted = known.transaction_id in self.alerted
            if not known.is_fraud:
                false += alerted
            else:
                (caught if alerted else missed)[known.kind or "fraud"] += 1
        kinds = sorted(caught.keys() | missed.keys())
        return [Line(kind, caught[kind], missed[kind]) for kind in kinds], false


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that `share` of `ordered` do not exceed; NaN of nothing.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.0
    """
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan
