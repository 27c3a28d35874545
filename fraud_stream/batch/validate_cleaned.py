"""Step 4, validate cleaned: the contract of what analysts read; what fails it is rejected with its reason."""

import pandas as pd

from fraud_stream.batch.contracts import cleaned_contract, failing
from fraud_stream.batch.rejects import rejected
from fraud_stream.batch.step import Batch, Counts
from fraud_stream.batch.tables import CLEANED, PLACE, RAW, REJECTED
from fraud_stream.batch.warehouse import Statement

NAME = "validate-cleaned"
_PLACE = ", ".join(PLACE)
_SQL = (
    f"SELECT c.*, r.record FROM {CLEANED.name} c JOIN {RAW.name} r "  # noqa: S608 - names of ours
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
    frame = batch.warehouse.rows(_SQL, batch.day)
    frame["is_again"] = frame.duplicated(["customer_id", "transaction_id"])
    frame["is_today"] = pd.to_datetime(frame["event_time"]).dt.date == batch.day
    failures = failing(cleaned_contract(batch.settings.intake_limits), frame)
    leave_out = Statement(_LEAVE_OUT, (batch.day, batch.day, NAME))
    batch.warehouse.apply(rejected(NAME, batch.day, frame, failures), leave_out)
    return Counts(len(frame), len(frame) - len(failures), len(failures))
