"""Step 5, aggregate: each hour's transactions of each category.

Frauds are what labels have told by now.  What a payment on a topic says of itself counts for nothing, as in the stream;
a file's own word is its label.
"""

from datetime import datetime, time, timedelta

from fraud_stream.batch.labels import FIRST_LABELS
from fraud_stream.batch.step import Batch, Counts
from fraud_stream.batch.tables import CLEANED, SUMMARY
from fraud_stream.batch.warehouse import Statement

#: The category of a transaction that names none.
NO_CATEGORY = "Unknown"
_SQL = (
    f"INSERT INTO {SUMMARY.name} ({', '.join(SUMMARY.columns)}) "  # noqa: S608 - names of ours
    f"SELECT date_trunc('hour', c.event_time), coalesce(c.product_category, '{NO_CATEGORY}'), count(*), "
    "sum(c.amount), avg(c.amount), "
    "sum(CASE WHEN coalesce(l.is_fraud, c.is_fraud AND c.source LIKE 'file:%', FALSE) THEN 1 ELSE 0 END), "
    "count(DISTINCT c.customer_id) "
    f"FROM {CLEANED.name} c LEFT JOIN ({FIRST_LABELS}) l "
    "ON l.customer_id = c.customer_id AND l.transaction_id = c.transaction_id "
    "WHERE c.event_day = ? GROUP BY 1, 2"
)


def aggregate(batch: Batch) -> Counts:
    """Put the day's hours in place of those that were summed up before.

    Raises:
        WarehouseError: The warehouse cannot be changed.
    """
    begin = datetime.combine(batch.day, time())
    sql = f"DELETE FROM {SUMMARY.name} WHERE hour >= ? AND hour < ?"  # noqa: S608 - names of ours
    forget = Statement(sql, (begin, begin + timedelta(days=1)))
    _, groups = batch.warehouse.apply(forget, Statement(_SQL, (batch.day,)))
    count = f"SELECT count(*) AS n FROM {CLEANED.name} WHERE event_day = ?"  # noqa: S608 - likewise
    return Counts(int(batch.warehouse.rows(count, batch.day)["n"].iloc[0]), groups)
