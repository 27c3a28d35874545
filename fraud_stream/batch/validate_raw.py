"""Step 2, validate raw: what the stream would refuse, and what comes again, is rejected with its reason."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, timedelta

import pandas as pd

from fraud_stream.batch.checking import Check
from fraud_stream.batch.contracts import raw_contract
from fraud_stream.batch.rejects import none_rejected
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
    check = Check(NAME, batch.day, raw_contract(batch.settings.intake_limits))
    batch.warehouse.apply(none_rejected(NAME, batch.day), check.insert(_of_day(batch)))
    return check.counts


def _of_day(batch: Batch) -> Iterator[pd.DataFrame]:
    """The rows of the day, those that come again among them marked; those of the days around it are only looked at."""
    repeated = _Repeated(batch.settings.windows.max_events)
    for part in _of_days(batch):
        again = repeated.of(part)
        part["refused"] = part["refused"].where(~again, "duplicate")
        part["refused_detail"] = part["refused_detail"].where(~again, "the customer's transaction came before")
        today = part[pd.to_datetime(part["event_day"]).dt.date == batch.day]
        if not today.empty:
            yield today


def _of_days(batch: Batch) -> Iterator[pd.DataFrame]:
    """The rows of the day, and of those around it, in the stream's order: one of the next day may have come before."""
    sql = f"SELECT * FROM {RAW.name} WHERE event_day BETWEEN ? AND ? ORDER BY source, partition_id, position"  # noqa: S608
    days = batch.day - timedelta(days=1), batch.day + timedelta(days=1)
    for part in batch.warehouse.parts(sql, *days):
        yield part.astype({"refused": object, "refused_detail": object})


class _Repeated:
    """Tells which rows the stream would take for duplicates: it knows a customer's transactions of the last 24 hours.

    Args:
        most: Transactions of a customer that it knows at most.
    """

    def __init__(self, most: int) -> None:
        self._known, self._most = defaultdict[str, RecentIds](RecentIds), most

    def of(self, part: pd.DataFrame) -> pd.Series:
        """Which rows of the part that comes next are."""
        good = part[part["refused"].isna()]
        times = pd.to_datetime(good["event_time"]).dt.tz_localize(UTC).map(pd.Timestamp.timestamp)
        found = pd.Series(False, index=part.index)
        columns = zip(good.index, good["position"], good["customer_id"], good["transaction_id"], times, strict=True)
        for row, position, customer, transaction, time in columns:
            found[row] = not self._known[customer].add(transaction, int(position), time, self._most)
        return found
