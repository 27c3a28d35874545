"""What retention took off the topics before the pipeline had loaded it."""

from datetime import UTC
from typing import Any, NamedTuple

import pandas as pd

from fraud_stream.batch.step import moment
from fraud_stream.batch.tables import LOST
from fraud_stream.batch.warehouse import Warehouse, records
from fraud_stream.retention import Gone


class Lost(NamedTuple):
    """Records that were gone when they were to be loaded.

    Attributes:
        gone: Which.
        found_at: When that was found, seconds since 1970.
    """

    gone: Gone
    found_at: float


_THERE = "SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = ? AND table_name = ?"


def lost_since(warehouse: Warehouse, time: float) -> list[Lost]:
    """What was found to be lost since a moment, seconds since 1970; none where no run of this version has noted any.

    Raises:
        WarehouseError: The warehouse cannot be read.
    """
    if not warehouse.rows(_THERE, *LOST.name.split("."))["n"].iloc[0]:
        return []
    sql = f"SELECT * FROM {LOST.name} WHERE found_at >= ? ORDER BY found_at, topic, partition_id"  # noqa: S608
    return [_lost(row) for row in records(warehouse.rows(sql, moment(time)))]


def _lost(row: dict[str, Any]) -> Lost:
    gone = Gone(str(row["topic"]), int(row["partition_id"]), int(row["first_position"]), int(row["records"]))
    return Lost(gone, pd.Timestamp(row["found_at"], tz=UTC).timestamp())
