"""Labels on their way into the warehouse."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fraud_stream.batch import loading
from fraud_stream.batch.labels import FIRST_LABELS, load_labels
from fraud_stream.batch.step import moment
from fraud_stream.batch.tables import REJECTED
from fraud_stream.records import Label
from fraud_stream.settings import Settings
from tests.batch.days import opened, table

NOW = 1_706_702_400.0


def label(labelled_at: float, *, is_fraud: bool) -> bytes:
    return msgspec.json.encode(Label("T1", "C1", is_fraud, labelled_at, "test"))


def messages(*values: bytes | None) -> Iterator[Any]:
    for offset, value in enumerate(values):
        told = {"partition": 0, "offset": offset, "value": value, "timestamp": (1, round(NOW * 1_000))}
        yield SimpleNamespace(**{name: lambda one=one: one for name, one in told.items()})


def test_what_the_stream_refuses_is_no_label_and_hides_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [label(time, is_fraud=False) for time in (6e8, NOW + 10 * 86_400)]
    values = (None, b"{}", *wrong, label((NOW - 60) * 1_000, is_fraud=True), label(NOW, is_fraud=False))
    monkeypatch.setattr(loading, "tail", lambda *_, **__: messages(*values))
    with opened(f"duckdb:///{tmp_path}/w.duckdb") as duck:
        assert load_labels(Settings(), duck) == (6, 2, 4)
        (first,) = duck.rows(FIRST_LABELS).to_dict("records")
        rejected = table(duck, REJECTED.name, "position")
    assert (first["is_fraud"], first["labelled_at"]) == (True, moment(NOW - 60))
    assert [one["detail"].partition(":")[0] for one in rejected] == [
        "null",
        "wrong_type",
        "bad_timestamp",
        "bad_timestamp",
    ]
