import csv
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from fraud_stream.domain.intake import Intake
from fraud_stream.domain.transaction import Transaction
from fraud_stream.files.translation import Translated
from fraud_stream.reading import read_all
from fraud_stream.records import Label
from fraud_stream.settings import Settings
from producers import replay as replaying

Run = Callable[..., Result]

HANDBOOK = [
    {
        "TRANSACTION_ID": number,
        "TX_DATETIME": datetime(2018, 4, 1 + number, 10, 30, 0),
        "CUSTOMER_ID": 7 + number % 2,
        "TERMINAL_ID": 3,
        "TX_AMOUNT": 10.5 + number,
        "TX_FRAUD": int(number == 1),
        "TX_FRAUD_SCENARIO": 2 * int(number == 1),
    }
    for number in range(4)
]
TRANSACTIONS = [
    Transaction(str(n), str(7 + n % 2), 1_522_578_600.0 + n * 86_400, 10.5 + n, merchant_id="3") for n in range(4)
]


def as_jsonl(folder: Path) -> Path:
    path = folder / "t.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in HANDBOOK))
    return path


def as_csv(folder: Path) -> Path:
    path = folder / "t.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HANDBOOK[0].keys())
        writer.writeheader()
        writer.writerows(HANDBOOK)
    return path


def as_parquet(folder: Path) -> Path:
    path = folder / "t.parquet"
    pq.write_table(pa.Table.from_pylist(HANDBOOK), path)
    return path


