"""History from the warehouse: the features of the batch pipeline with the first label of each transaction."""

import math
from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fraud_stream.batch.history import seconds
from fraud_stream.batch.labels import FILE_LABELS, FIRST_LABELS
from fraud_stream.batch.tables import FEATURES, SCORED
from fraud_stream.batch.warehouse import Warehouse, records
from fraud_stream.commands.labelled_history import Feed
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.sliding import DAY
from fraud_stream.errors import WarehouseError
from fraud_stream.evaluation.training_set import Columns, TrainingSet, transaction_number

_WITH_LABELS = (
    "SELECT f.*, coalesce(l.is_fraud, o.is_fraud) AS label, coalesce(l.labelled_at, o.labelled_at) AS labelled_at "  # noqa: S608
    f"FROM {FEATURES.name} f "
    f"LEFT JOIN ({FIRST_LABELS}) l ON l.customer_id = f.customer_id AND l.transaction_id = f.transaction_id "
    f"LEFT JOIN ({FILE_LABELS}) o "
    "ON o.customer_id = f.customer_id AND o.transaction_id = f.transaction_id AND o.event_day = f.event_day"
)
_COUNTS = (
    "SELECT f.features_version = ? AS is_ours, f.labelled_at IS NOT NULL AS is_labelled, count(*) AS found "  # noqa: S608
    f"FROM ({_WITH_LABELS}) f GROUP BY 1, 2"
)
_NEWEST = (
    f"SELECT max(n.event_time) FROM ({_WITH_LABELS}) n "  # noqa: S608 - likewise
    "WHERE n.features_version = ? AND n.labelled_at IS NOT NULL"
)
#: A hundred years, in seconds: warehouses know no interval without end.
_LONGEST = 100 * 366 * DAY
_THERE = "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ?"
#: `score` is what counted: the online model's where it alone has decided.
_ONLINE = (
    f"SELECT customer_id, transaction_id, event_time, max(score) AS score FROM {SCORED.name} "  # noqa: S608 - names of ours
    "WHERE model_version LIKE 'online-%' AND model_version NOT LIKE '%+%' GROUP BY 1, 2, 3"
)
_OTHER = "transactions of other features than this application makes"
_UNLABELLED = "transactions without a label"
_DAMAGED = "transactions with damaged features"


def learn_from_warehouse(opened: Warehouse, maker: FeatureMaker, history: TrainingSet) -> Feed:
    """Add the labelled transactions of the warehouse that have this application's features, a part at a time.

    Labels are those of the topic `labels`, as for the topic `labelled` and archives: what a payment on a topic says of
    itself (`is_fraud`) was known to nobody when it was made.  In a file that is its label, known seven days later.
    What the online model had said is known where it has decided.

    Raises:
        WarehouseError: It cannot be read, or has nothing to learn from.
    """
    _check(opened, maker)
    left_out, read = _left_out(opened, maker), history.read
    for part in opened.parts(_question(maker, history.span), maker.version, maker.version):
        columns = _columns(part, maker)
        whole = np.flatnonzero(np.isfinite(columns.rows).all(axis=1))
        left_out[_DAMAGED] += len(part) - len(whole)
        history.add(columns.only(whole))
    if history.read == read:
        raise WarehouseError(_nothing(opened, left_out))
    return Feed(+left_out)


def _check(opened: Warehouse, maker: FeatureMaker) -> None:
    """Whether the table is there, and has a column for each feature."""
    found = opened.rows(_THERE, *FEATURES.name.split("."))
    there = set(found["column_name"].str.lower())
    missing = [name for name in (*FEATURES.columns, *maker.names) if name not in there]
    if not there:
        raise WarehouseError(f"{opened.place} has no table {FEATURES.name}; `fraud-stream pipeline run` makes it")
    if missing:
        told = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise WarehouseError(
            f"{opened.place}: no row of {FEATURES.name} has all features that this application makes; it lacks {told}: "
            "run `fraud-stream pipeline run --date DAY --step engineer-features` for the days to learn from"
        )


def _left_out(opened: Warehouse, maker: FeatureMaker) -> Counter[str]:
    left_out = Counter[str]()
    for row in records(opened.rows(_COUNTS, maker.version)):
        if not row["is_ours"]:
            left_out[_OTHER] += int(row["found"])
        elif not row["is_labelled"]:
            left_out[_UNLABELLED] += int(row["found"])
    return left_out


def _question(maker: FeatureMaker, span: float) -> str:
    """The rows with labels of the newest `span` seconds, in the order in which they were labelled."""
    features = ", ".join(f"f.{name}" for name in maker.names)
    return (
        "SELECT f.customer_id, f.transaction_id, f.event_time, f.label, f.labelled_at, o.score AS online_score, "  # noqa: S608
        f"{features} FROM ({_WITH_LABELS}) f LEFT JOIN ({_ONLINE}) o "
        "ON o.customer_id = f.customer_id AND o.transaction_id = f.transaction_id AND o.event_time = f.event_time "
        f"WHERE f.features_version = ? AND f.labelled_at IS NOT NULL AND f.event_time > ({_NEWEST}) "
        f"- INTERVAL '{math.ceil(min(span, _LONGEST))} seconds' "
        "ORDER BY f.labelled_at, f.event_time, f.customer_id, f.transaction_id"
    )


def _columns(part: pd.DataFrame, maker: FeatureMaker) -> Columns:
    return Columns(
        _numbers(part),
        np.array(seconds(part["event_time"])),
        np.array(seconds(part["labelled_at"])),
        part["label"].to_numpy(bool),
        part["online_score"].to_numpy(float),
        part.loc[:, list(maker.names)].to_numpy(float),
    )


def _numbers(part: pd.DataFrame) -> NDArray[np.uint64]:
    pairs = zip(part["customer_id"], part["transaction_id"], strict=True)
    return np.fromiter((transaction_number(*pair) for pair in pairs), np.uint64, len(part))


def _nothing(opened: Warehouse, left_out: Counter[str]) -> str:
    told = ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count) or "no transaction at all"
    return (
        f"{opened.place} has nothing to learn from: {told}; labels are those of the topic `labels`, or of "
        "files that say what is fraud; `fraud-stream pipeline run` loads both"
    )
