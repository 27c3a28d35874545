import json
from pathlib import Path

import numpy as np
import pytest

START = 1_700_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Payments of which the amounts are doubled half-way."""
    rng = np.random.default_rng(1)
    lines = [
        {
            "transaction_id": f"T{n}",
            "customer_id": f"C{n % 40}",
            "timestamp": START + n * 600,
            "amount": round(float(rng.lognormal(2.0, 0.5)) * (1 if n < 4_000 else 2), 2),
            "is_fraud": bool(rng.random() < 0.02),
        }
        for n in range(8_000)
    ]
    path = tmp_path / "payments.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_drifts_for_people_and_for_programs(run, file):
    result = run("drift", str(file))
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    assert line.startswith("2023-12-1")
    assert "Z  log_amount  the typical amount rose from 7." in line
    assert result.stderr.startswith("looked at 8,000 transactions and 1")
    (found,) = map(json.loads, run("drift", str(file), "--json").stdout.splitlines())
    assert found["stream"] == "log_amount"
    assert START + 4_000 * 600 < found["time"] < START + 5_000 * 600
    assert found["change"]["count"] < 1_000


def test_a_lesser_delta_finds_it_later(run, file):
    times = [
        json.loads(run("drift", str(file), "--json", "--delta", delta).stdout)["time"] for delta in ("0.1", "1e-9")
    ]
    assert times[0] < times[1]


@pytest.mark.parametrize("delta", ["0", "1", "nan"])
def test_a_delta_is_between_0_and_1(run, file, delta):
    assert run("drift", str(file), "--delta", delta).exit_code == 2
