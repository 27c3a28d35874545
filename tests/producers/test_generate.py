import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from fraud_stream.broker import free_port
from fraud_stream.domain.intake import Intake
from fraud_stream.kafka import create_topics
from fraud_stream.reading import read_all
from fraud_stream.records import Label
from fraud_stream.settings import Settings

Run = Callable[..., Result]


def lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_a_sample_has_exactly_so_many_records_that_the_worker_reads(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sample.jsonl"
    assert run("generate", "--sample", 100, "--output", path).exit_code == 0
    records = lines(path)
    assert len(records) == 100
    assert all(Intake().read(line) for line in path.read_bytes().splitlines())
    assert sum(record["is_fraud"] for record in records) == pytest.approx(8, abs=3)
    assert not any("fraud_kind" in record for record in records)


def test_the_same_seed_and_options_give_the_same_files(run: Run, tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        result = run(
            "generate", "--sample", 500, "--seed", seed, "--output", tmp_path / name, "--truth", tmp_path / f"{name}t"
        )
        assert result.exit_code == 0
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents["a"] == contents["b"] != contents["c"]
    assert contents["at"] == contents["bt"] != contents["ct"]


def test_the_truth_names_every_transaction_once_with_its_kind(run: Run, tmp_path: Path) -> None:
    run("generate", "--sample", 3_000, "--output", tmp_path / "s.jsonl", "--truth", tmp_path / "t.jsonl")
    records = {record["transaction_id"]: record for record in lines(tmp_path / "s.jsonl")}
    truths = lines(tmp_path / "t.jsonl")
    assert [truth["transaction_id"] for truth in truths] == list(records)
    for truth in truths:
        record = records[truth["transaction_id"]]
        assert (record["is_fraud"], record.get("fraud_kind")) == (truth["is_fraud"], truth["kind"])


def test_progress_is_told_each_hour_on_stderr_and_records_on_stdout(run: Run) -> None:
    result = run("generate", "--hours", 6, "--output", "-", "--seed", 3)
    told = result.stderr.splitlines()
    assert len(result.stdout.splitlines()) == 6_000
    assert len(told) == 7
    assert all(line.startswith(f"2024-01-01 {hour:02d}:00  ") for hour, line in enumerate(told[:6]))
    assert told[-1].startswith("total: 6,000 records, fraud 8.0 %")
    assert told[-1].endswith("seed 3")


def test_quiet_is_quiet(run: Run) -> None:
    assert run("generate", "--sample", 10, "--quiet").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--rate", "7/x", "--sample", 1), "write it like 1000/h, 50/s or max"),
        (("--sample", 0), "x>=1"),
        (("--fraud-rate", 1.5, "--sample", 1), "0<=x<=1"),
        (("--sample", 1, "--hours", 1), "give one of them"),
    ],
)
def test_wrong_options_are_named_with_what_is_allowed(run: Run, arguments: tuple[object, ...], complaint: str) -> None:
    result = run("generate", *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_file_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    result = run("generate", "--sample", 1, "--output", tmp_path / "nowhere" / "x.jsonl")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


def test_without_a_broker_it_says_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraud_stream.kafka.PATIENCE", 0.5)
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", f"kafka://127.0.0.1:{free_port()}")
    result = run("generate", "--count", 1)
    assert result.exit_code == 1
    assert "fraud-stream broker" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.broker
def test_transactions_and_later_their_labels_reach_the_topics(run: Run, kafka: Settings, tmp_path: Path) -> None:
    truth = tmp_path / "t.jsonl"
    result = run("generate", "--rate", "max", "--count", 2_000, "--label-delay", "1h", "--truth", truth)
    assert result.exit_code == 0, result.output
    messages = list(read_all(kafka, kafka.topics.transactions))
    times = {}
    for message in messages:
        tx = Intake().read(message.value())
        times[tx.transaction_id] = tx.timestamp
        assert message.key().decode() == tx.customer_id
        assert b"fraud" not in message.value()
    assert len(messages) == 2_000
    truths = {line["transaction_id"]: line["kind"] for line in lines(truth)}
    assert set(truths) == set(times)
    check_labels(kafka, times, truths)


def check_labels(kafka: Settings, times: dict[str, float], truths: dict[str, str | None]) -> None:
    labels = [
        (m.key().decode(), msgspec.json.decode(m.value(), type=Label)) for m in read_all(kafka, kafka.topics.labels)
    ]
    newest = max(times.values()) + 4
    for key, label in labels:
        assert key == label.customer_id
        assert (label.is_fraud, label.kind) == (truths[label.transaction_id] is not None, truths[label.transaction_id])
        assert 1_800 <= label.labelled_at - times[label.transaction_id] <= 5_400
        assert label.labelled_at <= newest
    due = [ident for ident, time in times.items() if time + 5_400 < newest - 10]
    assert set(due) <= {label.transaction_id for _, label in labels}
    assert max(Counter(label.transaction_id for _, label in labels).values()) == 1


@pytest.mark.broker
def test_flush_labels_and_seconds_and_a_fixed_rate(run: Run, kafka: Settings) -> None:
    result = run("generate", "--rate", "200/s", "--seconds", 1, "--flush-labels", "--duplicate-rate", 0, "--with-truth")
    assert result.exit_code == 0, result.output
    messages = list(read_all(kafka, kafka.topics.transactions))
    assert len(messages) == pytest.approx(200, abs=40)
    assert all(b'"is_fraud"' in message.value() for message in messages)
    assert len(list(read_all(kafka, kafka.topics.labels))) == len(messages)
    stamps = sorted(message.timestamp()[1] for message in messages)
    assert stamps[-1] - stamps[0] == pytest.approx(1_000, abs=300)


@pytest.mark.broker
def test_ctrl_c_delivers_what_was_sent_and_exits_with_130(kafka: Settings) -> None:
    create_topics(kafka)
    command = [sys.executable, "-c", "from fraud_stream.cli import main; main()", "generate", "--rate", "100/s"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - in the background it is ignored
    )
    try:
        while not list(read_all(kafka, kafka.topics.transactions)):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=20)[1]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in told
    total = int(told.split("total: ")[1].split(" ")[0])
    assert len(list(read_all(kafka, kafka.topics.transactions))) == total
