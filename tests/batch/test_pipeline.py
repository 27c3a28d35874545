"""The seven steps on files, in DuckDB and in what answers for Snowflake."""

import json
import signal
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import fakesnow
import pandas as pd
import pytest

from fraud_stream.batch import checking, engineer_features
from fraud_stream.batch import warehouse as in_parts
from fraud_stream.batch.lost import Lost, lost_since
from fraud_stream.batch.pipeline import STEPS, run
from fraud_stream.batch.stale import stale_days
from fraud_stream.batch.step import moment
from fraud_stream.batch.tables import CLEANED, COUNTS, FEATURES, LOST, OFFSETS, RAW, REJECTED, SUMMARY
from fraud_stream.batch.warehouse import PART, Insert, Statement, Warehouse
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake
from fraud_stream.errors import PipelineError, WarehouseError
from fraud_stream.evaluation.taking import Taker
from fraud_stream.retention import Gone
from fraud_stream.settings import Settings
from tests.batch.days import DAY, a_batch, filed, opened, payment, run_all, table
from tests.harness import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::Warning:fakesnow.*")  # what it makes of pandas and DuckDB
#: Payments in order of time: twelve good ones, the last two of them the next day's.
GOOD = [*(payment(n) for n in range(10)), *(payment(n, timestamp=f"2024-02-01 0{n - 9}:00:00") for n in (10, 11))]
BAD = [
    payment(20, timestamp="2024-01-31 09:10:00", amount=-1),
    {"transaction_id": "T21", "timestamp": "2024-01-31 09:20:00", "amount": 1},
    payment(3, timestamp="2024-01-31 09:30:00"),
]


NEXT = date(2024, 2, 1)


@pytest.fixture(params=["duckdb", "snowflake"])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param == "duckdb":
        with opened(f"duckdb:///{tmp_path}/w.duckdb") as duck:
            yield duck
        return
    with fakesnow.patch(), opened("snowflake://me@account/ECOMMERCE_DW?warehouse=W", password="secret") as snow:
        yield snow


def test_a_day_is_counted_cleaned_and_summed_up_and_nothing_is_lost(found: Warehouse, tmp_path: Path) -> None:
    runs = run_all(found, filed(tmp_path, [*GOOD, *BAD]))
    assert list(runs) == list(STEPS)
    assert runs["ingest"].counts == (15, 15, 0)
    assert runs["validate-raw"].counts == (13, 10, 3)
    (counts,) = table(found, COUNTS.name, "event_day")
    told = {name: counts[name] for name in ("raw", "invalid", "duplicates", "cleaned", "summarised", "featured")}
    assert told == {"raw": 13, "invalid": 2, "duplicates": 1, "cleaned": 10, "summarised": 10, "featured": 10}
    rejected = {one["reason"]: one for one in table(found, REJECTED.name, "position")}
    assert rejected.keys() == {"bad_amount", "missing_field", "duplicate"}
    assert rejected["duplicate"]["transaction_id"] == "T3"
    assert '"T21"' in rejected["missing_field"]["record"]
    summary = table(found, SUMMARY.name, "hour, product_category")
    assert [(one["hour"], one["product_category"]) for one in summary][:2] == [
        (datetime(2024, 1, 31, 0), "Books"),
        (datetime(2024, 1, 31, 1), "Unknown"),
    ]
    (first, *_) = summary
    assert (first["transaction_count"], first["total_amount"], first["avg_amount"]) == (1, 10.0, 10.0)
    assert (first["fraud_count"], first["unique_customers"]) == (1, 1)


def test_what_a_payment_of_a_topic_says_of_itself_is_no_label(found: Warehouse, tmp_path: Path) -> None:
    """As in the stream: only files, which have nothing else, are believed."""
    file = filed(tmp_path, GOOD)
    run_all(found, file)
    counted = f"SELECT sum(fraud_count) AS n FROM {SUMMARY.name}"
    assert found.rows(counted)["n"].iloc[0] == sum(one["is_fraud"] for one in GOOD[:10]) > 0
    found.apply(Statement(f"UPDATE {CLEANED.name} SET source = 'topic:transactions'"))
    assert len(list(run(a_batch(found, file), "aggregate"))) == 1
    assert found.rows(counted)["n"].iloc[0] == 0


