"""``python -m benchmarks.batch``: how fast `fraud-stream predict` is, and how much memory it takes, by size of file."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.sliding import DAY
from fraud_stream.files.mapping import load_mapping
from fraud_stream.prediction.replayed import Order, Replayed
from fraud_stream.settings import load
from fraud_stream.terminal import print_table

_COLUMNS = ("model", "file", "rows", "CPU s", "s", "most memory, MB", "further rows a CPU second")


class Run(NamedTuple):
    """What a command took.

    Attributes:
        cpu: CPU seconds, of the start of Python too.
        seconds: By the clock.
        memory: The most that it had, megabytes.
    """

    cpu: float
    seconds: float
    memory: float


@click.command()
@click.option("--payments", default=200_000, show_default=True, help="Payments whose features are computed.")
@click.option("--rows", default=2_000_000, show_default=True, help="Rows of the larger file with features.")
def main(payments: int, rows: int) -> None:
    """Measure `fraud-stream predict` with both models."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "payments.jsonl"
        run("generate", "--sample", payments, "--rate", "100/h", "--output", source, "--quiet")
        part = source.with_name("part.jsonl")
        with source.open() as whole:
            part.write_text("".join(islice(whole, payments // 10)))
        files = [(part, payments // 10), (source, payments), *archives(source, (rows // 10, rows))]
        found = [line for kind in ("forest", "boosting") for line in measured(kind, source, files)]
    print_table("fraud-stream predict, one core", _COLUMNS, found)


def measured(kind: str, source: Path, files: list[tuple[Path, int]]) -> Iterator[tuple[str, ...]]:
    """A line of the table for each file, with one model."""
    model = source.with_name(f"{kind}.skops")
    run("train", "--model", kind, "--input", source, "--no-announce", "--output", model)
    before: tuple[str, int, float] | None = None
    for path, count in files:
        done = run("predict", "--model", model, "--input", path, "--output", source.with_name("said.csv"), "--force")
        took = f"{done.cpu:.1f}", f"{done.seconds:.1f}", f"{done.memory:.0f}"
        yield kind, path.suffix[1:], f"{count:,}", *took, further(before, (path.suffix, count, done.cpu))
        before = path.suffix, count, done.cpu


def further(before: tuple[str, int, float] | None, now: tuple[str, int, float]) -> str:
    """Rows a CPU second beyond those of the smaller file of that kind: the start of Python takes seconds."""
    if before is None or before[0] != now[0] or now[2] <= before[2]:
        return "-"
    return f"{(now[1] - before[1]) / (now[2] - before[2]):,.0f}"


def archives(source: Path, counts: tuple[int, ...]) -> list[tuple[Path, int]]:
    """Files with the features of payments, as often as needed, in Parquet and CSV."""
    names = FeatureMaker().names
    order = Order(load_mapping("identity"), 7 * DAY, False)
    parts = list(Replayed(source, order, names, load().settings).parts(lambda _: None))
    rows = np.vstack([part.rows for part in parts])
    ids, amounts = [one for part in parts for one in part.ids], np.concatenate([part.amounts for part in parts])
    columns = [pa.array(ids), pa.array(amounts), *(pa.array(column) for column in rows.T)]
    table = pa.table(columns, ["transaction_id", "amount", *(f"features.{name}" for name in names)])
    return [(write(table, source, count, kind), count) for kind in ("parquet", "csv") for count in counts]


def write(table: pa.Table, source: Path, count: int, kind: str) -> Path:
    """A file of so many rows, those of the table again and again."""
    path = source.with_name(f"{count}.{kind}")
    writer = pq.ParquetWriter(path, table.schema) if kind == "parquet" else pyarrow.csv.CSVWriter(path, table.schema)
    with writer:
        for start in range(0, count, table.num_rows):
            writer.write_table(table.slice(0, min(table.num_rows, count - start)))
    return path


def run(*command: object) -> Run:
    """Run a command of `fraud-stream` as a process of its own."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "fraud_stream", *map(str, command)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{command[0]} ended with {process.returncode}")
    return Run(used.ru_utime + used.ru_stime, time.monotonic() - began, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
