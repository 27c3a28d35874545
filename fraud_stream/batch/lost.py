"""What retention took off the topics before the pipeline had loaded it."""

from datetime import UTC
from typing import Any, NamedTuple

import pandas as pd

from fraud_stream.batch.step import moment
from fraud_stream.batch.tables import LOST
from fraud_stream.batch.warehouse import Warehouse, records


class Lost(NamedTuple):
    """Records that were gone when they were to be loaded.

    Attributes:
        topic: Their topic.
        partition: Their partition.
        first: The offset of the first.
        records: How many.
        found_at: When that was found, seconds since 1970.
    """

    topic: str
    partition: int
    first: int
    records: int
    found_at: float

    def __str__(self) -> str:
        last = self.first + self.records - 1
        return (
            f"{self.records:,} records of topic {self.topic!r}, partition {self.partition} (offsets {self.first} to "
            f"{last}), were deleted by its retention before they were read, and are missing from now on"
        )


#: What to do about it.
ADVICE = "run it more often, or have the topic keep its records for longer (retention.ms)"


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
    place = int(row["partition_id"]), int(row["first_position"])
    found_at = pd.Timestamp(row["found_at"], tz=UTC).timestamp()
    return Lost(str(row["topic"]), *place, int(row["records"]), found_at)
