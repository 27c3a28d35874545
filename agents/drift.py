"""Watches four streams for drift, and tells of each on `alerts` and in the log.

A worker watches what it decides; the one that reads `labelled` watches what was labelled too.  The detectors live in
memory: a worker that is started again begins them anew.
"""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.models import maker
from agents.outputs import encode
from agents.refit import refit_now
from fraud_stream.app import app, settings
from fraud_stream.domain.decision import Decision
from fraud_stream.domain.transaction import Transaction
from fraud_stream.models.drift import (
    ALERT_RATE,
    FRAUD_LABEL_RATE,
    LOG_AMOUNT,
    MISSED_FRAUD_RATE,
    STREAMS,
    Change,
    MeanDetector,
    message,
)
from fraud_stream.records import Drift, Labelled, drift_id

log = logging.getLogger(__name__)
#: A rise of these means that fraud gets through; any drift of them, that what was learnt may hold no longer.
OF_LABELS = (FRAUD_LABEL_RATE, MISSED_FRAUD_RATE)
_AMOUNT = maker.names.index("amount")
#: The last second that a date can be.
_LATEST = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()


class Taken(Protocol):
    """Something made of a transaction."""

    @property
    def transaction(self) -> Transaction:
        """The transaction."""
        ...


class Watcher:
    """Watches decisions and labels.

    Attributes:
        detectors: The detector of each stream, by its name.
        newest: The newest drift of each stream that had one.
    """

    def __init__(self) -> None:
        self.detectors = {name: MeanDetector(stream, settings.drift.delta) for name, stream in STREAMS.items()}
        self.newest: dict[str, Drift] = {}
        self._labelled_to = -1

    def watch_decided(self, taken: Sequence[Taken], rows: NDArray[np.float64], decisions: Sequence[Decision]) -> None:
        """Watch the decisions of a chunk; `rows` has the features, one row each."""
        if settings.drift.enabled:
            transactions = [one.transaction for one in taken]
            self._watch(ALERT_RATE, [made.verdict != "accept" for made in decisions], transactions)
            self._watch(LOG_AMOUNT, np.log1p(rows[:, _AMOUNT]), transactions)

    def watch_labelled(self, found: Sequence[tuple[int, Labelled]]) -> None:
        """Watch labelled transactions, each with its offset; those that are read again after a rebalance were."""
        if settings.drift.enabled and found:
            new = [one for offset, one in found if offset > self._labelled_to]
            self._labelled_to = max(self._labelled_to, found[-1][0])
            frauds = [one for one in new if one.is_fraud]
            self._watch(FRAUD_LABEL_RATE, [one.is_fraud for one in new], new)
            self._watch(MISSED_FRAUD_RATE, [one.verdict == "accept" for one in frauds], frauds)

    def _watch(self, name: str, values: Any, of: Sequence[Transaction | Labelled]) -> None:
        for change in self.detectors[name].observe(np.asarray(values, dtype=float)):
            self.newest[name] = described(name, change, of[change.index])
            tell(self.newest[name])


def described(name: str, change: Change, one: Transaction | Labelled) -> Drift:
    """The record of a drift that a transaction gave away."""
    is_bad = name in OF_LABELS and change.after > change.before
    return Drift(
        drift_id(name, one.transaction_id),
        "DRIFT",
        "HIGH" if is_bad else "MEDIUM",
        name,  # type: ignore[arg-type]  # one of `STREAMS`
        _moment(one.timestamp),
        _moment(time.time()),
        change.before,
        change.after,
        change.count,
        message(name, change),
    )


def _moment(seconds: float) -> datetime:
    """A time as a record has it; what others wrote to `labelled` may be any number, and is brought into range."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), UTC)


def tell(drift: Drift) -> None:
    """Send a drift, log it, and have the challenger refit if that is wanted."""
    key = drift.stream.encode()
    app.group_commit.outbox.put(settings.topics.alerts, 0, key, encode(drift))  # one partition: drifts come in order
    log.warning("DRIFT %s %s: %s", drift.severity, drift.stream, drift.message)
    if settings.drift.refit and drift.stream in OF_LABELS:
        refit_now(drift.message)


watcher = Watcher()
