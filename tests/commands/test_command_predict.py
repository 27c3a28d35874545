"""`predict`, as people use and misuse it."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from fraud_stream.announced import announce
from fraud_stream.cli import main
from fraud_stream.commands import predict as module
from fraud_stream.commands.evaluate import labelled
from fraud_stream.commands.labelled_history import from_payments
from fraud_stream.commands.predict import Places
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake
from fraud_stream.domain.sliding import DAY
from fraud_stream.errors import OutputFileError
from fraud_stream.evaluation.training_set import TrainingSet, transaction_number
from fraud_stream.files.mapping import load_mapping
from fraud_stream.models.artifact import digest, dump, libraries
from fraud_stream.models.batch import BatchModel
from fraud_stream.models.forest import FEATURES
from fraud_stream.settings import Settings, load
from tests.harness import ROOT
from tests.prediction.saved import FITTED, expected, rows, save

COLUMNS = ["transaction_id", "amount", "is_fraud", "fraud_probability", "risk_level"]
#: What the summary has, whatever else it has.
WANTED = {
    "total_transactions",
    "fraudulent_transactions",
    "normal_transactions",
    "fraud_rate",
    "avg_fraud_probability",
    "high_risk_count",
    "medium_risk_count",
    "low_risk_count",
    "processing_time_seconds",
    "timestamp",
}


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 payments of 30 days with labels, by `fraud-stream generate`."""
    path = tmp_path_factory.mktemp("payments") / "payments.jsonl"
    options = ("--rate", "100/d", "--customers", "50", "--duplicate-rate", "0.02", "--broken-rate", "0.01")
    made = CliRunner().invoke(main, ("generate", "--sample", "3000", *options, "--output", str(path), "--quiet"))
    assert made.exit_code == 0, made.output
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("model") / "forest.skops")


def predict(run: Any, model: Path, source: Path, output: Path, *options: str) -> Any:
    return run("predict", "--model", str(model), "--input", str(source), "--output", str(output), *options)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_payments_are_predicted_with_the_features_that_the_stream_computes(run, payments, model, tmp_path):
    result = predict(run, model, payments, tmp_path / "p.csv")
    assert result.exit_code == 0, result.output
    said = {one["transaction_id"]: float(one["fraud_probability"]) for one in read(tmp_path / "p.csv")}
    settings, history = load().settings, TrainingSet(400 * DAY, 1_000_000)
    found = labelled(payments, load_mapping("identity"), Intake(limits=settings.intake_limits))
    from_payments(settings, found, 7 * DAY, history)
    columns = history.columns()
    chosen = columns.rows[:, [FeatureMaker().names.index(name) for name in FEATURES]]
    wanted = dict(zip(columns.ids.tolist(), expected(chosen), strict=True))
    customers = {}
    for line in payments.read_bytes().splitlines():
        one = msgspec.json.decode(line) if line.startswith(b"{") and line.endswith(b"}") else {}
        customers[one.get("transaction_id")] = one.get("customer_id") or one.get("user_id")
    numbers = {transaction_number(str(customers[ident]), ident): ident for ident in said if ident in customers}
    same = [abs(said[numbers[number]] - score) < 2e-6 for number, score in wanted.items() if number in numbers]
    assert len(same) > 1_500
    assert all(same)


def test_every_row_is_predicted_or_rejected_with_line_and_reason(run, payments, model, tmp_path):
    told = json.loads(predict(run, model, payments, tmp_path / "p.csv", "--json").stdout)
    assert json.loads((tmp_path / "prediction_summary.json").read_text()) == told
    found = read(tmp_path / "p.csv")
    rejects = [json.loads(line) for line in (tmp_path / "p.rejects.jsonl").read_text().splitlines()]
    assert list(found[0]) == COLUMNS
    assert len(found) + len(rejects) == len(payments.read_bytes().splitlines())
    assert {"duplicate"} < {one["reason"] for one in rejects}
    lines = payments.read_bytes().splitlines()
    for one in rejects:
        if one["transaction_id"] is not None:
            assert one["transaction_id"].encode() in lines[one["line"] - 1]
    assert sum(told["rejected"].values()) == len(rejects)


def test_the_summary_counts_what_was_written(run, payments, model, tmp_path):
    told = json.loads(predict(run, model, payments, tmp_path / "p.csv", "--threshold", "0.2", "--json").stdout)
    found = read(tmp_path / "p.csv")
    assert told.keys() > WANTED
    assert told["total_transactions"] == len(found)
    assert told["fraudulent_transactions"] == sum(one["is_fraud"] == "true" for one in found) > 0
    assert told["normal_transactions"] == len(found) - told["fraudulent_transactions"]
    assert told["fraud_rate"] == told["fraudulent_transactions"] / len(found)
    scores = [float(one["fraud_probability"]) for one in found]
    assert told["avg_fraud_probability"] == pytest.approx(sum(scores) / len(scores), abs=1e-5)
    for level in ("high", "medium", "low"):
        assert told[f"{level}_risk_count"] == sum(one["risk_level"] == level.upper() for one in found)
    assert (told["threshold"], told["threshold_from"]) == (0.2, "--threshold")
    assert (told["features"], told["model_sha256"]) == ("computed", digest(model.read_bytes()))


