"""``fraud-stream pipeline``: from the topics, or a file, to the warehouse, a day at a time."""

import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import pandas as pd

from fraud_stream.batch.export import day_counts
from fraud_stream.batch.lost import Lost, lost_since
from fraud_stream.batch.opening import warehouse
from fraud_stream.batch.pipeline import STEPS, run
from fraud_stream.batch.runs import Run, newest_runs
from fraud_stream.batch.stale import StaleDay, stale_days
from fraud_stream.batch.step import Batch, InputFile
from fraud_stream.files.mapping import load_mapping, shipped
from fraud_stream.options import with_options
from fraud_stream.retention import ADVICE
from fraud_stream.settings import load
from fraud_stream.terminal import as_json, print_table

_COLUMNS = ("step", "rows in", "rows out", "rejected", "seconds")
#: Days that are told of one by one.
_MOST_TOLD = 10
_RUNS = ("started_at", "event_day", "step", "status", "rows_in", "rows_out", "rows_rejected", "seconds", "error")
_OPTIONS = (
    click.option(
        "--date", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day, by event time, UTC."
    ),
    click.option(
        "--input",
        "input_",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Take in this file (JSON lines, CSV, Parquet) instead of the topics.",
    ),
    click.option("--mapping", help=f"What the file's columns are called: {', '.join(shipped())}, or a file."),
    click.option("--step", type=click.Choice(list(STEPS)), help="Run this step alone."),
    click.option("--json", "json_", is_flag=True, help="Print JSON."),
)


@click.group()
def pipeline() -> None:
    """Load the warehouse, a day at a time: seven steps, each of which may be run again.

    The warehouse is a DuckDB file unless [warehouse] url leads to Snowflake.
    """


@pipeline.command("run")
@with_options(_OPTIONS)
def run_(day: datetime, input_: Path | None, mapping: str | None, step: str | None, json_: bool) -> None:
    """Run the steps for a day.

    Without --input records come from the topics: each is loaded once, whatever its day, however often this is run.
    The other steps put the day's rows in place of those of the last time.  Exit code 0 where all went well, 1 where a
    step failed or the tables do not agree.

    \b
    fraud-stream pipeline run --date 2024-01-31
    fraud-stream pipeline run --date 2018-08-08 --input payments.parquet --mapping handbook
    """  # noqa: D301 - click's mark for lines it must not join
    settings, file, began = load().settings, _file(input_, mapping), time.time()
    with warehouse(settings.warehouse) as opened:
        batch = Batch(settings, opened, day.date(), file)
        try:
            runs = list(run(batch, step))
        finally:
            lost = lost_since(opened, began)
            _tell_lost(lost)
        counts, stale, place = day_counts(batch), stale_days(opened, batch.day), opened.place
    if json_:
        told = {"day": batch.day, "warehouse": place, "steps": list(map(_told, runs)), "counts": counts}
        click.echo(as_json({**told, "stale_days": [one._asdict() for one in stale], **_lost_told(lost)}))
        return
    print_table(f"{batch.day} in {place}", _COLUMNS, map(_row, runs))
    click.echo(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    if file is None and counts["scored"] != counts["cleaned"]:
        click.echo("note: the stream has not scored what was cleaned, or more: see docs/pipeline.md", err=True)
    _tell_stale(stale, batch.day)


def _tell_lost(lost: list[Lost]) -> None:
    for one in lost:
        click.echo(f"warning: {one.gone}: {ADVICE}", err=True)


def _lost_told(lost: list[Lost]) -> dict[str, Any]:
    return {"lost": [{**one.gone._asdict(), "found_at": one.found_at} for one in lost]}


def _tell_stale(stale: list[StaleDay], day: date) -> None:
    for one in stale[:_MOST_TOLD]:
        click.echo(f"note: {one.day} has {one.waiting:,} records that no run has looked at: run it", err=True)
    if len(stale) > _MOST_TOLD:
        click.echo(f"note: {len(stale) - _MOST_TOLD:,} more days have such records", err=True)
    if stale:
        click.echo(f"note: then run {day} again from engineer-features on: its features rest on them", err=True)


@pipeline.command()
@click.option("--most", type=click.IntRange(1, 10_000), default=21, show_default=True, help="Runs to show.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def status(most: int, json_: bool) -> None:
    """Show what was run last, and what came of it."""
    with warehouse(load().settings.warehouse, is_read=True) as opened:
        found, place = newest_runs(opened, most), opened.place
    runs = [{name: _value(one[name]) for name in _RUNS} for one in found.to_dict("records")]
    if json_:
        click.echo(as_json({"warehouse": place, "runs": runs}))
        return
    print_table(f"Runs in {place}", _RUNS, (["" if value is None else value for value in one.values()] for one in runs))


def _file(path: Path | None, mapping: str | None) -> InputFile | None:
    if path is None:
        if mapping is not None:
            raise click.UsageError("--mapping says how to read a file: name it with --input")
        return None
    load_mapping(mapping or "identity")  # a wrong one is told before anything is written
    return InputFile(path, mapping or "identity")


def _row(one: Run) -> tuple[str, ...]:
    return one.step, *(f"{count:,}" for count in one.counts), f"{one.seconds:.2f}"


def _told(one: Run) -> dict[str, Any]:
    return {"step": one.step, **one.counts._asdict(), "seconds": round(one.seconds, 3)}


def _value(value: Any) -> Any:
    """What people read of a value of a table."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return str(value.date() if value == value.normalize() else value.floor("s"))
    return value.isoformat() if isinstance(value, date) else round(value, 3) if isinstance(value, float) else value
