"""Scored transactions and labels as Arrow has them: the columns of the files."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from fraud_stream.domain.transaction import REQUIRED, Transaction
from fraud_stream.records import Label, ScoredTransaction

_NUMBERS = ("timestamp", "amount")
_TRANSACTION = pa.struct(
    [
        pa.field(name, pa.float64() if name in _NUMBERS else pa.string(), nullable=name not in REQUIRED)
        for name in Transaction.__struct_fields__
    ]
)
_ARROW: dict[str, pa.DataType] = {
    "score": pa.float64(),
    "risk_score": pa.float64(),
    "verdict": pa.string(),
    "alert_id": pa.string(),
    "rules": pa.list_(pa.string()),
    "shadow_rules": pa.list_(pa.string()),
    "reasons": pa.string(),
    "model_version": pa.string(),
    "rules_version": pa.string(),
    "is_late": pa.bool_(),
    "partition": pa.int32(),
    "offset": pa.int64(),
    "decided_at": pa.float64(),
    "latency": pa.float64(),
    "threshold": pa.float64(),
    "online_score": pa.float64(),
    "challenger_score": pa.float64(),
    "challenger_version": pa.string(),
    "anomaly_score": pa.float64(),
    "listed": pa.string(),
    "is_snoozed": pa.bool_(),
}
_LABEL = {
    "transaction_id": pa.string(),
    "customer_id": pa.string(),
    "is_fraud": pa.bool_(),
    "labelled_at": pa.float64(),
    "source": pa.string(),
    "kind": pa.string(),
}
_encode = msgspec.json.Encoder().encode


def day_of(scored: ScoredTransaction) -> date:
    """The day of a scored transaction, by its event time in UTC."""
    return datetime.fromtimestamp(scored.transaction.timestamp, UTC).date()


def scored_table(scored: Sequence[ScoredTransaction]) -> pa.Table:
    """Scored transactions that have the same features; their reasons are JSON."""
    payments = zip(*(msgspec.structs.astuple(one.transaction) for one in scored), strict=True)
    fields = [pa.array(values, of_it.type) for values, of_it in zip(payments, _TRANSACTION, strict=True)]
    transactions = pa.StructArray.from_arrays(fields, fields=list(_TRANSACTION))
    others = [pa.array([_value(one, name) for one in scored], kind) for name, kind in _ARROW.items()]
    return pa.table([transactions, _features(scored), *others], names=["transaction", "features", *_ARROW])


def label_table(labels: Sequence[Label]) -> pa.Table:
    """Labels."""
    columns = [pa.array([getattr(one, name) for one in labels], kind) for name, kind in _LABEL.items()]
    return pa.table(columns, names=list(_LABEL))


def _features(scored: Sequence[ScoredTransaction]) -> pa.StructArray:
    names = tuple(scored[0].features)
    rows = np.array([tuple(one.features.values()) for one in scored], dtype=np.float64).reshape(len(scored), -1)
    return pa.StructArray.from_arrays([pa.array(column) for column in rows.T.copy()], names=list(names))


def _value(scored: ScoredTransaction, name: str) -> Any:
    value = getattr(scored, name)
    return _encode(value).decode() if name == "reasons" else value
