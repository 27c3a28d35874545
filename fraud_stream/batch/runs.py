"""The record of what was run: which step of which day, when, how long, and what came of it."""

import time
from collections.abc import Callable
from datetime import date
from typing import NamedTuple
from uuid import uuid4

import pandas as pd

from fraud_stream.batch.step import Batch, Counts, moment
from fraud_stream.batch.tables import RUNS
from fraud_stream.batch.warehouse import Insert, Warehouse
from fraud_stream.errors import FraudStreamError


class Run(NamedTuple):
    """A step that was run.

    Attributes:
        step: Its name.
        counts: The rows it has read, written and turned away.
        seconds: How long it took.
    """

    step: str
    counts: Counts
    seconds: float


def recorded(batch: Batch, step: str, work: Callable[[Batch], Counts]) -> Run:
    """Run a step and write down what came of it, also where it fails."""
    began, start = time.time(), time.monotonic()
    try:
        counts = work(batch)
    except FraudStreamError as error:
        _write(batch, (step, "failed", began, time.monotonic() - start), Counts(0, 0), str(error))
        raise
    run = Run(step, counts, time.monotonic() - start)
    _write(batch, (step, "done", began, run.seconds), counts, None)
    return run


def _write(batch: Batch, told: tuple[str, str, float, float], counts: Counts, error: str | None) -> None:
    step, status, began, seconds = told
    row = uuid4().hex, batch.day, step, status, moment(began), seconds, *counts, error
    batch.warehouse.apply(Insert(RUNS, RUNS.of([row])))


def is_done(warehouse: Warehouse, day: date, step: str) -> bool:
    """Whether the newest run of a step of a day has gone well."""
    sql = f"SELECT status FROM {RUNS.name} WHERE event_day = ? AND step = ? ORDER BY started_at DESC LIMIT 1"  # noqa: S608
    found = warehouse.rows(sql, day, step)
    return not found.empty and found["status"].iloc[0] == "done"


def newest_runs(warehouse: Warehouse, most: int) -> pd.DataFrame:
    """The newest runs, the newest first."""
    return warehouse.rows(f"SELECT * FROM {RUNS.name} ORDER BY started_at DESC LIMIT {most:d}")  # noqa: S608
