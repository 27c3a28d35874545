"""Cleaned transactions of all days in the order of the stream, with their labels, without holding all of them."""

import heapq
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import pandas as pd

from fraud_stream.batch.labels import FILE_DELAY, FIRST_LABELS
from fraud_stream.batch.tables import CLEANED
from fraud_stream.batch.warehouse import Warehouse, records
from fraud_stream.domain.outcomes import known_at
from fraud_stream.domain.transaction import OPTIONAL, Transaction

#: Rows that are read together, of each partition.
_PAGE = 20_000
_LABELLED = (
    f"SELECT c.*, l.is_fraud AS label, l.labelled_at FROM {CLEANED.name} c "  # noqa: S608 - names of ours
    f"LEFT JOIN ({FIRST_LABELS}) l ON l.customer_id = c.customer_id AND l.transaction_id = c.transaction_id "
    "WHERE c.source = ? AND c.partition_id = ? AND c.position > ? AND c.position <= ? "
    f"ORDER BY c.position LIMIT {_PAGE}"
)
_PARTITIONS = (
    f"SELECT source, partition_id, max(position) AS last FROM {CLEANED.name} "  # noqa: S608 - names of ours
    "WHERE event_day <= ? GROUP BY source, partition_id ORDER BY source, partition_id"
)


class Past(NamedTuple):
    """A transaction of the warehouse.

    Attributes:
        transaction: What it was.
        day: Its day.
        is_fraud: Its label; None where there is none by now.
        known_at: When that counts from, seconds since 1970.
    """

    transaction: Transaction
    day: date
    is_fraud: bool | None
    known_at: float


def transactions(warehouse: Warehouse, day: date, horizon: float) -> Iterator[Past]:
    """All up to a day's last, in the order of their partitions; those of different partitions by event time.

    Args:
        warehouse: Where they are.
        day: The last day.
        horizon: Seconds within which a label counts.
    """
    ends = records(warehouse.rows(_PARTITIONS, day))
    partitions = [(str(end["source"]), int(end["partition_id"]), int(end["last"])) for end in ends]
    found = [_of_partition(warehouse, *partition, horizon) for partition in partitions]
    return heapq.merge(*found, key=lambda one: one.transaction.timestamp)


def _of_partition(warehouse: Warehouse, source: str, partition: int, last: int, horizon: float) -> Iterator[Past]:
    done = -1
    while done < last:
        page = warehouse.rows(_LABELLED, source, partition, done, last)
        if page.empty:
            return
        yield from _pasts(page, horizon)
        done = int(page["position"].iloc[-1])


def _pasts(page: pd.DataFrame, horizon: float) -> Iterator[Past]:
    texts = page.loc[:, list(OPTIONAL)].astype(object)
    fields = texts.where(texts.notna(), None).to_numpy().tolist()
    days = pd.to_datetime(page["event_day"]).dt.date
    ids = zip(page["transaction_id"], page["customer_id"], seconds(page["event_time"]), page["amount"], strict=True)
    told = zip(page["source"], page["label"], seconds(page["labelled_at"]), page["is_fraud"], strict=True)
    for of_it, rest, day, label in zip(ids, fields, days, told, strict=True):
        transaction = Transaction(*of_it, *rest)
        yield Past(transaction, day, *_label(transaction.timestamp, label, horizon))


def _label(time: float, told: tuple[str, Any, float, Any], horizon: float) -> tuple[bool | None, float]:
    source, label, labelled_at, own = told
    if not pd.isna(label):
        return bool(label), known_at(labelled_at, time, horizon)
    if source.startswith("file:") and not pd.isna(own):
        return bool(own), known_at(time + FILE_DELAY, time, horizon)
    return None, time


def seconds(times: pd.Series) -> list[float]:
    """Times of the warehouse as seconds since 1970; NaN where there is none.

    >>> seconds(pd.Series([pd.Timestamp("2024-01-31 12:00:00.25")]))
    [1706702400.25]
    """
    nothing = float("nan")
    stamps = pd.to_datetime(times).dt.to_pydatetime()
    return [nothing if pd.isna(one) else datetime.timestamp(one.replace(tzinfo=UTC)) for one in stamps]
