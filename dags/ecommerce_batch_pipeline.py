"""The batch pipeline of a day, every night: seven tasks, each a step of ``fraud-stream pipeline run``.

Nights since ``DAGS_FIRST_DAY`` that were missed are caught up; days are run again by ``airflow backfill create --dag-id
ecommerce_batch_pipeline --from-date 2026-11-01 --to-date 2026-11-07 --reprocess-behavior completed``.  Any task may be
run again: a step puts a day's rows in place of those of the last time.
"""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param, chain, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

sys.path.append(str(Path(__file__).parent))  # workers of Airflow have it there, not each of its commands
from stream_command import fraud_stream

#: The first day that there are transactions of: nights from then on are caught up, and earlier ones cannot be run.
FIRST_DAY = datetime.fromisoformat(os.environ.get("DAGS_FIRST_DAY", "2026-11-01")).replace(tzinfo=UTC)


@dag(
    schedule=CronDataIntervalTimetable("30 1 * * *", timezone="UTC"),  # labels and late records have come by then
    start_date=FIRST_DAY,
    catchup=True,
    max_active_runs=1,  # one program at a time has a DuckDB file
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "execution_timeout": timedelta(hours=1),
    },
    params={
        "date": Param(None, type=["null", "string"], format="date", description="the day; null: that of the run"),
        "input": Param(None, type=["null", "string"], description="a file to take in; null: the topics"),
        "mapping": Param(None, type=["null", "string"], description="what the file's columns are called"),
    },
    tags=["fraud-stream"],
    doc_md=__doc__,
)
def ecommerce_batch_pipeline() -> None:
    """The seven steps, in order."""

    @task
    def ingest() -> dict[str, Any]:
        """Load what is new, of whatever day."""
        return run_step("ingest")

    @task
    def validate_raw() -> dict[str, Any]:
        """Reject what the stream would refuse, and what comes again."""
        return run_step("validate-raw")

    @task
    def clean() -> dict[str, Any]:
        """Take what was not rejected, and count what it lacks."""
        return run_step("clean")

    @task
    def validate_cleaned() -> dict[str, Any]:
        """Check the contract of what analysts read."""
        return run_step("validate-cleaned")

    @task
    def aggregate() -> dict[str, Any]:
        """Sum up hours and categories."""
        return run_step("aggregate")

    @task
    def engineer_features() -> dict[str, Any]:
        """Compute the stream's features."""
        return run_step("engineer-features")

    @task
    def export() -> dict[str, Any]:
        """Load the stream's decisions, and check that the counts agree."""
        return run_step("export")

    chain(ingest(), validate_raw(), clean(), validate_cleaned(), aggregate(), engineer_features(), export())


def run_step(step: str) -> dict[str, Any]:
    """Run a step of the run's day; its rows in, out and rejected, and the seconds it took."""
    context = get_current_context()
    params = context["params"]
    day = params["date"] or _day_of(context.get("logical_date"))
    given = [part for name in ("input", "mapping") if params[name] for part in (f"--{name}", params[name])]
    told = json.loads(fraud_stream("pipeline", "run", "--date", day, "--step", step, "--json", *given))
    (found,) = told["steps"]
    return {str(name): value for name, value in found.items()}


def _day_of(logical_date: datetime | None) -> str:
    """The day of a run: a scheduled one's logical date lies at its beginning."""
    if logical_date is None:
        raise AirflowFailException("a run without a logical date needs the param date")
    return f"{logical_date:%Y-%m-%d}"


ecommerce_batch_pipeline()
