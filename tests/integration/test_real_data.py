"""Real input through broker and worker at full speed, against a batch computation over the same file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fraud_stream.domain.profile import Profile
from fraud_stream.domain.windows import WindowStats
from fraud_stream.reading import read_all
from fraud_stream.records import DeadLetter
from fraud_stream.settings import Settings
from tables.codecs import StructCodec
from tests.exact import latest
from tests.harness import ROOT, count, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker
#: A slice for every day; HANDBOOK_ROWS=431000 takes all of 2018-07-01 to 2018-08-14.
ROWS = int(os.environ.get("HANDBOOK_ROWS", "25000"))


def replay(environ: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "fraud_stream", "replay", "--quiet", *arguments]
    environment = {**os.environ, **environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


@pytest.fixture
def handbook(shared_data: Path) -> tuple[Path, pd.DataFrame]:
    path = shared_data / "handbook" / "transactions.parquet"
    rows = pq.read_table(path).to_pandas()
    return path, rows[rows.TX_DATETIME >= "2018-07-01"].head(ROWS).reset_index(drop=True)


def test_the_handbook_gives_what_pandas_computes(
    broker_port: int, tmp_path: Path, handbook: tuple[Path, pd.DataFrame]
) -> None:
    path, rows = handbook
    long_ago = {"FRAUD_STREAM_WINDOWS_TUMBLING_EXPIRES": "90d", "FRAUD_STREAM_WINDOWS_HOPPING_EXPIRES": "90d"}
    settings, environ = settings_for(broker_port, tmp_path, **long_ago)
    replay(environ, str(path), "--mapping", "handbook", "--from", "2018-07-01", "--limit", str(len(rows)))
    with worker(environ, tmp_path) as running:
        wait_until(lambda: count(settings, "scored") >= len(rows), patience=400, every=1)
        scored = {s["transaction"]["transaction_id"]: s["features"] for s in values(settings, "scored")}
        assert running.stop() == 0
    assert count(settings, "scored") == len(rows)
    assert scored.keys() == set(rows.TRANSACTION_ID.astype(str))
    assert count(settings, "transactions-dead") == 0
    check_windows(settings, rows, "customer_tumbling", settings.windows.tumbling_size)
    check_windows(settings, rows, "customer_hopping", settings.windows.hopping_step)
    check_sliding(rows, scored)
    check_profiles(settings, rows)


def check_windows(settings: Settings, rows: pd.DataFrame, table: str, size: float) -> None:
    """Count, sum, sum of squares, extremes and times of every customer and pane."""
    times = rows.TX_DATETIME.astype("int64") / 1000
    keyed = rows.assign(time=times, square=rows.TX_AMOUNT**2, start=times // size * size)
    groups = keyed.groupby(["CUSTOMER_ID", "start"]).agg(
        count=("TX_AMOUNT", "size"),
        total=("TX_AMOUNT", "sum"),
        squares=("square", "sum"),
        low=("TX_AMOUNT", "min"),
        high=("TX_AMOUNT", "max"),
        first=("time", "min"),
        last=("time", "max"),
        merchants=("TERMINAL_ID", "nunique"),
    )
    codec = StructCodec(WindowStats)
    found = {(int(key[0]), key[1][0]): codec.load(value) for key, value in latest(settings, table).items()}
    assert found.keys() == set(groups.index)
    got = np.array([numbers(found[key]) for key in groups.index])
    np.testing.assert_allclose(got, groups.to_numpy(float), rtol=0, atol=1e-9)


def numbers(stats: WindowStats) -> tuple[float, ...]:
    sums = (stats.count, stats.total, stats.squares)
    return (*sums, stats.low, stats.high, stats.first, stats.last, len(stats.merchants))


def check_sliding(rows: pd.DataFrame, scored: dict[str, dict[str, float]]) -> None:
    """The sliding windows of every transaction, as pandas rolls them."""
    indexed = rows.set_index("TX_DATETIME")
    for span, name in (("1h", "1h"), ("24h", "24h"), ("7D", "7d"), ("30D", "30d")):
        rolled = indexed.groupby("CUSTOMER_ID").TX_AMOUNT.rolling(span).agg(["count", "sum"])
        idents = indexed.groupby("CUSTOMER_ID").TRANSACTION_ID.rolling(1).max().astype(int).astype(str)
        got = [[scored[i][f"sliding_count_{name}"], scored[i][f"sliding_sum_{name}"]] for i in idents]
        np.testing.assert_allclose(np.array(got), rolled.to_numpy(), rtol=0, atol=1e-9)


def check_profiles(settings: Settings, rows: pd.DataFrame) -> None:
    groups = rows.groupby("CUSTOMER_ID").TX_AMOUNT.agg(["size", "sum"])
    codec = StructCodec(Profile)
    found = {int(key): codec.load(value) for key, value in latest(settings, "customer_profile").items()}
    got = np.array([[found[key].moments.count, found[key].moments.total] for key in groups.index])
    np.testing.assert_allclose(got, groups.to_numpy(float), rtol=0, atol=1e-9)


def test_every_row_of_the_messy_sample_is_scored_or_a_dead_letter(
    broker_port: int, tmp_path: Path, shared_data: Path
) -> None:
    path = shared_data / "messy-sample.csv"
    settings, environ = settings_for(broker_port, tmp_path)
    replay(environ, str(path), "--mapping", "messy")
    sent = [(m.key(), m.value()) for m in read_all(settings, "transactions")]
    assert len(sent) == len(path.read_text().splitlines()) - 1
    with worker(environ, tmp_path) as running:
        idents = {json.loads(value)["transaction_id"] for _, value in sent}
        wait_until(lambda: len(outcome(settings)) >= len(sent), patience=60, every=0.5)
        running.stop()
    results = outcome(settings)
    assert len(results) == len(sent) == len(idents)
    reasons = [DeadLetter.from_headers(m.headers()).reason for m in read_all(settings, "transactions-dead")]
    assert set(reasons) <= {"bad_timestamp", "bad_amount", "missing_field"}


def outcome(settings: Settings) -> list[str]:
    scored = [s["transaction"]["transaction_id"] for s in values(settings, "scored")]
    dead = [json.loads(m.value())["transaction_id"] for m in read_all(settings, "transactions-dead")]
    return scored + dead
