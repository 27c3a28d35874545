import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from fraud_stream.cli import main
from tests.evaluation.test_prequential import START, payments


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate") / "payments.jsonl"
    lines = [
        msgspec.json.encode({**msgspec.to_builtins(one.transaction), "is_fraud": one.is_fraud}) for one in payments(12)
    ]
    path.write_bytes(b"\n".join([*lines, b"no transaction", b'{"amount": 5, "is_fraud": true}']))
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_a_table_of_the_contestants_and_pictures(file: Path, tmp_path: Path) -> None:
    found = run(file, "--label-delay", "1d", "--plots", tmp_path / "plots")
    assert found.exit_code == 0, found.output
    for name in ("online", "challenger", "blend", "rules", "half-space trees"):
        assert name in found.stdout
    assert "would have alerted" not in found.stdout
    assert "865 transactions" in found.stdout
    assert "published" not in found.stdout
    pictures = sorted((tmp_path / "plots").iterdir())
    assert [path.name for path in pictures] == ["calibration.png", "precision-recall.png", "weeks.png"]
    assert all(path.stat().st_size > 5_000 for path in pictures)


def test_without_the_challenger(file: Path) -> None:
    said = json.loads(run(file, "--label-delay", "1d", "--no-challenger", "--json").stdout)["contestants"]
    assert said["challenger"] is None
    assert said["blend"] == said["online"]


def test_what_the_worker_would_have_alerted(file: Path) -> None:
    found = run(file, "--label-delay", "1d", "--no-challenger", "--alerts")
    assert found.exit_code == 0, found.output
    lines = {line.split("  ")[0]: line.split() for line in found.stdout.splitlines()}
    assert {"rules", "model", "unusual, cold start", "unusual, in doubt", "all"} <= lines.keys()
    assert float(lines["all"][-1]) > 0.8
    said = json.loads(run(file, "--label-delay", "1d", "--no-challenger", "--alerts", "--json").stdout)
    assert [one["name"] for one in said["alerts"]] == [
        "rules",
        "model",
        "unusual, cold start",
        "unusual, in doubt",
        "all",
    ]


def test_json_of_a_test_between_two_moments(file: Path) -> None:
    found = run(file, "--label-delay", "1d", "--from", START + 8 * 86_400, "--to", START + 9 * 86_400, "--json")
    said = json.loads(found.stdout)
    assert (said["test"]["begin"], said["test"]["transactions"]) == (START + 8 * 86_400, 240)
    assert said["contestants"]["online"]["average_precision"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--label-delay", "soon"), "no length of time"),
        (("--from", "never"), "no time"),
        (("--mapping", "nowhere.conf"), "nowhere.conf"),
        (("--mapping", "handbook"), "no row is a transaction with a label"),
        (("--from", "2030-01-01"), "has not both frauds and genuine payments"),
    ],
)
def test_what_cannot_be_judged_is_told_in_one_line(arguments: tuple[str, ...], said: str, file: Path) -> None:
    found = run(file, *arguments)
    assert found.exit_code in (1, 2)
    assert said in found.output
    assert "Traceback" not in found.output
