"""The simulated worker: laws that any queue keeps, and the calibration."""

import math
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks.simulation import OURS, Cost, Measured, calibrate, hottest, main, simulate

COST = Cost(chunk=0.0008, each=0.00007)


@pytest.mark.parametrize("rate", [100.0, 2_000.0, 10_000.0])
def test_littles_law(rate: float) -> None:
    found = simulate(rate, COST, seconds=3.0)
    assert found.inside == pytest.approx(found.rate * found.mean_wait, rel=1e-6)
    assert found.rate == pytest.approx(rate, rel=0.1)


def test_alone_it_takes_the_time_of_a_chunk_of_one() -> None:
    found = simulate(1.0, COST, seconds=30.0)
    assert found.waits.p50 == pytest.approx(1_000 * COST.of(1))
    assert found.each == pytest.approx(COST.of(1))


def test_chunks_grow_with_the_load_and_a_transaction_becomes_cheaper() -> None:
    costs = [simulate(rate, COST, seconds=2.0).each for rate in (100.0, 1_000.0, 5_000.0, 12_000.0)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 1.2 * COST.each


def test_beyond_the_greatest_rate_the_queue_grows() -> None:
    greatest = 1 / COST.each
    assert simulate(0.9 * greatest, COST, seconds=3.0).waits.longest < 200
    assert simulate(1.5 * greatest, COST, seconds=3.0).waits.longest > 1_000


def test_a_pause_is_waited_out_and_caught_up() -> None:
    found = simulate(2_000.0, COST, seconds=10.0, pause=4.0)
    assert found.waits.longest == pytest.approx(4_000, rel=0.1)
    assert found.waits.p50 < 1_000


def test_calibration_finds_the_cost_it_was_made_of() -> None:
    cost = COST._replace(idle=0.0004)
    made = simulate(1_000.0, cost, seconds=2.0)
    found = calibrate(cost.each, Measured(1_000.0, made.each, made.waits.p50 / 1e3))
    assert found.chunk == pytest.approx(cost.chunk, rel=0.1)
    assert found.chunk + found.idle == pytest.approx(cost.chunk + cost.idle, rel=0.1)
    again = simulate(4_000.0, found, seconds=2.0)
    assert again.each == pytest.approx(simulate(4_000.0, cost, seconds=2.0).each, rel=0.1)


def test_waiting_between_chunks_makes_them_larger_and_cheaper() -> None:
    assert simulate(4_000.0, COST._replace(idle=0.002), seconds=2.0).each < simulate(4_000.0, COST, seconds=2.0).each


def test_the_hottest_of_many_workers() -> None:
    assert hottest(1, 10) == 1.0
    assert hottest(10, 1_000_000) < hottest(100, 1_000_000) < 1.1
    assert hottest(100, 1_000) == pytest.approx(1 + math.sqrt(2 * math.log(100) / 10))


def figures(folder: Path, **parts: object) -> str:
    path = folder / "figures.json"
    path.write_bytes(msgspec.json.encode(parts))
    return str(path)


def test_the_command_plans_from_measured_figures(tmp_path: Path) -> None:
    runs = [
        {"name": OURS, "rate": rate, "worker": {"cpu_us_per_transaction": cost}, "to_decision": {"p50": 5.0}}
        for rate, cost in ((1_000.0, 600.0), (5_000.0, 150.0))
    ]
    full = {"ours": {"cpu_us_per_transaction": 70.0}}
    path = figures(tmp_path, throughput={"found": full}, latency={"found": runs})
    done = CliRunner().invoke(main, [path])
    assert done.exit_code == 0, done.output
    assert "70.0 us for each transaction" in done.output
    assert "1,000,000" in done.output
    assert "117" in done.output  # 1,000,000 * 70 us / 0.6


@pytest.mark.parametrize("text", ["{}", "[]", '{"throughput": {"found": {"ours": 1}}, "latency": {"found": []}}'])
def test_without_the_figures_it_says_what_to_measure(text: str, tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_text(text)
    done = CliRunner().invoke(main, [str(tmp_path / "figures.json")])
    assert done.exit_code == 1
    assert "measure `throughput` and `latency` first" in done.output


def test_a_file_that_is_no_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_text("no")
    done = CliRunner().invoke(main, [str(tmp_path / "figures.json")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
