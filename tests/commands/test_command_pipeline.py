"""``fraud-stream pipeline`` as people use it, and what it says where it cannot be used."""

import builtins
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fraud_stream.batch import loading
from fraud_stream.batch.pipeline import STEPS
from fraud_stream.commands.batch_runs import batch_runs
from fraud_stream.errors import PipelineError
from fraud_stream.reading import read_all
from fraud_stream.retention import Gone
from fraud_stream.sections import WarehouseSettings
from fraud_stream.settings import Settings
from tests.batch.days import filed, payment
from tests.commands.conftest import Run
from tests.harness import produce

DATE = ("--date", "2024-01-31")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_URL", f"duckdb:///{tmp_path}/w.duckdb")
    return tmp_path


def test_a_file_is_loaded_and_what_came_of_each_step_is_told(run: Run, place: Path) -> None:
    path = str(filed(place, [payment(n) for n in range(5)]).path)
    found = run("pipeline", "run", *DATE, "--input", path)
    assert found.exit_code == 0, found.output
    assert [line.split()[0] for line in found.output.splitlines()[2:-1]] == [
        "ingest",
        "validate-raw",
        "clean",
        "validate-cleaned",
        "aggregate",
        "engineer-features",
        "export",
    ]
    assert "5 raw, 0 invalid, 0 duplicates, 0 rejected, 5 cleaned, 5 summarised, 5 featured" in found.output
    again = json.loads(run("pipeline", "run", *DATE, "--input", path, "--step", "ingest", "--json").output)
    assert again["steps"][0]["rows_in"] == 0
    assert again["counts"]["cleaned"] == 5
    told = json.loads(run("pipeline", "status", "--json").output)["runs"]
    assert [(one["step"], one["status"]) for one in told][:2] == [("ingest", "done"), ("export", "done")]
    assert "validate-raw" in run("pipeline", "status").output


def test_records_of_a_day_that_was_missed_are_told(run: Run, place: Path) -> None:
    days = [payment(1), payment(2, timestamp="2024-02-01 09:00:00")]
    path = str(filed(place, days).path)
    found = run("pipeline", "run", "--date", "2024-02-01", "--input", path)
    assert found.exit_code == 0
    assert "2024-01-31 has 1 records that no run has looked at: run it" in found.output
    assert "then run 2024-02-01 again from engineer-features on" in found.output
    told = json.loads(run("pipeline", "run", "--date", "2024-02-01", "--input", path, "--json").stdout)
    assert told["stale_days"] == [{"day": "2024-01-31", "waiting": 1}]


def test_a_step_out_of_turn_fails_and_says_what_to_run(run: Run, place: Path) -> None:
    found = run("pipeline", "run", *DATE, "--step", "aggregate")
    assert found.exit_code == 1
    assert "fraud-stream pipeline run --date 2024-01-31 --step validate-cleaned" in found.output


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--date", "yesterday"], "does not match the format"),
        ([*DATE, "--mapping", "identity"], "name it with --input"),
        ([*DATE, "--input", "nowhere.csv"], "does not exist"),
        ([*DATE, "--step", "load"], "is not one of"),
        ([], "Missing option '--date'"),
    ],
)
def test_wrong_options_are_refused(run: Run, place: Path, given: list[str], said: str) -> None:
    found = run("pipeline", "run", *given)
    assert found.exit_code == 2
    assert said in found.output


def test_an_unknown_mapping_is_told_before_anything_is_written(run: Run, place: Path) -> None:
    path = str(filed(place, [payment(1)]).path)
    found = run("pipeline", "run", *DATE, "--input", path, "--mapping", "nope")
    assert found.exit_code == 1
    assert "there is no mapping 'nope'" in found.output
    assert not (place / "w.duckdb").exists()


def test_a_warehouse_that_is_none_or_is_in_use_is_told(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "w.duckdb").write_text("no DuckDB file, however long it may be" * 1_000)
    found = run("pipeline", "status")
    assert found.exit_code == 1
    assert "w.duckdb as a DuckDB file" in found.output
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_URL", "oracle://x")
    assert "[warehouse] url" in run("pipeline", "status").output