def test_a_day_may_be_run_again(found: Warehouse, tmp_path: Path) -> None:
    file = filed(tmp_path, [*GOOD, *BAD])
    tables = [
        (RAW, "position"),
        (CLEANED, "position"),
        (REJECTED, "position, step"),
        (SUMMARY, "hour, product_category"),
        (COUNTS, "event_day"),
    ]
    run_all(found, file)
    before = [str(table(found, one.name, order)) for one, order in tables]
    again = run_all(found, file)
    assert again["ingest"].counts == (0, 0, 0)
    assert [str(table(found, one.name, order)) for one, order in tables] == before
    for name in STEPS:
        list(run(a_batch(found, file), name))
    assert [str(table(found, one.name, order)) for one, order in tables] == before


def test_what_was_lost_is_told_since_a_moment(found: Warehouse) -> None:
    times = 1_706_700_000.25, 1_706_800_000.5
    found.apply(Insert(LOST, LOST.of([(moment(time), "labels", n, 7, 5) for n, time in enumerate(times)])))
    assert lost_since(found, times[1]) == [Lost(Gone("labels", 1, 7, 5), times[1])]
    assert len(lost_since(found, 0.0)) == 2
    found.define(f"DROP TABLE {LOST.name}")  # as in a warehouse of an earlier version
    assert lost_since(found, 0.0) == []


