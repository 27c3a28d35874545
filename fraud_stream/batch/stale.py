"""Days that have got records since they were run, or were never run: late ones, or those of a night that was missed."""

from datetime import date
from typing import NamedTuple

import pandas as pd

from fraud_stream.batch.tables import COUNTS, RAW
from fraud_stream.batch.warehouse import Warehouse, records

_SQL = (
    "SELECT r.event_day, r.found - coalesce(c.raw, 0) AS waiting FROM "  # noqa: S608 - names of ours
    f"(SELECT event_day, count(*) AS found FROM {RAW.name} WHERE event_day < ? GROUP BY event_day) r "
    f"LEFT JOIN {COUNTS.name} c ON c.event_day = r.event_day "
    "WHERE r.found <> coalesce(c.raw, 0) ORDER BY r.event_day"
)


class StaleDay(NamedTuple):
    """A day with records that no run has looked at."""

    day: date
    waiting: int


def stale_days(warehouse: Warehouse, before: date) -> list[StaleDay]:
    """Such days before a day, the oldest first: features of that day rest on them."""
    found = records(warehouse.rows(_SQL, before))
    return [StaleDay(pd.Timestamp(row["event_day"]).date(), int(row["waiting"])) for row in found]
