"""Puts what was decided into the outbox: scored transactions, alerts, labelled transactions, dead letters."""

import time
from collections import Counter
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.models import maker
from fraud_stream.alert_log import log_alert
from fraud_stream.app import app, settings
from fraud_stream.domain.decision import Decision
from fraud_stream.domain.intake import Refused
from fraud_stream.domain.outcomes import History, known_at
from fraud_stream.domain.pending import DONE, EARLY, Pending
from fraud_stream.domain.transaction import Transaction
from fraud_stream.records import DeadLetter, Label
from fraud_stream.reports import Context, Origin, Reporter, Told
from tables.customer_frauds import customer_frauds
from tables.pending import pending

encode = msgspec.json.Encoder().encode
outbox = app.group_commit.outbox
topics = settings.topics
#: A short name of the feature list; another list has another.
features_version = blake2b(",".join(maker.names).encode(), digest_size=4).hexdigest()
reporter = Reporter(maker.names, features_version)
#: Dead letters by reason, since the worker started.
refused_counts: Counter[str] = Counter()
#: Hits by rule, of active and shadow rules, since the worker started.
rule_counts: Counter[str] = Counter()
#: Alerts that were made because a transaction is unusual, by why, since the worker started.
anomaly_counts: Counter[str] = Counter()
_LONGEST_DETAIL = 500


class Outputs:
    """Sends the decisions of one chunk.

    Args:
        partition: The chunk's partition; a customer's records have the same on every topic.
        context: What the decisions have in common.
    """

    def __init__(self, partition: int, context: Context) -> None:
        self._partition = partition
        self._context = context
        self._pending = pending.partition(partition)
        self._scored: list[tuple[bytes, bytes]] = []

    def close(self) -> None:
        """Send what was collected."""
        outbox.put_all(topics.scored, self._partition, self._scored)

    def send(
        self, tx: Transaction, features: NDArray[np.float64], decision: Decision, origin: tuple[Any, bool]
    ) -> None:
        """Send one decision, and have its features wait for the label."""
        record, is_late = origin
        row = features.tolist()
        key = tx.customer_id.encode()
        alert = reporter.alert(tx, row, decision, self._context) if decision.verdict != "accept" else None
        if alert is not None:
            outbox.put(topics.alerts, self._partition, key, encode(alert))
            log_alert(alert)
        if decision.hits or decision.shadow:
            rule_counts.update(rule.rule.id for rule in (*decision.hits, *decision.shadow))
        if decision.anomaly is not None:
            anomaly_counts[decision.anomaly.why] += 1
        scored = reporter.scored(tx, row, decision, Told(record, is_late, alert, self._context))
        self._scored.append((key, encode(scored)))
        if is_late:
            outbox.put(topics.late, self._partition, key, record.value)
        self._await_label(tx, reporter.pending(tx, features.tobytes(), decision, self._context), record.offset)

    def _await_label(self, tx: Transaction, scored: Pending, offset: int) -> None:
        found = self._pending.get(tx.transaction_id)
        if found is None or found.stage not in (EARLY, DONE):
            self._pending.put(tx.transaction_id, scored)
        elif found.stage == EARLY:
            origin = Origin(f"{topics.transactions}-{self._partition}", offset)
            send_labelled(self._partition, tx.transaction_id, (scored, found), origin)
            self._pending.put(tx.transaction_id, scored.done())


def send_labelled(partition: int, transaction_id: str, parts: tuple[Pending, Pending | Label], origin: Origin) -> None:
    """Send a scored transaction with its label, and note a fraud of the customer.

    Args:
        partition: The customer's.
        transaction_id: The transaction.
        parts: What waited for the label, and the label.
        origin: Whose record completed them.
    """
    scored, label = parts
    labelled = reporter.labelled(transaction_id, scored, label, origin)
    outbox.put(topics.labelled, 0, transaction_id.encode(), encode(labelled))
    if label.is_fraud:
        frauds = customer_frauds.partition(partition).change(scored.customer_id, History)
        moment = known_at(label.labelled_at, scored.time, settings.labels.horizon)
        frauds.note(origin.name, origin.offset, moment, True)


def send_dead_letter(record: Any, refused: Refused) -> None:
    """Send a record that cannot be processed to the dead letters, untouched, with the reason and its origin."""
    refused_counts[refused.reason] += 1
    letter = DeadLetter(
        refused.reason,
        refused.detail[:_LONGEST_DETAIL],
        record.topic,
        record.partition,
        record.offset,
        time.time(),
    )
    headers = [*record.headers, *letter.headers()]
    outbox.put(topics.dead, record.partition, record.key, record.value, headers)


def broker_time(record: Any) -> float:
    """When the broker had the record, seconds.

    A transaction may not lie far ahead of it.  The stream's own time must not stretch that: a few records, each a bit
    ahead of the one before, would carry it any distance into the future.
    """
    return record.timestamp / 1000.0 if record.timestamp > 0 else time.time()