class Held:
    """Counts the rows of frames and tables that are held at a time."""

    def __init__(self) -> None:
        self.most = self._now = 0

    def watch(self, one: Any) -> Any:
        self._add(len(one))
        weakref.finalize(one, self._add, -len(one))
        return one

    def watched(self, real: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: self.watch(real(*arguments))

    def _add(self, rows: int) -> None:
        self._now += rows
        self.most = max(self.most, self._now)


def test_a_day_is_gone_through_in_parts_and_comes_out_the_same(
    found: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held at a time does not hang on how many rows the day has."""
    again = [payment(n, timestamp=f"2024-01-31 {n}:30:00") for n in range(8, 10)]  # hours, and many parts, later
    file = filed(tmp_path, [*(payment(n) for n in range(24)), *again, *BAD])
    tables = (CLEANED, "position"), (REJECTED, "position, step"), (FEATURES, "transaction_id"), (SUMMARY, "hour")
    run_all(found, file)
    before = [str(table(found, one.name, order)) for one, order in tables]
    read, checked, featured = Held(), Held(), Held()
    monkeypatch.setattr(in_parts, "PART", 2)
    monkeypatch.setattr(engineer_features, "TOGETHER", 2)
    monkeypatch.setattr(checking, "rejected", checked.watched(checking.rejected))
    monkeypatch.setattr(engineer_features, "_rows", featured.watched(engineer_features._rows))
    frames = list[int]()
    real = checking.failing

    def failing(by: Any, frame: Any) -> Any:
        frames.append(len(frame))
        return real(by, read.watch(frame))

    monkeypatch.setattr(checking, "failing", failing)
    counts = run_all(found, file)
    assert [str(table(found, one.name, order)) for one, order in tables] == before
    assert counts["validate-raw"].counts == (29, 24, 5)
    assert len(frames) > 20
    assert max(frames) == 2
    assert 2 <= read.most <= 2 * 2
    assert checked.most <= 2 * 2  # a part, and the one that the warehouse is still at
    assert 2 <= featured.most <= 2 * 2


def test_of_changes_that_fail_none_is_made(found: Warehouse) -> None:
    row = ("file:x", 0, 1)
    found.apply(Insert(OFFSETS, OFFSETS.of([row])))
    with pytest.raises(WarehouseError, match="another run has changed it"):
        found.apply(
            Insert(OFFSETS, OFFSETS.of([("file:y", 0, 1)])),
            Statement(f"UPDATE {OFFSETS.name} SET next_position = ? WHERE next_position = ?", (3, 2), rows=1),
        )
    assert [tuple(one.values()) for one in table(found, OFFSETS.name, "source")] == [row]
    with pytest.raises(WarehouseError):
        found.apply(Insert(OFFSETS, OFFSETS.of([("file:y", 0, 1)])), Statement("DELETE FROM RAW_DATA.NO_SUCH_TABLE"))
    assert len(table(found, OFFSETS.name, "source")) == 1


def test_what_is_read_in_parts_is_whole_and_may_be_changed_meanwhile(found: Warehouse) -> None:
    many = PART * 2 + 1
    found.apply(Insert(OFFSETS, OFFSETS.of([("file:x", n, n) for n in range(many)])))
    read = list[int]()
    for part in found.parts(f"SELECT * FROM {OFFSETS.name} WHERE source = ? ORDER BY next_position", "file:x"):
        assert len(part) <= PART
        read += part["next_position"].tolist()
        found.apply(Statement(f"DELETE FROM {OFFSETS.name}"))
    assert read == list(range(many))
    assert list(found.parts(f"SELECT * FROM {OFFSETS.name}")) == []


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[Warehouse]:
    with opened(f"duckdb:///{tmp_path}/w.duckdb") as found:
        yield found


#: A process that is killed between the rows of the third part of a file and its offset.
KILLED = """
import os, signal, sys
from pathlib import Path
from fraud_stream.batch import duckdb, loading
from fraud_stream.batch.warehouse import Insert
from tests.batch.days import opened, run_all
from fraud_stream.batch.step import InputFile

real, parts = duckdb.DuckDb._apply, []

def apply(self, change):
    parts.append(change)
    if len(parts) == 6:
        assert isinstance(parts[4], Insert)
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, change)

duckdb.DuckDb._apply, loading.TOGETHER = apply, 4
with opened(sys.argv[1]) as found:
    run_all(found, InputFile(Path(sys.argv[2]), "identity"))
"""


def test_what_was_killed_between_rows_and_their_offset_goes_on_where_it_was(tmp_path: Path) -> None:
    file, url = filed(tmp_path, GOOD), f"duckdb:///{tmp_path}/killed.duckdb"
    done = subprocess.run([sys.executable, "-c", KILLED, url, str(file.path)], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with opened(url) as duck:
        assert len(table(duck, RAW.name, "position")) == 8
        (again,) = run(a_batch(duck, file), "ingest")
        assert again.counts == (4, 4, 0)
        assert [one["transaction_id"] for one in table(duck, RAW.name, "position")] == [f"T{n}" for n in range(12)]


def test_texts_stay_as_the_stream_takes_them(found: Warehouse, tmp_path: Path) -> None:
    """It scores these, and tells the two places apart."""
    rows = [payment(n, customer_id="C1", location=place) for n, place in enumerate(("Berlin", "Berlin ", "Rome\t", ""))]
    counts = run_all(found, filed(tmp_path, rows))["validate-cleaned"].counts
    assert (counts.rows_out, counts.rejected) == (4, 0)
    places = [one["location"] for one in table(found, CLEANED.name, "position")]
    assert places[:3] == ["Berlin", "Berlin ", "Rome\t"]
    assert pd.isna(places[3])


@pytest.mark.parametrize("most", [1, PART])
def test_what_fails_the_contract_of_the_cleaned_is_taken_out_and_stays_rejected(
    duck: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(in_parts, "PART", most)  # a row that comes again may be in another part than the first
    file = filed(tmp_path, GOOD)
    batch = a_batch(duck, file)
    for name in ("ingest", "validate-raw", "clean"):
        list(run(batch, name))
    duck.apply(
        Statement(f"UPDATE {CLEANED.name} SET amount = -5 WHERE transaction_id = 'T1'"),
        Statement(f"UPDATE {CLEANED.name} SET transaction_id = 'T3', customer_id = 'C0' WHERE transaction_id = 'T6'"),
        Statement(f"UPDATE {CLEANED.name} SET product_category = repeat('B', 10000) WHERE transaction_id = 'T4'"),
        Statement(f"UPDATE {CLEANED.name} SET event_time = event_time - INTERVAL 1 DAY WHERE transaction_id = 'T5'"),
        Statement(f"UPDATE {CLEANED.name} SET customer_id = NULL WHERE transaction_id = 'T7'"),
    )
    for _ in range(2):
        list(run(batch, "validate-cleaned"))
        assert Counter(one["reason"] for one in table(duck, REJECTED.name, "position")) == Counter(
            ["bad_amount", "duplicate", "bad_text", "other_day", "missing_field"]
        )
        assert len(table(duck, CLEANED.name, "position")) == 5
    for name in ("aggregate", "engineer-features", "export"):
        list(run(batch, name))
    list(run(batch, "clean"))  # cleaned anew, nothing is rejected by the step after it
    assert not table(duck, REJECTED.name, "position")


def test_features_are_those_of_the_stream_over_all_days(duck: Warehouse, tmp_path: Path) -> None:
    rows = [payment(n, timestamp=f"2024-01-{3 + n // 2:02} {n % 2:02}:00:00") for n in range(58)]
    file = filed(tmp_path, rows)
    run_all(duck, file, date(2024, 1, 5))  # days may come in any order
    for day in range(3, 32):
        run_all(duck, file, date(2024, 1, day))
    names, taker = FeatureMaker(Settings().feature_settings).names, Taker(Settings())
    facts, intake, due = [], Intake(), []
    for row in rows:
        transaction = intake.read(json.dumps(row).encode())
        for told in [one for one in due if one[0].timestamp + 7 * 86_400 <= transaction.timestamp]:
            taker.note(told[0], told[0].timestamp + 7 * 86_400, is_fraud=told[1])
            due.remove(told)
        facts.append(taker.take(transaction))
        due.append((transaction, row["is_fraud"]))
    found = table(duck, "ANALYTICS.TRANSACTION_FEATURES", "event_time")
    assert [[one[name] for name in names] for one in found] == taker.maker.rows(facts).tolist()
    assert any(one["merchant_frauds_7d"] for one in found)
    last = {(one["customer_id"], one["event_day"]): one["transaction_id"] for one in found}
    of_days = table(duck, "ANALYTICS.CUSTOMER_DAY_FEATURES", "event_time")
    assert {(one["customer_id"], one["event_day"]): one["transaction_id"] for one in of_days} == last


def test_other_windows_give_other_columns_beside_those_that_are_there(duck: Warehouse, tmp_path: Path) -> None:
    file = filed(tmp_path, GOOD)
    run_all(duck, file)
    other = a_batch(duck, file)._replace(
        settings=Settings.model_validate({"windows": {"hopping_size": "10m"}}, strict=False)
    )
    list(run(other))
    found = table(duck, "ANALYTICS.TRANSACTION_FEATURES", "event_time")
    assert len(found) == 10
    assert found[0]["hopping_count_10m"] == 1
    assert str(found[0]["hopping_count_5m"]) == "nan"


def test_what_comes_again_just_before_midnight_is_a_duplicate_whenever_its_day_is_run(
    duck: Warehouse, tmp_path: Path
) -> None:
    """The stream took in the first one, which is of the next day."""
    rows = [payment(7, timestamp="2024-02-01 00:00:01"), payment(7, timestamp="2024-01-31 23:59:59")]
    file = filed(tmp_path, [payment(1), *rows])
    run_all(duck, file)
    # a file is taken in in the order of time; on a topic the one that came again is the later
    later = f"UPDATE {RAW.name} SET position = 100 WHERE transaction_id = 'T7' AND event_day = ?"
    duck.apply(Statement(later, (DAY,), rows=1))
    for day in (DAY, NEXT, DAY):
        run_all(duck, file, day)
    counts = {one["event_day"].date(): one for one in table(duck, COUNTS.name, "event_day")}
    assert [(counts[day]["cleaned"], counts[day]["duplicates"]) for day in (DAY, NEXT)] == [(1, 1), (1, 0)]


def test_days_with_records_that_no_run_has_looked_at_are_known(found: Warehouse, tmp_path: Path) -> None:
    """As after a night that was missed, or where a record comes late."""
    run_all(found, filed(tmp_path, GOOD), NEXT)
    assert stale_days(found, NEXT) == [(DAY, 10)]
    assert stale_days(found, DAY) == []
    run_all(found, filed(tmp_path, GOOD))
    assert stale_days(found, NEXT) == []
    run_all(found, filed(tmp_path, [payment(30)], "late.jsonl"), NEXT)
    assert stale_days(found, NEXT) == [(DAY, 1)]


def test_a_step_whose_step_before_was_not_run_says_so(duck: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="--date 2024-01-31 --step validate-raw"):
        list(run(a_batch(duck, filed(tmp_path, GOOD)), "clean"))


def test_tables_that_do_not_agree_are_told(duck: Warehouse, tmp_path: Path) -> None:
    file = filed(tmp_path, GOOD)
    run_all(duck, file)
    duck.apply(Statement(f"DELETE FROM {CLEANED.name} WHERE transaction_id = 'T1'"))
    with pytest.raises(PipelineError, match=f"tables of {DAY} do not agree: 10 raw, .* 9 cleaned, 10 summarised"):
        list(run(a_batch(duck, file), "export"))
    failed = table(duck, "PIPELINE.RUNS", "started_at DESC")[0]
    assert (failed["step"], failed["status"]) == ("export", "failed")
    assert "do not agree" in failed["error"]


def test_what_cannot_be_read_belongs_to_the_day_before_it_and_is_kept(duck: Warehouse, tmp_path: Path) -> None:
    rows = [payment(1), payment(2, timestamp="2024-02-01 00:00:00"), payment(3, timestamp=1e300)]
    rows += ["{\x00 no JSON", '{"transaction_id": "\\u0000"}']  # type: ignore[list-item]
    file = filed(tmp_path, rows)
    run_all(duck, file, date(2024, 2, 1))
    assert {one["reason"] for one in table(duck, REJECTED.name, "position")} == {
        "undecodable",
        "missing_field",
        "bad_timestamp",
    }
    days = Counter(str(one["event_day"].date()) for one in table(duck, RAW.name, "position"))
    assert days == {"2024-01-31": 1, "2024-02-01": 4}
