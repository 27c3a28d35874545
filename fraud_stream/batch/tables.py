"""The tables of the warehouse: their names, columns and keys."""

from fraud_stream.batch.warehouse import Kind, Table
from fraud_stream.domain.transaction import OPTIONAL

#: Where a record comes from: a topic or a file, the partition in it, and the offset or row there.
PLACE: dict[str, Kind] = {"source": "text", "partition_id": "count", "position": "count"}
_TRANSACTION: dict[str, Kind] = {
    "transaction_id": "text",
    "customer_id": "text",
    "event_time": "time",
    "amount": "number",
    **dict.fromkeys(OPTIONAL, "text"),
    "is_fraud": "truth",
}
#: Every record as it came, with what the application's own intake understood of it, or why it refuses it.
RAW = Table(
    "RAW_DATA.RAW_TRANSACTIONS",
    {
        **PLACE,
        "event_day": "day",
        "received_at": "time",
        **_TRANSACTION,
        "refused": "text",
        "refused_detail": "text",
        "record": "text",
    },
    tuple(PLACE),
)
#: Labels as they came; the first of a transaction counts.
LABELS = Table(
    "RAW_DATA.LABELS",
    {
        **PLACE,
        "received_at": "time",
        "transaction_id": "text",
        "customer_id": "text",
        "is_fraud": "truth",
        "labelled_at": "time",
        "label_source": "text",
        "kind": "text",
    },
    tuple(PLACE),
)
#: The next offset of each source: it changes in the transaction that adds the records before it.
OFFSETS = Table("RAW_DATA.OFFSETS", {"source": "text", "partition_id": "count", "next_position": "count"})
CLEANED = Table(
    "CLEANED_DATA.CLEANED_TRANSACTIONS", {**PLACE, "event_day": "day", **_TRANSACTION, "missing_fields": "count"}
)
#: What failed a contract, and which: nothing is lost.
REJECTED = Table(
    "CLEANED_DATA.REJECTED_TRANSACTIONS",
    {
        **PLACE,
        "event_day": "day",
        "step": "text",
        "reason": "text",
        "detail": "text",
        "transaction_id": "text",
        "customer_id": "text",
        "record": "text",
    },
)
SUMMARY = Table(
    "ANALYTICS.HOURLY_CATEGORY_SUMMARY",
    {
        "hour": "time",
        "product_category": "text",
        "transaction_count": "count",
        "total_amount": "number",
        "avg_amount": "number",
        "fraud_count": "count",
        "unique_customers": "count",
    },
)
SCORED = Table(
    "ANALYTICS.SCORED_TRANSACTIONS",
    {
        "partition_id": "count",
        "position": "count",
        "transaction_id": "text",
        "customer_id": "text",
        "event_day": "day",
        "event_time": "time",
        "amount": "number",
        "score": "number",
        "risk_score": "number",
        "verdict": "text",
        "alert_id": "text",
        "rules": "text",
        "model_version": "text",
        "rules_version": "text",
        "threshold": "number",
        "is_late": "truth",
        "decided_at": "time",
        "latency_seconds": "number",
    },
    ("partition_id", "position"),  # of `transactions`: a crash may have a decision sent twice
)
ALERTS = Table(
    "ANALYTICS.ALERTS",
    {
        "alert_id": "text",
        "transaction_id": "text",
        "customer_id": "text",
        "event_day": "day",
        "event_time": "time",
        "detected_at": "time",
        "amount": "number",
        "severity": "text",
        "type": "text",
        "risk_score": "number",
        "verdict": "text",
        "message": "text",
        "model_version": "text",
        "rules_version": "text",
    },
    ("alert_id",),
)
#: What is the same for all rows of features; the features are columns beside these.
FEATURES = Table(
    "ANALYTICS.TRANSACTION_FEATURES",
    {
        "transaction_id": "text",
        "customer_id": "text",
        "event_day": "day",
        "event_time": "time",
        "is_fraud": "truth",
        "features_version": "text",
    },
)
#: How many transactions of a day are where: they must agree.
COUNTS = Table(
    "ANALYTICS.DAILY_COUNTS",
    {
        "event_day": "day",
        **dict.fromkeys(
            ("raw", "invalid", "duplicates", "rejected", "cleaned", "summarised", "featured", "scored", "alerts"),
            "count",
        ),
        "agree": "truth",
    },
)
RUNS = Table(
    "PIPELINE.RUNS",
    {
        "run_id": "text",
        "event_day": "day",
        "step": "text",
        "status": "text",
        "started_at": "time",
        "seconds": "number",
        "rows_in": "count",
        "rows_out": "count",
        "rows_rejected": "count",
        "error": "text",
    },
)
#: What retention had taken off a topic before it was loaded: written in the transaction that moves the offset past it.
LOST = Table(
    "PIPELINE.LOST_RECORDS",
    {
        "found_at": "time",
        "topic": "text",
        "partition_id": "count",
        "first_position": "count",
        "records": "count",
    },
)
TABLES = (RAW, LABELS, OFFSETS, CLEANED, REJECTED, SUMMARY, SCORED, ALERTS, FEATURES, COUNTS, RUNS, LOST)
SCHEMAS = tuple(dict.fromkeys(table.name.partition(".")[0] for table in TABLES))
#: The features of each customer's last transaction of each day.
CUSTOMER_DAYS = "ANALYTICS.CUSTOMER_DAY_FEATURES"
