"""Counts what this worker does with transactions, since it started: a chunk at a time, for `/metrics`."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from fraud_stream.domain.histogram import Histogram

#: Upper bounds of the confidence: fine near 1, where a model is of nearly all transactions.
CONFIDENCE = (0.55, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)


class Tally:
    """Counts.

    Attributes:
        read: Records read from `transactions`.
        scored: Transactions decided.
        alerts: Alerts sent, by type and severity.
        snoozed: Alerts not sent, since their customer's are not for a while.
        from_event: Seconds from the event to its decision, by the clocks of both sides; a replay of the past has years.
        from_broker: Seconds from the broker's timestamp to the decision.
        confidence: How sure of its answer the model was that decides, 0.5 to 1, of the transactions it was asked of.
    """

    def __init__(self) -> None:
        self.read = self.scored = self.snoozed = 0
        self.alerts: Counter[tuple[str, ...]] = Counter()
        self.from_event, self.from_broker = Histogram(), Histogram()
        self.confidence = Histogram(CONFIDENCE)

    def note(self, decided_at: float, events: Sequence[float], stamps: Sequence[float]) -> None:
        """Note a chunk: event times and the broker's times, seconds, of what was decided.

        A clock ahead of this one's gives 0: the sum of a histogram may not fall.
        """
        self.scored += len(events)
        self.from_event.add(np.maximum(decided_at - np.array(events), 0.0))
        self.from_broker.add(np.maximum(decided_at - np.array(stamps), 0.0))

    def note_scores(self, scores: Sequence[float] | None) -> None:
        """Note the probabilities of fraud that count for a chunk; None where no model was asked."""
        if scores is not None:
            fraud = np.array(scores)
            self.confidence.add(np.maximum(fraud, 1.0 - fraud))


tally = Tally()
