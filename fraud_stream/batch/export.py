"""Step 7, export: the stream's decisions beside the day's tables, and the counts that must agree."""

from fraud_stream.batch.decisions import load_alerts, load_scored
from fraud_stream.batch.step import Batch, Counts
from fraud_stream.batch.tables import ALERTS, CLEANED, COUNTS, FEATURES, RAW, REJECTED, SCORED, SUMMARY
from fraud_stream.batch.validate_raw import NAME as VALIDATED
from fraud_stream.batch.warehouse import Insert, Statement, records
from fraud_stream.errors import PipelineError

_OF_DAY = "SELECT count(*) FROM {} WHERE event_day = ?"
_REASON = f"{_OF_DAY.format(REJECTED.name)} AND step = '{VALIDATED}' AND reason {{}} 'duplicate'"
_QUESTIONS = {
    "raw": _OF_DAY.format(RAW.name),
    "invalid": _REASON.format("<>"),
    "duplicates": _REASON.format("="),
    "rejected": f"{_OF_DAY.format(REJECTED.name)} AND step NOT IN ('{VALIDATED}', 'ingest')",
    "cleaned": _OF_DAY.format(CLEANED.name),
    "summarised": f"SELECT coalesce(sum(transaction_count), 0) FROM {SUMMARY.name} "  # noqa: S608 - names of ours
    "WHERE CAST(hour AS DATE) = ?",
    "featured": _OF_DAY.format(FEATURES.name),
    "scored": _OF_DAY.format(SCORED.name),
    "alerts": _OF_DAY.format(ALERTS.name),
}


def export(batch: Batch) -> Counts:
    """Load what the stream has decided, unless the day comes from a file, and count the day.

    Raises:
        PipelineError: The day's tables do not agree: a step was left out, or run before another.
    """
    loaded = Counts(0, 0)
    if batch.file is None:
        parts = load_scored(batch.settings, batch.warehouse), load_alerts(batch.settings, batch.warehouse)
        loaded = Counts(sum(one.rows_in for one in parts), sum(one.rows_out for one in parts))
    counts = day_counts(batch)
    agree = _agree(counts)
    forget = Statement(f"DELETE FROM {COUNTS.name} WHERE event_day = ?", (batch.day,))  # noqa: S608 - names of ours
    batch.warehouse.apply(forget, Insert(COUNTS, COUNTS.of([(batch.day, *counts.values(), agree)])))
    if not agree:
        told = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        raise PipelineError(f"the tables of {batch.day} do not agree: {told}; run its steps again from the first")
    return loaded


def day_counts(batch: Batch) -> dict[str, int]:
    """How many transactions of the day are where."""
    return {name: _number(batch, sql) for name, sql in _QUESTIONS.items()}


def _number(batch: Batch, sql: str) -> int:
    (row,) = records(batch.warehouse.rows(sql, batch.day))
    return int(*row.values())


def _agree(counts: dict[str, int]) -> bool:
    """Whether nothing was lost: what the stream has scored is its own matter, as it may still be at it."""
    turned_away = counts["invalid"] + counts["duplicates"] + counts["rejected"]
    same = {counts["cleaned"], counts["summarised"], counts["featured"]}
    return counts["raw"] == counts["cleaned"] + turned_away and len(same) == 1