class Sent:
    """Takes the place of the sender: keeps what was sent, by topic."""

    def __init__(self, *_: object) -> None:
        self.sent = 0
        self.records: dict[str, list[tuple[str | None, bytes]]] = {"transactions": [], "labels": []}

    def __enter__(self) -> "Sent":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, topic: str, key: str | None, value: bytes) -> None:
        self.sent += 1
        self.records.setdefault(topic, []).append((key, value))

    def serve(self) -> None:
        pass

    @property
    def transactions(self) -> list[Transaction]:
        return [Intake().read(value) for _, value in self.records["transactions"]]

    @property
    def labels(self) -> list[Label]:
        return [msgspec.json.decode(value, type=Label) for _, value in self.records["labels"]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    sender = Sent()
    monkeypatch.setattr(replaying, "Sender", lambda _: sender)
    monkeypatch.setattr(replaying, "create_topics", lambda _: [])
    return sender


@pytest.mark.parametrize("write", [as_jsonl, as_csv, as_parquet])
def test_the_same_rows_of_any_format_are_the_same_transactions(
    run: Run, sent: Sent, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    result = run("replay", write(tmp_path), "--mapping", "handbook", "--label-delay", "1d")
    assert result.exit_code == 0, result.output
    assert sent.transactions == TRANSACTIONS
    assert [key for key, _ in sent.records["transactions"]] == ["7", "8", "7", "8"]
    assert sent.labels == [
        Label(
            str(n),
            str(7 + n % 2),
            n == 1,
            TRANSACTIONS[n].timestamp + 86_400,
            "replay",
            "compromised_terminal" if n == 1 else None,
        )
        for n in range(3)
    ]
    assert "total: 4 records" in result.stderr
    assert "3 labels sent, 1 not due yet" in result.stderr


def test_labels_can_be_flushed_or_left_out(run: Run, sent: Sent, tmp_path: Path) -> None:
    run("replay", as_csv(tmp_path), "--mapping", "handbook", "--no-labels")
    assert sent.labels == []
    run("replay", as_csv(tmp_path), "--mapping", "handbook", "--flush-labels")
    assert len(sent.labels) == 4


def test_a_part_of_the_file_by_time_and_number(run: Run, sent: Sent, tmp_path: Path) -> None:
    run("replay", as_parquet(tmp_path), "--mapping", "handbook", "--from", "2018-04-02", "--to", "2018-04-04 10:30:00")
    assert [tx.transaction_id for tx in sent.transactions] == ["1", "2"]
    sent.records["transactions"].clear()
    run("replay", as_parquet(tmp_path), "--mapping", "handbook", "--limit", 3, "--quiet")
    assert [tx.transaction_id for tx in sent.transactions] == ["0", "1", "2"]


def test_another_topic(run: Run, sent: Sent, tmp_path: Path) -> None:
    run("replay", as_csv(tmp_path), "--mapping", "handbook", "--topic", "elsewhere")
    assert len(sent.records["elsewhere"]) == 4
    assert "letters, digits" in run("replay", as_csv(tmp_path), "--mapping", "handbook", "--topic", "a b").stderr


def test_rows_keep_the_order_of_the_file_unless_they_are_to_be_sorted(run: Run, sent: Sent, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows = [{"transaction_id": n, "customer_id": 1, "amount": 1, "timestamp": 1.6e9 + n} for n in (3, 1, 2)]
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    run("replay", path)
    run("replay", path, "--sort")
    assert [tx.transaction_id for tx in sent.transactions] == ["3", "1", "2", "1", "2", "3"]


def test_what_cannot_be_read_is_sent_untouched(run: Run, sent: Sent, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"transaction_id": \n{"transaction_id":"T1","amount":"?"}\n')
    assert run("replay", path).exit_code == 0
    assert sent.records["transactions"] == [
        (None, b'{"transaction_id":'),
        (None, b'{"transaction_id":"T1","amount":"?"}'),
    ]
    assert sent.labels == []


def test_the_original_speed_keeps_the_gaps_and_a_factor_shortens_them(run: Run, sent: Sent, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "transaction_id,customer_id,timestamp,amount\n1,1,1600000000,1\n2,1,1600000030,1\n3,1,1600000060,1\n"
    )
    begun = time.monotonic()
    assert run("replay", path, "--speed", 200).exit_code == 0
    assert 0.3 <= time.monotonic() - begun < 3
    assert len(sent.transactions) == 3


def test_what_is_replayed_of_a_generated_file_is_what_was_generated(run: Run, sent: Sent, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    run("generate", "--sample", 200, "--output", path, "--duplicate-rate", 0, "--truth", tmp_path / "t.jsonl")
    run("replay", path, "--flush-labels")
    assert sent.transactions == [Intake().read(line) for line in path.read_bytes().splitlines()]
    truths = [msgspec.json.decode(line) for line in (tmp_path / "t.jsonl").read_bytes().splitlines()]
    assert [(label.transaction_id, label.is_fraud, label.kind) for label in sent.labels] == [
        (truth["transaction_id"], truth["is_fraud"], truth["kind"]) for truth in truths
    ]


def test_wrong_files_and_mappings_are_named(run: Run, sent: Sent, tmp_path: Path) -> None:
    path = as_csv(tmp_path)
    for arguments, complaint in (
        ((path, "--mapping", "nope"), "there are handbook, identity, messy, sparkov"),
        ((path,), "no column transaction_id (for transaction_id)"),
        ((path, "--mapping", "handbook", "--speed", "quick"), "original, max or a number"),
        ((tmp_path / "gone.csv",), "does not exist"),
    ):
        result = run("replay", *arguments)
        assert result.exit_code in (1, 2)
        assert complaint in result.stderr
        assert "Traceback" not in result.output
    assert sent.sent == 0


def test_the_messy_sample_is_sent_whole_and_in_order(run: Run, sent: Sent, shared_data: Path) -> None:
    result = run("replay", shared_data / "messy-sample.csv", "--mapping", "messy", "--flush-labels")
    assert result.exit_code == 0, result.output
    moments = [msgspec.json.decode(value)["timestamp"] for _, value in sent.records["transactions"]]
    assert len(moments) == 3_199
    assert moments == sorted(moments)
    assert len(sent.labels) == 3_199 - sum(moment.startswith("2019-11-31") for moment in moments)
    assert [label.labelled_at for label in sent.labels] == sorted(label.labelled_at for label in sent.labels)


def first_records(run: Run, sent: Sent, path: Path, mapping: str) -> list[dict[str, Any]]:
    assert run("replay", path, "--mapping", mapping, "--limit", 1_000).exit_code == 0
    return [msgspec.json.decode(value) for _, value in sent.records["transactions"]]


def test_the_handbook_and_sparkov_files_are_read(run: Run, sent: Sent, shared_data: Path) -> None:
    records = first_records(run, sent, shared_data / "handbook" / "transactions.parquet", "handbook")
    assert records[0]["timestamp"].startswith("2018-04-01 00:00:31")
    records = first_records(run, sent, shared_data / "sparkov" / "transactions-2012.parquet", "sparkov")
    assert len(records) == 2_000
    assert len(sent.transactions) == 2_000
    assert {"product_category", "merchant_id"} <= records[-1].keys()


@pytest.mark.broker
def test_a_file_reaches_the_topics(run: Run, kafka: Settings, tmp_path: Path) -> None:
    result = run("replay", as_parquet(tmp_path), "--mapping", "handbook", "--label-delay", "1d")
    assert result.exit_code == 0, result.output
    messages = list(read_all(kafka, kafka.topics.transactions))
    assert sorted(Intake().read(m.value()).transaction_id for m in messages) == ["0", "1", "2", "3"]
    assert {m.key() for m in messages} == {b"7", b"8"}
    labels = [(m.key(), msgspec.json.decode(m.value(), type=Label)) for m in read_all(kafka, kafka.topics.labels)]
    assert sorted(label.transaction_id for _, label in labels) == ["0", "1", "2"]
    assert {key: label.is_fraud for key, label in labels if label.is_fraud} == {b"8": True}


def test_only_complete_rows_are_labelled() -> None:
    added: list[object] = []

    class Labels:
        def add(self, *label: object) -> None:
            added.append(label)

    for record in (
        Translated(b"", None, "C1", 1.6e9, True),
        Translated(b"", "T1", None, 1.6e9, True),
        Translated(b"", "T1", "C1", None, True),
        Translated(b"", "T1", "C1", 1.6e9, None),
        Translated(b"", "T1", "C1", 1.6e9, True, "x"),
    ):
        replaying._label(record, Labels())  # type: ignore[arg-type]
    assert added == [("T1", "C1", 1.6e9, True, "x")]
