"""Puts what was decided into the outbox: scored transactions, alerts, labelled transactions, dead letters."""

import time
from collections import Counter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from agents.models import maker
from agents.tally import tally
from fraud_stream.alert_log import log_alert
from fraud_stream.app import app, settings
from fraud_stream.domain.decision import Decision
from fraud_stream.domain.grouping import joined
from fraud_stream.domain.intake import Refused
from fraud_stream.domain.joining import Joiner
from fraud_stream.domain.once import Join
from fraud_stream.domain.pending import Pending
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.transaction import Transaction
from fraud_stream.engine.follower import Follower
from fraud_stream.models.panel import NOTHING_SAID, Said
from fraud_stream.records import Alert, DeadLetter
from fraud_stream.reports import Context, Reporter, Told
from tables.customer_frauds import customer_frauds
from tables.customer_profile import customer_profile
from tables.pending import pending

encode = msgspec.json.Encoder().encode
outbox = app.group_commit.outbox
topics = settings.topics
#: `labelled` is made of transactions and labels, and tells what the transactions after them are judged by.
follower = Follower(app, topics.labelled)
features_version = maker.version
reporter = Reporter(maker.names, features_version)
#: Dead letters by reason, since the worker started.
refused_counts: Counter[str] = Counter()
#: Hits by rule and its state, active or shadow, since the worker started.
rule_counts: Counter[tuple[str, ...]] = Counter()
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
        self._settled = settled(partition)
        self._joiner = joiner(partition)
        self._scored: list[tuple[bytes, bytes]] = []

    def close(self) -> None:
        """Send what was collected."""
        outbox.put_all(topics.scored, self._partition, self._scored)

    def send(
        self,
        tx: Transaction,
        features: NDArray[np.float64],
        decision: Decision,
        origin: tuple[Any, bool],
        said: Said = NOTHING_SAID,
    ) -> None:
        """Send one decision, and have its features wait for the label."""
        record, is_late = origin
        row = features.tolist()
        key = tx.customer_id.encode()
        alert = reporter.alert(tx, row, decision, self._context) if decision.verdict != "accept" else None
        if alert is not None and decision.is_snoozed:
            tally.snoozed += 1
        elif alert is not None:
            alert = self._grouped(alert, tx)
            outbox.put(topics.alerts, self._partition, key, encode(alert))
            tally.alerts[alert.type, alert.severity] += 1
            log_alert(alert)
        if decision.hits or decision.shadow:
            rule_counts.update((rule.rule.id, rule.rule.state) for rule in (*decision.hits, *decision.shadow))
        if decision.anomaly is not None:
            anomaly_counts[decision.anomaly.why] += 1
        told = Told(record, is_late, alert, self._context, said)
        self._scored.append((key, encode(reporter.scored(tx, row, decision, told))))
        if is_late:
            outbox.put(topics.late, self._partition, key, record.value)
        waiting = reporter.pending(tx, features.tobytes(), decision, told)
        self._joiner.scored(tx.transaction_id, waiting, self._settled)

    def _grouped(self, alert: Alert, tx: Transaction) -> Alert:
        """An alert that says which it belongs to; the customer's profile remembers, so that it survives a crash."""
        within = settings.alerts.group_within
        if within is None:
            return alert
        profile = customer_profile.partition(self._partition).change(tx.customer_id, Profile)
        group = joined(profile.alerts, tx.timestamp, alert.alert_id, within)
        if profile.alerts is None or group.first >= profile.alerts.first:
            profile.alerts = group
        return msgspec.structs.replace(alert, group_id=group.id, group_position=group.count)


def joiner(partition: int) -> Joiner:
    """Joins the transactions and labels of a partition."""
    frauds = customer_frauds.partition(partition)
    return Joiner(partition, pending.partition(partition), frauds, settings.labels.horizon, send_labelled)


def settled(partition: int) -> tuple[int, int]:
    """Below which offsets the transactions and the labels of a partition are stored and acknowledged for good."""
    return app.settled(topics.transactions, partition), app.settled(topics.labels, partition)


def send_labelled(transaction_id: str, scored: Pending, label: Pending, join: Join) -> None:
    """Send a scored transaction with its label."""
    stream_time = max(app.clock.now(join.partition), scored.time)
    labelled = reporter.labelled(transaction_id, (scored, label), join, stream_time)
    outbox.put(topics.labelled, 0, transaction_id.encode(), encode(labelled))
    follower.made(stream_time)


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
