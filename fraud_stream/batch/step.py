"""What every step of the pipeline is given, and tells."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from fraud_stream.batch.warehouse import Warehouse
from fraud_stream.settings import Settings


class InputFile(NamedTuple):
    """A file of transactions, and what its columns are called."""

    path: Path
    mapping: str


class Batch(NamedTuple):
    """One day of the pipeline.

    Attributes:
        settings: Where topics are, and what features depend on.
        warehouse: Where the day goes.
        day: The day, by event time in UTC.
        file: What to take in instead of the topics.
    """

    settings: Settings
    warehouse: Warehouse
    day: date
    file: InputFile | None = None


class Counts(NamedTuple):
    """Rows that a step has read, written and turned away."""

    rows_in: int
    rows_out: int
    rejected: int = 0


def moment(seconds: float) -> datetime:
    """A time of the warehouse, UTC without a zone, of seconds since 1970.

    >>> moment(1706702400.25).isoformat()
    '2024-01-31T12:00:00.250000'
    """
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
