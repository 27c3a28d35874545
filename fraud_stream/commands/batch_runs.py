"""What `fraud-stream monitor` is told of the batch pipeline, by the warehouse of the settings."""

from datetime import UTC
from pathlib import Path
from typing import Any

import pandas as pd

from fraud_stream.batch.lost import lost_since
from fraud_stream.batch.opening import DUCKDB, warehouse
from fraud_stream.batch.runs import newest_runs
from fraud_stream.batch.warehouse import records
from fraud_stream.errors import WarehouseError
from fraud_stream.monitor.seen import BatchLoss, BatchRun, BatchRuns
from fraud_stream.sections import WarehouseSettings

#: Runs that are looked at: some weeks of seven steps a night.
MOST = 500


def batch_runs(settings: WarehouseSettings) -> BatchRuns | None:
    """The newest runs; None where no pipeline was ever run here."""
    if settings.url.startswith(DUCKDB) and not Path(settings.url.removeprefix(DUCKDB)).exists():
        return None
    try:
        with warehouse(settings, is_read=True) as opened:
            found, lost = records(newest_runs(opened, MOST)), lost_since(opened, 0.0)
    except WarehouseError as error:
        return BatchRuns(trouble=str(error))
    return BatchRuns([_run(row) for row in found], lost=[BatchLoss(one.found_at, str(one.gone)) for one in lost])


def _run(row: dict[str, Any]) -> BatchRun:
    day, started = pd.Timestamp(row["event_day"]), pd.Timestamp(row["started_at"], tz=UTC)
    return BatchRun(
        day.date().isoformat(),
        row["step"],
        row["status"] == "done",
        started.timestamp(),
        float(row["seconds"]),
        int(row["rows_in"]),
        int(row["rows_out"]),
        int(row["rows_rejected"]),
        "" if pd.isna(row["error"]) else str(row["error"]),
    )
