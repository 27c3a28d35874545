"""Step 4, validate cleaned: the contract of what analysts read; what fails it is rejected with its reason."""

from collections.abc import Iterator

import pandas as pd

from fraud_stream.batch.checking import Check
from fraud_stream.batch.contracts import cleaned_contract
from fraud_stream.batch.step import Batch, Counts
from fraud_stream.batch.tables import CLEANED, PLACE, RAW, REJECTED
from fraud_stream.batch.warehouse import Statement

NAME = "validate-cleaned"
_PLACE = ", ".join(PLACE)
#: Whether a row comes again is for the warehouse to say, which alone sees the whole day.
_AGAIN = (
    "row_number() OVER (PARTITION BY c.customer_id, c.transaction_id ORDER BY c.source, c.partition_id, c.position) > 1"
)
_SQL = (
    f"SELECT c.*, r.record, {_AGAIN} AS is_again FROM {CLEANED.name} c JOIN {RAW.name} r "  # noqa: S608 - names of ours
    f"ON {' AND '.join(f'r.{name} = c.{name}' for name in PLACE)} "
    "WHERE c.event_day = ? ORDER BY c.source, c.partition_id, c.position"
)
_LEAVE_OUT = (
    f"DELETE FROM {CLEANED.name} WHERE event_day = ? AND ({_PLACE}) IN "  # noqa: S608 - names of ours
    f"(SELECT {_PLACE} FROM {REJECTED.name} WHERE event_day = ? AND step = ?)"
)


def validate_cleaned(batch: Batch) -> Counts:
    """Check the cleaned rows of the day; those that fail go over to what was rejected.

    Raises:
        WarehouseError: The warehouse cannot be read or changed.
    """
    check = Check(NAME, batch.day, cleaned_contract(batch.settings.intake_limits))
    leave_out = Statement(_LEAVE_OUT, (batch.day, batch.day, NAME))
    batch.warehouse.apply(check.insert(_of_day(batch)), leave_out)
    return check.counts


def _of_day(batch: Batch) -> Iterator[pd.DataFrame]:
    for part in batch.warehouse.parts(_SQL, batch.day):
        yield part.assign(is_today=pd.to_datetime(part["event_time"]).dt.date == batch.day)