def archive(folder: Path, count: int) -> Path:
    """A file with the features."""
    drawn, path = rows(count, 9), folder / "archive.csv"
    header = ["transaction_id", "amount", *(f"features.{name}" for name in FEATURES)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"T{n}", row[0], *row] for n, row in enumerate(drawn.tolist()))
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_with_the_features_is_predicted_by_them_into_any_format(kind, run, model, tmp_path):
    output = tmp_path / "out" / f"p.{kind}"
    told = json.loads(predict(run, model, archive(tmp_path, 500), output, "--json").stdout)
    assert (told["features"], told["total_transactions"], told["rejected"]) == ("columns", 500, {})
    if kind == "csv":
        found = [float(one["fraud_probability"]) for one in read(output)]
    elif kind == "jsonl":
        found = [json.loads(line)["fraud_probability"] for line in output.read_text().splitlines()]
    else:
        table = pq.read_table(output)
        assert table.column_names == COLUMNS
        found = table["fraud_probability"].to_pylist()
    assert found == pytest.approx(expected(rows(500, 9)), abs=2e-6)
    assert {path.name for path in output.parent.iterdir()} == {output.name, "prediction_summary.json"}


def test_nothing_is_overwritten_unless_told(run, model, tmp_path):
    source, output = archive(tmp_path, 50), tmp_path / "p.csv"
    output.write_text("mine")
    refused = predict(run, model, source, output)
    assert (refused.exit_code, "--force overwrites it" in refused.stderr) == (1, True)
    assert output.read_text() == "mine"
    assert predict(run, model, source, output, "--force").exit_code == 0
    assert len(read(output)) == 50
    same = predict(run, model, source, source, "--force")
    assert (same.exit_code, "choose another --output" in same.stderr) == (1, True)
    assert len(read(source)) == 50


def test_a_failure_leaves_nothing_behind(run, model, tmp_path):
    source = tmp_path / "no.jsonl"
    source.write_text('{"a": 1}\nnonsense\n')
    output = tmp_path / "out" / "p.csv"
    result = predict(run, model, source, output)
    assert (result.exit_code, "no row is a transaction" in result.stderr) == (1, True)
    assert "Traceback" not in result.output
    assert not list(output.parent.iterdir())


@pytest.mark.parametrize(
    ("options", "why", "code"),
    [
        (("--output", "p.txt"), "unknown format '.txt'; known are .csv, .jsonl, .ndjson, .parquet", 1),
        (("--output", "/proc/nowhere/p.csv"), "cannot write /proc/nowhere/p.rejects.jsonl", 1),
        (("--threshold", "2"), "not in the range", 2),
        (("--mapping", "nope"), "there is no mapping 'nope'", 1),
        (("--input", "no-such-file"), "does not exist", 2),
        (("--model", "no-such-file"), "does not exist", 2),
    ],
)
def test_what_is_wrong_is_told(options, why, code, run, model, tmp_path):  # noqa: PLR0917 - fixtures
    result = predict(run, model, archive(tmp_path, 5), tmp_path / "p.csv", *options)
    assert (result.exit_code, why in result.stderr) == (code, True), result.stderr


def test_a_model_that_is_none_is_refused(run, tmp_path):
    broken = tmp_path / "m.skops"
    broken.write_bytes(b"PK")
    result = predict(run, broken, archive(tmp_path, 5), tmp_path / "p.csv")
    assert (result.exit_code, "cannot be used: BadZipFile" in result.stderr) == (1, True)


def test_payments_that_go_backwards_are_told_and_can_be_sorted(run, payments, model, tmp_path):
    source = tmp_path / "back.jsonl"
    source.write_bytes(b"\n".join(payments.read_bytes().splitlines()[::-1]))
    assert "earlier than the one before" in predict(run, model, source, tmp_path / "p.csv").stdout
    told = json.loads(predict(run, model, source, tmp_path / "p.csv", "--force", "--sort", "--json").stdout)
    assert told["backwards"] == 0


@pytest.mark.broker
def test_without_a_file_the_announced_challenger_predicts(run, served: Settings, tmp_path):
    source, options = archive(tmp_path, 20), ("--output", str(tmp_path / "p.csv"))
    missing = run("predict", "--input", str(source), *options)
    assert (missing.exit_code, "no challenger is announced; name a file" in missing.stderr) == (1, True)
    data = dump(FITTED.classifier, FEATURES)
    made = libraries(), digest(data), 5.0, data
    announce(served, BatchModel("challenger", "random-forest", 3, list(FEATURES), "v", 9, 3, 1.0, 2.0, None, *made))
    told = json.loads(run("predict", "--input", str(source), *options, "--json").stdout)
    assert (told["model"], told["threshold_from"]) == ("challenger-3", "[model] alert_threshold")
    assert [float(one["fraud_probability"]) for one in read(tmp_path / "p.csv")] == expected(rows(20, 9))


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux")
def test_memory_does_not_grow_with_the_file(model, tmp_path):
    """Of files of 15 and 75 MB; the features of the difference would take 70 MB, and its text 60."""
    lines = archive(tmp_path, 10_000).read_text().splitlines(keepends=True)
    peaks = []
    for times in (10, 50):
        source = tmp_path / f"{times}.csv"
        with source.open("w") as file:
            file.write(lines[0])
            file.writelines("".join(lines[1:]) for _ in range(times))
        peaks.append(peak(model, source, tmp_path / f"{times}.out.parquet"))
        source.unlink()
    assert peaks[1] - peaks[0] < 45_000


