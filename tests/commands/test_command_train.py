"""`train`, `promote` and `models`, as people use and misuse them."""

import json
import random
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from fraud_stream.announced import announce, read_announced
from fraud_stream.cli import main
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.kafka import create_topics
from fraud_stream.models.artifact import TRUSTED, load
from fraud_stream.models.card import read_card
from fraud_stream.models.forest import FEATURES
from fraud_stream.models.promotion import Promotion, Promotions
from fraud_stream.models.state import ModelState
from fraud_stream.settings import Settings
from tests.harness import produce

START = 1_700_000_000.0
HOUR = 3_600.0
PROMOTED = Promotions().then(Promotion("blend", None, None, START, "ann", "because"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A payment an hour for 50 days; large ones are frauds."""
    rnd, path = random.Random(4), tmp_path_factory.mktemp("history") / "payments.jsonl"
    lines = []
    for n in range(1_200):
        is_fraud = rnd.random() < 0.15
        body = {"transaction_id": f"T{n}", "customer_id": f"C{n % 30}", "timestamp": START + HOUR * n}
        amount = rnd.uniform(100, 400) if is_fraud else rnd.uniform(5, 130)
        lines.append(json.dumps({**body, "merchant_id": "M1", "amount": amount, "is_fraud": is_fraud}))
    path.write_text("\n".join(lines))
    return path


def train(run: Any, file: Path, *options: str) -> Any:
    return run("train", "--input", str(file), "--label-delay", "2d", "--history", "40d", *options)


def test_a_challenger_of_a_file_is_fitted_on_what_is_known_at_its_end_and_saved(run, file, tmp_path):
    path = tmp_path / "deep" / "model.skops"
    result = train(run, file, "--no-announce", "--json", "--output", str(path))
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (told["version"], told["announced"], told["file"]) == (1, False, str(path))
    assert told["trained_to"] == START + HOUR * 1_151  # 2 days before the last
    assert told["learnt"] == 40 * 24
    assert told["held_out"]["challenger"]["roc_auc"] > 0.8
    assert told["held_out"]["online"]["roc_auc"] > 0.5
    assert load(path.read_bytes(), TRUSTED["hist-gradient-boosting"]).n_features_in_ == len(FeatureMaker().names)
    assert "left out 48 payments whose labels are still to come" in result.stderr


def test_the_table_names_all_three(run, file, tmp_path):
    out = train(run, file, "--no-announce", "--output", str(tmp_path / "m")).stdout
    assert "challenger-1: 960 transactions" in out
    assert all(name in out for name in ("held out", "online model, as it scored them", "blend", "not announced"))


@pytest.mark.parametrize(
    ("options", "why", "code"),
    [
        (("--mapping", "handbook"), "name it with --input", 2),
        (("--label-delay", "7d"), "name it with --input", 2),
        (("--input", "no-such-file"), "does not exist", 2),
        (("--history", "0s"), "nothing to learn from", 2),
        (("--most", "1"), "is not in the range", 2),
        ((), "no broker answers at kafka://127.0.0.1:1;", 1),
    ],
)
def test_what_is_wrong_is_told(options, why, code, run, monkeypatch):
    monkeypatch.setattr("fraud_stream.kafka.PATIENCE", 1.0)
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", "kafka://127.0.0.1:1")
    result = run("train", *options)
    assert (result.exit_code, why in result.stderr) == (code, True), result.stderr


def test_what_is_wrong_with_a_file_is_told(run, file, tmp_path):
    unknown = train(run, file, "--no-announce", "--mapping", "nope")
    assert (unknown.exit_code, "nope" in unknown.stderr) == (1, True)
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(file.read_text().splitlines()[:100]))
    result = run("train", "--input", str(few), "--no-announce", "--label-delay", "1h")
    assert result.exit_code == 1
    assert "at least 20 frauds" in result.stderr
    nowhere = train(run, file, "--no-announce", "--output", "/proc/nowhere/model.skops")
    assert (nowhere.exit_code, "choose another --output" in nowhere.stderr) == (1, True)


@pytest.mark.broker
def test_versions_grow_and_only_what_is_there_is_promoted(run, served: Settings, file, tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_STORE_DATADIR", str(tmp_path))
    refused = run("promote", "challenger")
    assert (refused.exit_code, "no challenger is announced" in refused.stderr) == (1, True)
    for version in (1, 2):
        assert train(run, file).exit_code == 0
        assert (tmp_path / "models" / f"challenger-{version}.skops").is_file()
    there = read_announced(served)
    assert there.challenger is not None
    assert (there.challenger.version, there.challenger.features) == (2, list(FeatureMaker().names))
    assert run("promote", "blend", "--reason", "steady").exit_code == 0
    assert run("promote", "setting").exit_code == 0
    told = json.loads(run("models", "--json").stdout)
    assert (told["decides"], told["models"][0]["version"]) == ("online", 2)
    assert [(one["decides"], one["before"], one["reason"]) for one in told["promotions"]] == [
        ("blend", None, "steady"),
        (None, "blend", ""),
    ]
    text = run("models").stdout
    assert "challenger-2" in text
    assert "online decides, by [model] decides" in text
    assert "steady" in text


@pytest.mark.broker
def test_a_challenger_that_workers_would_refuse_is_not_promoted(run, served: Settings, file, tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_STORE_DATADIR", str(tmp_path))
    assert train(run, file).exit_code == 0
    there = read_announced(served).challenger
    assert there is not None
    announce(served, msgspec.structs.replace(there, version=2, data=b"other"))
    result = run("promote", "challenger")
    assert (result.exit_code, "model challenger-2 is damaged" in result.stderr) == (1, True)
    assert run("promote", "online").exit_code == 0


@pytest.mark.broker
def test_what_nobody_can_read_on_the_topic_is_passed_over(run, served: Settings):
    state = ModelState("online", "k", 7, ["a"], 5, 1, {}, 1.0)
    produce(
        served,
        "models",
        [
            ("online", msgspec.json.encode(state)),
            ("challenger", b"{"),
            ("decision", b"\xff"),
            ("somebody", b"x"),
            ("decision", msgspec.json.encode(PROMOTED)),
            ("decision", b"{"),
            ("decision", None),
        ],
    )
    there = read_announced(served)
    assert (there.online, there.challenger, there.promotions) == (state, None, PROMOTED)
    assert "online-7" in run("models").stdout


@pytest.mark.broker
def test_labelled_records_of_no_use_are_counted_and_left_out(run, served: Settings):
    create_topics(served)
    produce(served, "labelled", [(None, b"nonsense"), (None, None)])
    result = run("train")
    assert result.exit_code == 1
    assert "left out 2 records that are no labelled transactions" in result.stderr
    assert "there are no labelled transactions to learn from" in result.stderr


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Payments of 20 days, made by `fraud-stream generate`."""
    path = tmp_path_factory.mktemp("generated") / "payments.jsonl"
    options = (
        "--sample",
        "8000",
        "--rate",
        "400/d",
        "--customers",
        "100",
        "--merchants",
        "20",
        "--fraud-rate",
        "0.1",
    )
    made = CliRunner().invoke(main, ("generate", *options, "--output", str(path), "--quiet"))
    assert made.exit_code == 0, made.output
    return path


@pytest.fixture(scope="module")
def forest(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forest of these, saved."""
    path = tmp_path_factory.mktemp("models") / "forest.skops"
    options = ("--input", str(generated), "--label-delay", "1d", "--no-announce", "--output", str(path))
    result = CliRunner().invoke(main, ("train", "--model", "forest", *options))
    assert result.exit_code == 0, result.output
    return path


def test_a_forest_is_saved_with_its_card(forest: Path, generated: Path) -> None:
    card = read_card(forest)
    assert card is not None
    assert (card.kind, card.file, card.features) == ("random-forest", forest.name, list(FEATURES))
    assert card.sha256 == sha256(forest.read_bytes()).hexdigest()
    assert card.data.source == str(generated)
    assert card.data.learnt + sum(card.data.left_out.values()) <= 8_000
    assert card.held_out is not None
    assert card.data.begins < card.held_out.begins < card.held_out.ends <= card.data.ends  # by time, never at random
    assert card.importances is not None
    assert set(card.importances) == set(FEATURES)
    assert sum(card.importances.values()) == pytest.approx(1.0)
    assert card.libraries.keys() == {"scikit-learn", "skops", "numpy"}


def test_the_figures_of_a_card_are_those_of_its_confusion_matrix(forest: Path) -> None:
    card = read_card(forest)
    assert card is not None
    assert card.test is not None
    assert card.held_out is not None
    found, counts = card.test, card.test.confusion_matrix
    right, wrong = counts.true_positives, counts.false_positives
    assert card.threshold.chosen_by == "best F1"
    assert sum(msgspec.structs.astuple(counts)) == card.held_out.transactions
    assert right + counts.false_negatives == card.held_out.frauds
    assert found.accuracy == pytest.approx((right + counts.true_negatives) / card.held_out.transactions)
    assert found.precision == pytest.approx(right / (right + wrong))
    assert found.recall == pytest.approx(right / card.held_out.frauds)
    assert found.f1 == pytest.approx(2 * right / (2 * right + wrong + counts.false_negatives))
    assert found.average_precision > 3 * card.held_out.frauds / card.held_out.transactions


def test_pictures_lie_beside_the_model(forest: Path) -> None:
    names = {path.name for path in forest.parent.glob("*.png")}
    assert names == {f"forest.{name}.png" for name in ("precision-recall", "confusion", "scores", "importances")}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in forest.parent.glob("*.png"))


@pytest.mark.broker
def test_a_forest_is_announced_and_may_be_promoted(run, served: Settings, file, tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_STORE_DATADIR", str(tmp_path))
    assert train(run, file, "--model", "forest").exit_code == 0
    there = read_announced(served).challenger
    assert there is not None
    assert (there.kind, there.features) == ("random-forest", list(FEATURES))
    assert run("promote", "challenger").exit_code == 0
    assert "random-forest" in run("models").stdout
