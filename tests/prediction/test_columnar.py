"""Files that have the features: every right row is predicted from its own, and every wrong one named by its line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud_stream.errors import InputFileError
from fraud_stream.models.forest import FEATURES
from fraud_stream.prediction import columnar as module
from fraud_stream.prediction.columnar import columnar
from fraud_stream.prediction.jsonl import json_columns
from fraud_stream.prediction.parts import Reject
from tests.prediction.saved import rows

COUNT = 300
ROWS = rows(COUNT, 5)
IDS = [f"T{n}" for n in range(COUNT)]


def frame(prefix: str = "features.") -> pd.DataFrame:
    found = pd.DataFrame(ROWS, columns=[prefix + name for name in FEATURES])
    if prefix:
        found["amount"] = ROWS[:, 0]
    found.insert(0, "transaction_id", IDS)
    return found[[*found.columns[::-1]]].assign(note="not, needed")  # in no certain order


def nested() -> list[dict[str, Any]]:
    """As the topic `scored` has them."""
    features = [dict(zip(FEATURES, row, strict=True)) for row in ROWS.tolist()]
    payments = [
        {"transaction_id": ident, "customer_id": "C", "amount": row[0]} for ident, row in zip(IDS, ROWS, strict=True)
    ]
    return [{"transaction": a, "features": b, "rules": []} for a, b in zip(payments, features, strict=True)]


def written(folder: Path, kind: str) -> Path:
    path = folder / f"f.{kind.split('-', maxsplit=1)[0]}"
    if kind == "csv":
        frame().to_csv(path, index=False)
    elif kind == "csv-flat":
        frame("").to_csv(path, index=False)
    elif kind == "parquet":
        frame().to_parquet(path, index=False)
    elif kind == "parquet-nested":
        pq.write_table(pa.Table.from_pylist(nested()), path)
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, nested())))
    else:
        frame().to_json(path, orient="records", lines=True, double_precision=15)
    return path


def read(path: Path) -> tuple[list[str], Any, Any, list[Reject]]:
    reader = columnar(path, FEATURES) or json_columns(path, FEATURES)
    assert reader is not None
    rejects: list[Reject] = []
    parts = list(reader.parts(rejects.append))
    ids = [str(ident) for part in parts for ident in part.ids]
    assert reader.position == reader.size
    amounts = np.concatenate([part.amounts for part in parts])
    return ids, amounts, np.vstack([part.rows for part in parts]), rejects


KINDS = ("csv", "csv-flat", "parquet", "parquet-nested", "jsonl", "jsonl-flat")


@pytest.mark.parametrize("kind", KINDS)
def test_the_features_are_those_of_the_file(kind: str, tmp_path: Path) -> None:
    ids, amounts, found, rejects = read(written(tmp_path, kind))
    assert (ids, rejects) == (IDS, [])
    assert amounts == pytest.approx(ROWS[:, 0], rel=1e-12)
    assert np.allclose(found, ROWS, rtol=1e-12, atol=0)


def test_wrong_lines_of_csv_are_named_whatever_blocks_they_lie_in(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_BLOCK", 5_000)
    path = written(tmp_path, "csv")
    lines = path.read_bytes().splitlines()
    header = lines[0].decode().split(",")
    place = header.index("features.hour")
    lines[40] = b"1,2,3"
    lines[41] = b""
    lines[100] = b",".join(b"x" if n == place else value for n, value in enumerate(lines[100].split(b",")))
    lines[200] = b",".join(b"nan" if n == place else value for n, value in enumerate(lines[200].split(b",")))
    ident = header.index("transaction_id")
    lines[250] = b",".join(b"" if n == ident else value for n, value in enumerate(lines[250].split(b",")))
    lines[260] = b",".join(b"\xff\xfe" if n == ident else value for n, value in enumerate(lines[260].split(b",")))
    path.write_bytes(b"\n".join(lines))
    ids, _, found, rejects = read(path)
    assert len(ids) == len(found) == COUNT - 5
    assert ids[259 - 5] == "\ufffd\ufffd"
    told = {one.line: (one.reason, one.detail, one.transaction_id) for one in rejects}
    assert told == {
        41: ("undecodable", f"3 fields; the header has {len(header)}", None),
        101: ("bad_feature", "no finite number in features.hour", "T99"),
        201: ("bad_feature", "no finite number in features.hour", "T199"),
        251: ("missing_field", "transaction_id", None),
    }
    kept = [n for n in range(COUNT) if n not in {39, 40, 99, 199, 249}]
    assert np.allclose(found, ROWS[kept], rtol=1e-12, atol=0)


def test_wrong_lines_are_told_on_the_way_and_not_kept(tmp_path: Path, monkeypatch: Any) -> None:
    """Half of a large file may be wrong."""
    monkeypatch.setattr(module, "_BLOCK", 5_000)
    path, rejects, most = tmp_path / "f.csv", list[Reject](), 0
    header, *lines = frame().to_csv(index=False).splitlines()
    path.write_text("\n".join([header, *(both for line in lines for both in (line, "too,few"))]))
    reader = columnar(path, FEATURES)
    assert isinstance(reader, module.CsvColumns)
    for _ in reader.parts(rejects.append):
        most = max(most, len(reader._wrong))
    assert [one.line for one in rejects] == [2 * n + 3 for n in range(COUNT)]
    assert most < COUNT / 2


def test_wrong_rows_of_parquet_are_named(tmp_path: Path) -> None:
    wrong = frame()
    wrong.loc[3, "features.hour"] = np.inf
    wrong.loc[4, "amount" if "amount" in wrong else "features.amount"] = np.nan
    wrong.loc[5, "transaction_id"] = None
    wrong.to_parquet(tmp_path / "f.parquet")
    ids, _, _, rejects = read(tmp_path / "f.parquet")
    assert len(ids) == COUNT - 3
    assert [(one.line, one.reason) for one in rejects] == [(4, "bad_feature"), (5, "bad_feature"), (6, "missing_field")]


def test_wrong_lines_of_json_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, "jsonl")
    lines = path.read_text().splitlines()
    lines[7], lines[9], lines[11] = "{", "", lines[11].replace('"hour": ', '"hour": "x", "was": ')
    path.write_text("\n".join(lines))
    ids, _, _, rejects = read(path)
    assert len(ids) == COUNT - 3
    assert [(one.line, one.reason) for one in rejects] == [(8, "undecodable"), (12, "bad_feature")]
    assert "hour" in rejects[1].detail


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_file_with_some_of_the_features_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"f.{kind}"
    lacks = frame().drop(columns=["features.hour", "features.is_night"])
    if kind == "csv":
        lacks.to_csv(path)
    elif kind == "parquet":
        lacks.to_parquet(path)
    else:
        lacks.to_json(path, orient="records", lines=True)
    with pytest.raises(InputFileError, match="no column hour, is_night, which the model needs"):
        read(path)


def test_a_file_of_payments_is_no_such_file(tmp_path: Path) -> None:
    for name, text in (("f.csv", "transaction_id,amount\nT,1\n"), ("f.jsonl", '{"transaction_id":"T","amount":1}')):
        (tmp_path / name).write_text(text)
        assert (columnar(tmp_path / name, FEATURES) or json_columns(tmp_path / name, FEATURES)) is None
