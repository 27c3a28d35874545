"""Step 6, engineer features: those that the stream computes, by the stream's own code, over the warehouse's history."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

from fraud_stream.batch.history import Past, transactions
from fraud_stream.batch.loading import TOGETHER, together
from fraud_stream.batch.step import Batch, Counts
from fraud_stream.batch.tables import CUSTOMER_DAYS, FEATURES
from fraud_stream.batch.warehouse import SQL_TYPES, Insert, Statement, Table, Warehouse
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.evaluation.taking import Taker


class _Waiting(NamedTuple):
    """What will become known of a transaction: the number puts those of one moment in the order of the stream."""

    known_at: float
    number: int
    customer_id: str
    merchant_id: str | None
    is_fraud: bool


class _Taken(NamedTuple):
    """A transaction of the day, and what its features are computed from."""

    past: Past
    facts: list[float]


def engineer_features(batch: Batch) -> Counts:
    """Put the features of the day's transactions in place of those that were there.

    The customers' state is made anew from all that was cleaned up to the day: so it takes as long as there is history.

    Raises:
        WarehouseError: The warehouse cannot be read or changed.
    """
    warehouse, taker = batch.warehouse, Taker(batch.settings)
    table = _defined(warehouse, taker.maker)
    taken = _of_day(batch, taker)
    parts = (_rows(table, part, taker.maker) for part in together(taken, TOGETHER))
    forget = Statement(f"DELETE FROM {table.name} WHERE event_day = ?", (batch.day,))  # noqa: S608 - names of ours
    _, written = warehouse.apply(forget, Insert(table, parts))
    return Counts(written, written)


def _of_day(batch: Batch, taker: Taker) -> Iterator[_Taken]:
    """The day's transactions; labels are noted as their time comes, as the stream does."""
    waiting, number = list[_Waiting](), 0
    for past in transactions(batch.warehouse, batch.day, batch.settings.labels.horizon):
        tx = past.transaction
        while waiting and waiting[0].known_at <= tx.timestamp:
            told = heapq.heappop(waiting)
            taker.note_of(told.customer_id, told.merchant_id, told.known_at, is_fraud=told.is_fraud)
        facts = taker.take(tx)
        if past.is_fraud is not None:
            number += 1
            heapq.heappush(waiting, _Waiting(past.known_at, number, tx.customer_id, tx.merchant_id, past.is_fraud))
        if past.day == batch.day and facts is not None:
            yield _Taken(past, facts)


def _defined(warehouse: Warehouse, maker: FeatureMaker) -> Table:
    """The table with a column for each feature; those of other settings stay, and are empty in new rows."""
    table = FEATURES._replace(columns={**FEATURES.columns, **dict.fromkeys(maker.names, "number")})
    there = set(warehouse.rows(f"SELECT * FROM {table.name} LIMIT 0").columns)  # noqa: S608 - names of ours
    missing = [(name, kind) for name, kind in table.columns.items() if name not in there]
    columns = [f"ALTER TABLE {table.name} ADD COLUMN {name} {SQL_TYPES[kind]}" for name, kind in missing]
    last = "row_number() OVER (PARTITION BY customer_id, event_day ORDER BY event_time DESC, transaction_id) = 1"
    view = f"CREATE OR REPLACE VIEW {CUSTOMER_DAYS} AS SELECT * FROM {table.name} QUALIFY {last}"  # noqa: S608
    warehouse.define(*columns, view)
    return table


def _rows(table: Table, part: list[_Taken], maker: FeatureMaker) -> pa.Table:
    known = FEATURES.of([_known(one.past, maker.version) for one in part])
    rows = maker.rows([one.facts for one in part])
    features = [pa.array(column) for column in rows.T.copy()]
    return pa.table([*known.columns, *features], schema=table.arrow)


def _known(past: Past, version: str) -> tuple[Any, ...]:
    tx = past.transaction
    time = datetime.fromtimestamp(tx.timestamp, UTC).replace(tzinfo=None)
    return tx.transaction_id, tx.customer_id, past.day, time, past.is_fraud, version