def test_a_connector_that_is_not_installed_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: object) -> object:
        if name.startswith("snowflake"):
            raise ImportError(name)
        return real(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_URL", "snowflake://me@account/ECOMMERCE_DW")
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_PASSWORD", "s3cret")
    found = run("pipeline", "status")
    assert found.exit_code == 1
    assert "pip install 'fraud-stream[snowflake]'" in found.output


@pytest.mark.parametrize(
    "url", ["snowflake://account/DB", "snowflake://me:s3cret@account/DB", "snowflake://me@account/DB?color=red"]
)
def test_a_wrong_address_of_snowflake_is_told_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_URL", url)
    found = run("pipeline", "status")
    assert found.exit_code == 1
    assert "must be like snowflake://USER@ACCOUNT/ECOMMERCE_DW" in found.output
    assert "s3cret" not in found.output


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({}, "needs FRAUD_STREAM_WAREHOUSE_PASSWORD"),
        ({"PRIVATE_KEY_PASSWORD": "k3y"}, "needs FRAUD_STREAM_WAREHOUSE_PASSWORD"),  # which opens a key alone
        ({"PRIVATE_KEY_PASSWORD": "k3y", "PRIVATE_KEY_FILE": "nowhere.p8"}, "private_key_file = nowhere.p8: "),
    ],
)
def test_without_a_password_or_a_key_that_can_be_read_snowflake_is_not_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("FRAUD_STREAM_WAREHOUSE_URL", "snowflake://me@account/ECOMMERCE_DW")
    for name, value in secrets.items():
        monkeypatch.setenv(f"FRAUD_STREAM_WAREHOUSE_{name}", value)
    found = run("pipeline", "status")
    assert found.exit_code == 1
    assert said in found.output
    assert "k3y" not in found.output


def test_the_status_makes_no_warehouse(run: Run, place: Path) -> None:
    found = run("pipeline", "status")
    assert found.exit_code == 1
    assert "there is no warehouse at" in found.output
    assert not list(place.glob("*.duckdb"))


class Message:
    """A payment on a topic, as the broker gives it."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return json.dumps(payment(self._offset)).encode()

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_706_700_000_000


def test_what_retention_took_between_two_runs_is_told_once_and_stays_known(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = range(3)

    def tail(settings: Settings, topic: str, places: dict[int, int], on_lost: Callable[[Gone], object]) -> Any:
        if topic != "transactions":
            return
        if places and places[0] < held[0]:
            on_lost(Gone(topic, 0, places[0], held[0] - places[0]))
        yield from (Message(offset) for offset in held if offset >= places.get(0, 0))

    monkeypatch.setattr(loading, "tail", tail)
    assert json.loads(run("pipeline", "run", *DATE, "--json").stdout)["lost"] == []
    held = range(8, 10)  # 3 to 7 came, and went, meanwhile
    found = run("pipeline", "run", *DATE, "--json")
    assert found.exit_code == 0
    assert "5 records of topic 'transactions', partition 0 (offsets 3 to 7), were deleted by its reten" in found.stderr
    assert "run it more often" in found.stderr
    (lost,) = json.loads(found.stdout)["lost"]
    assert (lost["topic"], lost["partition"], lost["first"], lost["records"]) == ("transactions", 0, 3, 5)
    assert json.loads(run("pipeline", "run", *DATE, "--json").stdout)["lost"] == []
    held = range(20, 21)
    monkeypatch.setitem(STEPS, "export", lambda batch: (_ for _ in ()).throw(PipelineError("no export today")))
    failed = run("pipeline", "run", *DATE)
    assert failed.exit_code == 1
    assert "no export today" in failed.stderr
    assert "10 records of topic 'transactions', partition 0 (offsets 10 to 19), were deleted" in failed.stderr
    known = batch_runs(WarehouseSettings(url=f"duckdb:///{place}/w.duckdb"))
    assert known is not None
    assert [one.told[:10] for one in known.lost] == ["5 records ", "10 records"]


@pytest.mark.broker
def test_each_record_of_the_topics_is_loaded_once_and_a_topic_made_anew_is_refused(
    run: Run, served: Settings, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(*numbers: int) -> None:
        rows = [payment(n) for n in numbers]
        produce(served, "transactions", [(one["customer_id"], json.dumps(one).encode()) for one in rows])

    send(1, 2, 3)
    produce(served, "labels", [("C1", b'{"transaction_id": "T1"}')])
    for numbers, loaded in (((), 3), ((4, 5), 2), ((), 0)):
        send(*numbers)
        found = run("pipeline", "run", *DATE, "--json")
        assert found.exit_code == 0, found.output
        assert json.loads(found.stdout)["steps"][0]["rows_out"] == loaded
    assert json.loads(found.stdout)["counts"]["raw"] == 5
    with duckdb.connect(str(place / "w.duckdb")) as connection:
        told = connection.execute("SELECT step, reason FROM CLEANED_DATA.REJECTED_TRANSACTIONS").fetchall()
        assert told == [("ingest", "no_label")]
        connection.execute("UPDATE RAW_DATA.OFFSETS SET next_position = 1000 WHERE source = 'topic:transactions'")
    # Kafka begins with what it has where it has no such offset; the embedded broker says nothing at all
    monkeypatch.setattr(loading, "tail", lambda settings, topic, **_: read_all(settings, topic))
    found = run("pipeline", "run", *DATE)
    assert found.exit_code == 1
    assert "topic 'transactions' was made anew" in found.output
