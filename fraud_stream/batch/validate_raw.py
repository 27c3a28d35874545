"""Step 2, validate raw: what the stream would refuse, and what comes again, is rejected with its reason."""

from collections import defaultdict
from datetime import UTC, timedelta

import pandas as pd

from fraud_stream.batch.contracts import failing, raw_contract
from fraud_stream.batch.rejects import none_rejected, rejected
from fraud_stream.batch.step import Batch, Counts
from fraud_stream.batch.tables import RAW
from fraud_stream.domain.recent import RecentIds

#: The name of the step, in the table of what was rejected too.
NAME = "validate-raw"


def validate_raw(batch: Batch) -> Counts:
    """Check the raw rows of the day; those that fail are rejected in place of those that did before.

    Raises:
        WarehouseError: The warehouse cannot be read or changed.
    """
    frame = _of_days(batch)
    frame["refused"] = frame["refused"].where(~_repeated(frame, batch.settings.windows.max_events), "duplicate")
    today = frame[pd.to_datetime(frame["event_day"]).dt.date == batch.day].reset_index(drop=True)
    again = today["refused"] == "duplicate"
    today["refused_detail"] = today["refused_detail"].where(~again, "the customer's transaction came before")
    failures = failing(raw_contract(batch.settings.intake_limits), today)
    changes = none_rejected(NAME, batch.day), rejected(NAME, batch.day, today, failures)
    batch.warehouse.apply(*changes)
    return Counts(len(today), len(today) - len(failures), len(failures))


def _of_days(batch: Batch) -> pd.DataFrame:
    """The rows of the day, and of those around it, in the stream's order: one of the next day may have come before."""
    sql = f"SELECT * FROM {RAW.name} WHERE event_day BETWEEN ? AND ? ORDER BY source, partition_id, position"  # noqa: S608
    found = batch.warehouse.rows(sql, batch.day - timedelta(days=1), batch.day + timedelta(days=1))
    return found.astype({"refused": object, "refused_detail": object})


def _repeated(frame: pd.DataFrame, most: int) -> pd.Series:
    """Which rows the stream would take for duplicates: it knows a customer's transactions of the last 24 hours."""
    known = defaultdict[str, RecentIds](RecentIds)
    good = frame[frame["refused"].isna()]
    times = pd.to_datetime(good["event_time"]).dt.tz_localize(UTC).map(pd.Timestamp.timestamp)
    found = pd.Series(False, index=frame.index)
    columns = zip(good.index, good["customer_id"], good["transaction_id"], times, strict=True)
    for place, customer, transaction, time in columns:
        found[place] = not known[customer].add(transaction, int(place), time, most)
    return found
