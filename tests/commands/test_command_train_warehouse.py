"""`train --warehouse`: what the batch pipeline has loaded, in DuckDB and in what answers for Snowflake."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import fakesnow
import numpy as np
import pytest

from fraud_stream.batch import duckdb
from fraud_stream.batch import warehouse as in_parts
from fraud_stream.batch.opening import warehouse
from fraud_stream.batch.tables import CLEANED, FEATURES, LABELS, SCORED
from fraud_stream.batch.warehouse import Insert, Statement, Warehouse
from fraud_stream.commands.warehoused_history import learn_from_warehouse
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.errors import WarehouseError
from fraud_stream.evaluation.training_set import Columns, TrainingSet
from fraud_stream.sections import WarehouseSettings
from fraud_stream.settings import Settings
from tests.batch.days import DAY, filed, payment, run_all, table
from tests.commands.conftest import Run

pytestmark = pytest.mark.filterwarnings("ignore::Warning:fakesnow.*")  # what it makes of pandas and DuckDB
MAKER = FeatureMaker(Settings().feature_settings)
NOON = datetime(2024, 2, 7, 12)
MANY = 400


@pytest.fixture(params=["duckdb", "snowflake"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WarehouseSettings]:
    if request.param == "duckdb":
        yield WarehouseSettings(url=f"duckdb:///{tmp_path}/w.duckdb")
        return
    with fakesnow.patch():
        yield WarehouseSettings(url="snowflake://me@account/ECOMMERCE_DW?warehouse=W", password="secret")


@contextmanager
def loaded(
    place: WarehouseSettings, folder: Path, rows: list[dict[str, Any]], source: str = "topic:"
) -> Iterator[Warehouse]:
    """A warehouse with the payments of a day, which say of themselves what they are, and no labels."""
    with warehouse(place) as opened:
        run_all(opened, filed(folder, rows))
        opened.apply(Statement(f"UPDATE {CLEANED.name} SET source = '{source}transactions'"))
        yield opened


def put_label(opened: Warehouse, position: int, number: int, is_fraud: bool, at: datetime = NOON) -> None:
    ids = f"T{number}", f"C{number % 3}"
    row = "topic:labels", 0, position, NOON + timedelta(hours=position), *ids, is_fraud, at, "test", None
    opened.apply(Insert(LABELS, LABELS.of([row])))


def put_decision(opened: Warehouse, number: int, score: float, model: str) -> None:
    at = datetime(2024, 1, 31, number % 24)
    who = 0, number, f"T{number}", f"C{number % 3}", DAY, at, 10.0 + number
    told = score, score, "accept", None, "", model, "rules-1", 0.5, False, at, 0.01
    opened.apply(Insert(SCORED, SCORED.of([(*who, *told)])))


def learnt(place: WarehouseSettings, **left_out: int) -> Columns:
    history = TrainingSet(1e9, 1_000)
    with warehouse(place, is_read=True) as opened:
        feed = learn_from_warehouse(opened, MAKER, history)
    assert {why.split()[-1]: count for why, count in feed.left_out.items()} == left_out
    return history.columns()


def test_what_is_labelled_is_learnt_with_its_first_label(place: WarehouseSettings, tmp_path: Path) -> None:
    with loaded(place, tmp_path, [payment(n) for n in range(6)]) as opened:
        for position, (number, is_fraud) in enumerate([(4, False), (1, True), (1, False)]):
            put_label(opened, position, number, is_fraud, NOON - timedelta(minutes=position))
        put_decision(opened, 1, 0.25, "online-3")
        put_decision(opened, 4, 0.75, "online-3+challenger-1")
        rows = {one["transaction_id"]: one for one in table(opened, FEATURES.name, "event_time")}
    found = learnt(place, label=4)
    assert found.frauds.tolist() == [True, False]
    noon = (NOON - datetime(1970, 1, 1)).total_seconds()
    assert found.known.tolist() == [noon - 60, noon]
    assert found.rows.tolist() == [[rows[name][feature] for feature in MAKER.names] for name in ("T1", "T4")]
    assert str(found.online.tolist()) == "[0.25, nan]"  # of what both have decided the warehouse has no score of one


def test_it_is_fed_in_the_order_of_the_labels_and_in_parts(
    place: WarehouseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_parts, "PART", 4)
    parts = list[Columns]()
    monkeypatch.setattr(TrainingSet, "add", lambda self, part: (parts.append(part), setattr(self, "read", 1)))
    with loaded(place, tmp_path, [payment(n) for n in range(10)]) as opened:
        for number in range(10):
            put_label(opened, number, number, False, NOON - timedelta(minutes=number))
        learn_from_warehouse(opened, MAKER, TrainingSet(1e9, 1_000))
    assert [len(part.known) for part in parts] == [4, 4, 2]
    assert (np.diff(np.concatenate([part.known for part in parts])) > 0).all()


def test_what_is_older_than_the_history_asked_for_is_not_read(place: WarehouseSettings, tmp_path: Path) -> None:
    history = TrainingSet(2.5 * 3_600, 1_000)
    with loaded(place, tmp_path, [payment(n) for n in range(6)]) as opened:
        for number in range(6):
            put_label(opened, number, number, False)
        newest = [one["event_time"] for one in table(opened, FEATURES.name, "event_time")][-3:]
        learn_from_warehouse(opened, MAKER, history)
    assert history.read == 3
    assert history.columns().times.tolist() == [(one - datetime(1970, 1, 1)).total_seconds() for one in newest]


def test_rows_of_other_features_and_damaged_ones_are_left_out(place: WarehouseSettings, tmp_path: Path) -> None:
    with loaded(place, tmp_path, [payment(n) for n in range(6)]) as opened:
        for number in range(6):
            put_label(opened, number, number, False)
        opened.apply(
            Statement(f"UPDATE {FEATURES.name} SET features_version = 'x' WHERE transaction_id IN ('T1', 'T2')")
        )
        opened.apply(Statement(f"UPDATE {FEATURES.name} SET amount = NULL WHERE transaction_id = 'T3'"))
    assert len(learnt(place, makes=2, features=1).times) == 3


def test_what_a_payment_of_a_topic_says_of_itself_is_no_label(place: WarehouseSettings, tmp_path: Path) -> None:
    with loaded(place, tmp_path, [payment(n) for n in range(6)]) as opened:
        assert table(opened, CLEANED.name, "position")[0]["is_fraud"]
    with (
        warehouse(place, is_read=True) as opened,
        pytest.raises(WarehouseError, match=r"nothing to learn from: 6 transactions without a label; .* loads both"),
    ):
        learn_from_warehouse(opened, MAKER, TrainingSet(1e9, 1_000))


def test_what_a_file_says_is_its_label_unless_there_is_one(place: WarehouseSettings, tmp_path: Path) -> None:
    with loaded(place, tmp_path, [payment(n) for n in range(6)], source="file:") as opened:
        put_label(opened, 0, 1, True)
        put_label(opened, 1, 5, False)
        times = {one["transaction_id"]: one["event_time"] for one in table(opened, CLEANED.name, "position")}
    found = learnt(place)
    week = [times[f"T{n}"] + timedelta(days=7) for n in (0, 2, 3, 4)]
    expected = sorted([*zip(week, [True, False, False, False], strict=True), (NOON, True), (NOON, False)])
    assert sorted(zip(found.known.tolist(), found.frauds.tolist(), strict=True)) == [
        ((known - datetime(1970, 1, 1)).total_seconds(), is_fraud) for known, is_fraud in expected
    ]


def test_a_table_without_a_column_for_each_feature_is_told(place: WarehouseSettings, tmp_path: Path) -> None:
    with warehouse(place):
        pass
    with (
        warehouse(place, is_read=True) as opened,
        pytest.raises(WarehouseError, match=r"it lacks amount, .* and \d+ more: run `fraud-stream pipeline run"),
    ):
        learn_from_warehouse(opened, MAKER, TrainingSet(1e9, 1_000))


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WarehouseSettings:
    """What the settings name: nothing is there yet, and no broker."""
    found = WarehouseSettings(url=f"duckdb:///{tmp_path}/w.duckdb")
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_URL", found.url)
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", "kafka://127.0.0.1:1")
    return found


@pytest.mark.parametrize("kind", ["boosting", "forest"])
def test_a_model_is_fitted_without_a_broker(run: Run, url: WarehouseSettings, tmp_path: Path, kind: str) -> None:
    frauds = [n % 4 == 0 for n in range(MANY)]
    rows = [payment(n, timestamp=1706659200 + 200 * n, amount=500 if one else 20) for n, one in enumerate(frauds)]
    with loaded(url, tmp_path, rows) as opened:
        for number, is_fraud in enumerate(frauds):
            put_label(opened, number, number, is_fraud, datetime(2024, 1, 31) + timedelta(seconds=200 * number + 60))
    path = tmp_path / "model.skops"
    options = ("--no-announce", "--model", kind, "--json", "--output", str(path))
    found = run("train", "--warehouse", *options)
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["learnt"], told["frauds"]) == (MANY, MANY // 4)
    assert told["held_out"]["challenger"]["roc_auc"] > 0.9
    card = json.loads(path.with_name("model.metrics.json").read_text())
    assert card["data"]["source"] == f"the warehouse {url.url}"


def test_without_a_warehouse_or_with_an_empty_one_it_says_what_makes_one(
    run: Run, url: WarehouseSettings, tmp_path: Path
) -> None:
    found = run("train", "--warehouse", "--no-announce")
    assert found.exit_code == 1
    assert "there is no warehouse at" in found.stderr
    assert not list(tmp_path.glob("*.duckdb"))  # who only reads makes none
    duckdb.DuckDb(tmp_path / "w.duckdb").close()
    found = run("train", "--warehouse", "--no-announce")
    assert found.exit_code == 1
    assert "has no table ANALYTICS.TRANSACTION_FEATURES; `fraud-stream pipeline run` makes it" in found.stderr


def test_too_few_frauds_are_told(run: Run, url: WarehouseSettings, tmp_path: Path) -> None:
    with loaded(url, tmp_path, [payment(n) for n in range(6)]) as opened:
        put_label(opened, 0, 1, True)
    found = run("train", "--warehouse", "--no-announce")
    assert found.exit_code == 1
    assert "left out 5 transactions without a label" in found.stderr
    assert "1 frauds among 1 labelled transactions; at least 20 frauds" in found.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--input", "{}"), "--warehouse and --input name two sources"),
        (("--mapping", "handbook"), "the warehouse needs neither"),
        (("--label-delay", "7d"), "the warehouse needs neither"),
    ],
)
def test_another_source_beside_it_is_refused(
    run: Run, url: WarehouseSettings, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    found = run("train", "--warehouse", *(one.format(tmp_path) for one in options))
    assert found.exit_code == 2
    assert said in found.output


def test_who_reads_an_address_of_snowflake_is_not_told_its_user_or_password(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_URL", "snowflake://me:s3cret@account/DB")
    found = run("train", "--warehouse", "--no-announce")
    assert found.exit_code == 1
    assert "reading the warehouse snowflake://account/DB" in found.stderr
    assert "s3cret" not in found.output
