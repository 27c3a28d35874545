"""What is written of the figures: tables, commands, plots; no browser and no broker."""

import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import contest, document, report
from benchmarks.contest import Result, Sample, between, difference
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Run

MACHINE = {
    "date": "2026-11-22",
    "cpu": "A CPU",
    "cores": 2,
    "system": "Linux",
    "python": "CPython",
    "packages": {"a": "1"},
    "load_average": 0,
}
RESULTS = [
    Result("fraud_stream without its model", Run(1_000, 1.0, 0.05), 1_000_000, 7),
    Result("naive Faust", Run(1_000, 2.0, 1.5), 2_000_000, 6),
    Result("Quix Streams, its own windows", Run(1_000, 1.0, 0.1), 3_000_000, 8),
    Result("Kafka Streams (Java)", Run(1_000, 1.0, 0.075), 4_000_000, 8),
    Result("aiokafka: parses and no more", Run(1_000, 0.01, 0.003), 1_000_000, 0),
]


def found() -> dict[str, Any]:
    return {"peers": {"machine": MACHINE, "broker": "kafka", "found": report.plain(RESULTS)}}


def test_a_table_with_its_command_its_machine_and_what_follows(tmp_path: Path) -> None:
    document.write(found(), tmp_path)
    text = (tmp_path / "performance.md").read_text()
    assert "`.venv/bin/python -m benchmarks peers`" in text
    assert "| naive Faust | 1,000 | 2.00 | 500 | 1,500.0 | 2 | 6 |" in text
    assert (
        "without its model: naive Faust 30.00, Quix Streams, its own windows 2.00, Kafka Streams (Java) 1.50 (" in text
    )
    assert "2026-11-22: A CPU, 2 cores, Linux, CPython; a 1; load average 0.00" in text
    assert "![peers](plots/peers.svg)" in text


def test_plots_are_pictures_and_the_same_figures_give_the_same_file(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        document.write(found(), tmp_path / folder)
    one, two = (tmp_path / folder / "plots" / "peers.svg" for folder in ("one", "two"))
    assert one.read_text() == two.read_text()
    assert ET.parse(one).getroot().tag.endswith("svg")
    assert (tmp_path / "one" / "plots" / "peers.png").read_bytes().startswith(b"\x89PNG")


def test_a_busy_machine_is_told() -> None:
    assert "trust the ratios" in report.machine_lines({**MACHINE, "load_average": 0.9})[-1]
    assert "trust the ratios" not in report.machine_lines({**MACHINE, "load_average": 0.4})[-1]


def test_the_measured_part_is_between_the_commits_behind_its_ends() -> None:
    taken = [Sample(float(n), n / 10, done) for n, done in enumerate((0, 0, 40, 110, 160, 300, 300))]
    begin, end = between(iter(taken), 100, 290)
    assert (begin.done, end.done) == (110, 300)
    run = difference(begin, end)
    assert (run.transactions, run.seconds, round(run.cpu, 9)) == (190, 2.0, 0.2)
    assert all(a.done <= b.done for a, b in pairwise(taken))


def test_too_little_work_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="300 transactions are too few"):
        between(iter([Sample(0.0, 0.0, 0), Sample(1.0, 0.1, 300)]), 100, 300)


def test_a_program_that_commits_nothing_any_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "_PATIENCE", 0.05)
    monkeypatch.setattr(contest, "_LOOK_EVERY", 0.01)

    class Stuck:
        def left(self) -> int:
            return 7

        def read(self) -> Any:
            return Sample(0.0, 0.0, 0)

    with pytest.raises(BenchmarkError, match="nothing is committed any more, after 3 of 10"):
        list(contest.samples([Stuck()], Stuck(), 10))  # type: ignore[list-item,arg-type]
