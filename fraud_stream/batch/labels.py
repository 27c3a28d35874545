"""Labels in the warehouse: each record of the topic once, and the first one of each transaction; those of files."""

import math
from datetime import date
from functools import partial
from typing import Any

from fraud_stream.batch.loading import Record, load, of_topic, text_of, topic_source
from fraud_stream.batch.step import Counts, moment
from fraud_stream.batch.tables import CLEANED, LABELS, REJECTED
from fraud_stream.batch.warehouse import Insert, Warehouse
from fraud_stream.domain.intake import Refused
from fraud_stream.domain.sliding import DAY
from fraud_stream.label_intake import LabelIntake
from fraud_stream.records import Label
from fraud_stream.settings import Settings

#: The first label of each transaction, in the order in which they came.
FIRST_LABELS = (
    f"SELECT customer_id, transaction_id, is_fraud, labelled_at FROM {LABELS.name} "  # noqa: S608 - names of ours
    "QUALIFY row_number() OVER "
    "(PARTITION BY customer_id, transaction_id ORDER BY received_at, source, partition_id, position) = 1"
)

#: Files do not say when a label became known: so long after its payment, as for `fraud-stream train --input FILE`.
FILE_DELAY = 7 * DAY
#: The labels of files: what their payments say of themselves, which on a topic is no label.
FILE_LABELS = (
    "SELECT customer_id, transaction_id, event_day, is_fraud, "  # noqa: S608 - names of ours
    f"event_time + INTERVAL '{FILE_DELAY:.0f} seconds' AS labelled_at "
    f"FROM {CLEANED.name} WHERE source LIKE 'file:%' AND is_fraud IS NOT NULL"
)


def load_labels(settings: Settings, warehouse: Warehouse) -> Counts:
    """Load the labels that are new; what is none is put with what was rejected."""
    topic, intake = settings.topics.labels, LabelIntake(settings.limits)
    return load(warehouse, topic_source(topic), of_topic(settings, warehouse, topic), partial(_inserts, intake))


def _inserts(intake: LabelIntake, part: list[Record]) -> list[Insert]:
    labels, others = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for record in part:
        try:
            labels.append(_row(record, intake.read(record.value, record.received_at or math.inf)))
        except Refused as refused:
            others.append(_rejected(record, str(refused)))
    return [Insert(LABELS, LABELS.of(labels)), Insert(REJECTED, REJECTED.of(others))]


def _row(record: Record, one: Label) -> tuple[Any, ...]:
    told = one.transaction_id, one.customer_id, one.is_fraud, moment(one.labelled_at), one.source, one.kind
    return *record.place, _received(record), *told


def _rejected(record: Record, why: str) -> tuple[Any, ...]:
    day: date = _received(record).date()
    return *record.place, day, "ingest", "no_label", why, None, None, text_of(record.value)


def _received(record: Record) -> Any:
    return moment(record.received_at or 0.0)