def peak(model: Path, source: Path, output: Path) -> int:
    """The most memory that it took, kilobytes."""
    code = (
        "import resource, sys; from fraud_stream.cli import main; main(sys.argv[1:], standalone_mode=False);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    options = ("--model", model, "--input", source, "--output", output, "--force", "--quiet")
    command = (sys.executable, "-c", code, "predict", *map(str, options))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def test_the_rows_that_the_fixture_draws_are_no_constant() -> None:
    assert np.ptp(expected(rows(500, 9))) > 0.3


def test_several_files_may_be_predicted_into_one_folder(run, model, tmp_path):
    source = archive(tmp_path, 5)
    for name in ("a", "b"):
        summary = tmp_path / f"{name}.json"
        done = predict(run, model, source, tmp_path / f"{name}.csv", "--summary", str(summary))
        assert (done.exit_code, json.loads(summary.read_text())["total_transactions"]) == (0, 5)


def test_a_mapping_that_says_what_to_sort_by_is_followed(run, model, tmp_path):
    """As in the public exercise, the newest row comes first."""
    source = tmp_path / "f.csv"
    header = "transaction_id,merchant_id,user_id,card_number,transaction_date,transaction_amount,device_id,has_cbk"
    lines = [f"{n},1,2,3,2019-11-{30 - n}T10:00:00.5,{n},4,FALSE" for n in range(1, 9)]
    source.write_text("\n".join([header, *lines]))
    told = json.loads(predict(run, model, source, tmp_path / "p.csv", "--mapping", "messy", "--json").stdout)
    assert (told["total_transactions"], told["backwards"]) == (8, 0)
    assert [one["transaction_id"] for one in read(tmp_path / "p.csv")] == [str(n) for n in range(8, 0, -1)]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_file_that_is_cut_off_or_empty_is_told(kind, run, model, tmp_path):
    source = tmp_path / f"f.{kind}"
    source.write_bytes(b"PAR1" if kind == "parquet" else b"")
    result = predict(run, model, source, tmp_path / "p.csv")
    assert (result.exit_code, str(source) in result.stderr, "Traceback" in result.output) == (1, True, False)


@pytest.mark.parametrize("features", ["features.", "other."])
def test_a_damaged_parquet_file_is_told_and_leaves_nothing(features, run, model, tmp_path):
    """With features and without them."""
    drawn, source, output = rows(5_000, 3), tmp_path / "f.parquet", tmp_path / "out" / "p.csv"
    columns = {features + name: column for name, column in zip(FEATURES, drawn.T, strict=True)}
    ids, times = [f"T{n}" for n in range(5_000)], np.arange(5_000) + 1.7e9
    named = {"transaction_id": ids, "customer_id": ids, "timestamp": times, "amount": drawn[:, 0]}
    pq.write_table(pa.table({**named, **columns}), source)
    data = bytearray(source.read_bytes())
    data[1_000 : len(data) // 2] = bytes(len(data) // 2 - 1_000)
    source.write_bytes(data)
    result = predict(run, model, source, output)
    assert (result.exit_code, f"{source}, behind row 0" in result.stderr) == (1, True), result.output
    assert not list(output.parent.iterdir())


def test_where_predictions_cannot_be_written_what_is_there_stays(run, payments, model, tmp_path, monkeypatch):
    output = tmp_path / "p.csv"
    assert predict(run, model, payments, output).exit_code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    real = module.writing

    @contextmanager
    def full(path: Path) -> Iterator[Any]:
        with real(path) as write:
            yield write
            raise OutputFileError(f"cannot write {path}: no space left on device")

    monkeypatch.setattr(module, "writing", full)
    shorter = tmp_path / "shorter.jsonl"
    shorter.write_bytes(b"".join(payments.read_bytes().splitlines(keepends=True)[:500]))
    failed = predict(run, model, shorter, output, "--force")
    assert failed.exit_code == 1
    assert "no space left" in failed.output
    shorter.unlink()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("other", ["predictions.csv", "rejects", "model"])
def test_no_file_of_a_command_is_written_over_another(run, payments, model, tmp_path, other):
    output = tmp_path / "predictions.csv"
    summary = {"predictions.csv": output, "rejects": Places.beside(output, None).rejects, "model": model}[other]
    done = predict(run, model, payments, output, "--summary", str(summary), "--force")
    assert done.exit_code == 1
    assert "choose another --" in done.output
    assert not output.exists()
