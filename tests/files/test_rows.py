from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud_stream.errors import InputFileError
from fraud_stream.files.mapping import load_mapping
from fraud_stream.files.rows import Sorted, open_rows
from fraud_stream.files.translation import Translator

IDENTITY = load_mapping("identity")


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_json_lines_that_are_no_object_come_as_they_stand(tmp_path: Path) -> None:
    content = b'{"a": 1}\r\n\n  \n{"a": \n[1]\n\xff\xfe\n{"b": 123456789012345678901234567890}'
    rows = open_rows(write(tmp_path / "f.jsonl", content), [])
    assert list(rows) == [{"a": 1}, b'{"a":', b"[1]", b"\xff\xfe", {"b": 123456789012345678901234567890}]
    assert rows.position == rows.size == len(content)


def test_csv_is_text_with_quotes_and_records_of_any_length(tmp_path: Path) -> None:
    content = '\ufeffid,name,n\r\n1,"Müller, ""Bo""\nx",2\r\n2,short\r\n\r\n3,a,b,too long\r\n'.encode()
    rows = open_rows(write(tmp_path / "f.CSV", content), [])
    assert rows.columns == ["id", "name", "n"]
    assert list(rows) == [
        {"id": "1", "name": 'Müller, "Bo"\nx', "n": "2"},
        {"id": "2", "name": "short"},
        {"id": "3", "name": "a", "n": "b"},
    ]
    assert rows.position == rows.size


def test_a_csv_field_beyond_all_measure_is_told_with_its_line(tmp_path: Path) -> None:
    rows = open_rows(write(tmp_path / "f.csv", b"id\n1\n" + b"x" * 200_000 + b"\n"), [])
    with pytest.raises(InputFileError, match=r"f\.csv, line 3: field larger"):
        list(rows)


def test_parquet_times_become_text_and_nan_becomes_nothing(tmp_path: Path) -> None:
    moment = datetime(2024, 1, 31, 12, 0, 0, 250_000)
    table = pa.table(
        {
            "at": pa.array([moment], pa.timestamp("ms")),
            "zoned": pa.array([moment.replace(tzinfo=UTC)], pa.timestamp("us", "Europe/Oslo")),
            "x": pa.array([float("nan")]),
            "n": pa.array([7], pa.int8()),
            "day": pa.array([date(2024, 1, 31)]),
            "unwanted": pa.array(["u"]),
        }
    )
    pq.write_table(table, tmp_path / "f.parquet")
    rows = open_rows(tmp_path / "f.parquet", ["n", "x", "at", "zoned", "day"])
    (row,) = rows
    assert row == {
        "at": "2024-01-31 12:00:00.250",
        "zoned": "2024-01-31 13:00:00.250000+0100",
        "x": None,
        "n": 7,
        "day": date(2024, 1, 31),
    }
    assert rows.position == rows.size == 1


def test_parquet_is_read_in_batches(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(25_000))}), tmp_path / "f.parquet")
    rows = open_rows(tmp_path / "f.parquet", ["n"])
    positions = {rows.position for _ in rows}
    assert positions == {0, 10_000, 20_000}


def test_sorting_puts_numbers_that_are_none_last_and_keeps_the_others_in_order(tmp_path: Path) -> None:
    values = [str(n * 37 % 100) if n % 10 else "nan" for n in range(100)]
    content = "at\n" + "\n".join([*values, "inf", "-inf"]) + "\n"
    rows = Sorted(open_rows(write(tmp_path / "f.csv", content.encode()), []), ("at",))
    found = [row["at"] for row in rows if isinstance(row, dict)]
    assert found[:90] == sorted((value for value in values if value != "nan"), key=float)
    assert set(found[90:]) == {"nan", "inf", "-inf"}


def test_sorting_goes_by_value_then_by_text_and_puts_rows_without_a_value_last(tmp_path: Path) -> None:
    content = b"id,at\na,2024-01-02\nb,900\nc,\nd,2024-01-01T05:00:00\ne,1000\n"
    rows = Sorted(open_rows(write(tmp_path / "f.csv", content), []), ("at",))
    assert [row["id"] for row in rows if isinstance(row, dict)] == ["b", "e", "d", "a", "c"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("f.xlsx", b"", "unknown format '.xlsx'; known are .jsonl, .ndjson, .csv, .parquet"),
        ("f.parquet", b"PAR1 not", "no Parquet file"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    with pytest.raises(InputFileError, match=complaint):
        open_rows(write(tmp_path / name, content), [])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("gone.csv", "gone.jsonl", "gone.parquet"):
        with pytest.raises(InputFileError, match="gone"):
            open_rows(tmp_path / name, [])


def test_translation_keeps_bad_values_and_leaves_out_missing_ones() -> None:
    row = {
        "transaction_id": 7,
        "user_id": "",
        "customer_id": "C1",
        "amount": "12,50",
        "timestamp": "2019-11-31",
        "location": None,
    }
    record = Translator(IDENTITY).translate(row)
    assert msgspec.json.decode(record.value) == {
        "transaction_id": 7,
        "customer_id": "C1",
        "amount": "12,50",
        "timestamp": "2019-11-31",
    }
    assert (record.transaction_id, record.customer_id, record.time, record.is_fraud) == ("7", "C1", None, None)


def test_the_answer_does_not_travel_with_the_record() -> None:
    row = {"transaction_id": "T1", "customer_id": "C1", "is_fraud": True, "fraud_kind": "card_testing"}
    record = Translator(IDENTITY).translate(row)
    assert b"fraud" not in record.value
    assert (record.is_fraud, record.kind) == (True, "card_testing")


@pytest.mark.parametrize(
    ("said", "label"),
    [
        (1, True),
        ("1", True),
        ("True", True),
        (True, True),
        (0, False),
        ("FALSE", False),
        (0.0, False),
        ("?", None),
        ("", None),
    ],
)
def test_labels_are_read_in_every_usual_form(said: object, label: bool | None) -> None:
    assert Translator(IDENTITY).translate({"is_fraud": said}).is_fraud is label


def test_kinds_are_called_as_the_mapping_says_and_only_frauds_have_one() -> None:
    translate = Translator(load_mapping("handbook")).translate
    assert translate({"TX_FRAUD": 1, "TX_FRAUD_SCENARIO": 2}).kind == "compromised_terminal"
    assert translate({"TX_FRAUD": 1, "TX_FRAUD_SCENARIO": 9}).kind == "9"
    assert translate({"TX_FRAUD": 0, "TX_FRAUD_SCENARIO": 0}).kind is None


def test_a_time_far_in_the_future_is_no_time_to_pace_by() -> None:
    assert Translator(IDENTITY).translate({"timestamp": "9999-01-01"}).time is None
