"""What the stream has decided, in the warehouse: scored transactions and alerts, each once."""

from typing import Any

import msgspec

from fraud_stream.batch.loading import Record, load, of_topic, topic_source
from fraud_stream.batch.step import Counts, moment
from fraud_stream.batch.tables import ALERTS, SCORED
from fraud_stream.batch.warehouse import Insert, Table, Warehouse
from fraud_stream.records import Alert, ScoredTransaction, read_alert
from fraud_stream.settings import Settings

_decode_scored = msgspec.json.Decoder(ScoredTransaction).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def load_scored(settings: Settings, warehouse: Warehouse) -> Counts:
    """Load the decisions that are new."""
    return _load(settings, warehouse, settings.topics.scored, SCORED, _scored)


def load_alerts(settings: Settings, warehouse: Warehouse) -> Counts:
    """Load the alerts of transactions that are new; drifts, on the same topic, are none."""
    return _load(settings, warehouse, settings.topics.alerts, ALERTS, _alert)


def _load(settings: Settings, warehouse: Warehouse, topic: str, table: Table, row: Any) -> Counts:
    def inserts(part: list[Record]) -> list[Insert]:
        found = [row(record.value) for record in part]
        return [Insert(table, table.of([one for one in found if one is not None]))]

    return load(warehouse, topic_source(topic), of_topic(settings, warehouse, topic), inserts)


def _scored(value: bytes | None) -> tuple[Any, ...] | None:
    """A row of a record; None of one that the application did not write."""
    try:
        one = _decode_scored(value or b"")
    except _UNREADABLE:
        return None
    tx, time = one.transaction, moment(one.transaction.timestamp)
    who = one.partition, one.offset, tx.transaction_id, tx.customer_id, time.date(), time, tx.amount
    what = one.score, one.risk_score, one.verdict, one.alert_id, ",".join(one.rules)
    by = one.model_version, one.rules_version, one.threshold
    return *who, *what, *by, one.is_late, moment(one.decided_at), one.latency


def _alert(value: bytes | None) -> tuple[Any, ...] | None:
    try:
        one = read_alert(value or b"")
    except _UNREADABLE:
        return None
    if not isinstance(one, Alert):
        return None
    event, detected = (time.replace(tzinfo=None) for time in (one.event_time, one.detected_at))
    who = one.alert_id, one.transaction_id, one.customer_id, event.date(), event, detected, one.amount
    what = one.severity, one.type, one.risk_score, one.verdict, one.message
    return *who, *what, one.model_version, one.rules_version
