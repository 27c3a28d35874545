"""Step 3, clean: what was not rejected, with what it lacks counted; nothing is made up.

Texts stay as the stream takes them: "Berlin " is another place than "Berlin" in its features, and so it is here.
"""

from fraud_stream.batch.rejects import none_rejected
from fraud_stream.batch.step import Batch, Counts
from fraud_stream.batch.tables import CLEANED, PLACE, RAW, REJECTED
from fraud_stream.batch.validate_cleaned import NAME as VALIDATED_AFTER
from fraud_stream.batch.validate_raw import NAME as VALIDATED
from fraud_stream.batch.warehouse import Statement
from fraud_stream.domain.transaction import OPTIONAL

_PLACE = ", ".join(f"r.{name}" for name in PLACE)
_SAME = " AND ".join(f"j.{name} = r.{name}" for name in PLACE)
_TEXTS = ", ".join(f"nullif(r.{name}, '')" for name in OPTIONAL)
_MISSING = " + ".join(f"CASE WHEN nullif(r.{name}, '') IS NULL THEN 1 ELSE 0 END" for name in OPTIONAL)
_SQL = (
    f"INSERT INTO {CLEANED.name} ({', '.join(CLEANED.columns)}) "  # noqa: S608 - names of ours
    f"SELECT {_PLACE}, r.event_day, r.transaction_id, r.customer_id, r.event_time, r.amount, {_TEXTS}, r.is_fraud, "
    f"{_MISSING} FROM {RAW.name} r WHERE r.event_day = ? AND NOT EXISTS "
    f"(SELECT 1 FROM {REJECTED.name} j WHERE j.event_day = r.event_day AND j.step = '{VALIDATED}' AND {_SAME})"
)


def clean(batch: Batch) -> Counts:
    """Put the day's valid rows in place of those that were cleaned before, and of those that were rejected after it.

    Raises:
        WarehouseError: The warehouse cannot be changed.
    """
    forget = Statement(f"DELETE FROM {CLEANED.name} WHERE event_day = ?", (batch.day,))  # noqa: S608
    changes = forget, none_rejected(VALIDATED_AFTER, batch.day), Statement(_SQL, (batch.day,))
    *_, cleaned = batch.warehouse.apply(*changes)
    return Counts(cleaned, cleaned)
