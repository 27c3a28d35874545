"""The four notebooks for learners, executed; each tells what it claims to, by figures of its own run."""

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest

from fraud_stream.broker import free_port
from tests.harness import ROOT
from tests.notebooks.executed import run_cells

NAMES = ("1_ingestion", "2_features", "3_model_and_serving", "4_monitoring")
pytestmark = [pytest.mark.broker, pytest.mark.embedded]


class Lesson:
    """An executed notebook."""

    def __init__(self, cells: dict[str, Any]) -> None:
        self._cells = cells

    def shown(self, cell: str) -> str:
        """What a cell shows or prints, as plain text."""
        parts = (one.get("text") or one["data"]["text/plain"] for one in self._cells[cell]["outputs"])
        return "\n".join(parts)

    def rows(self, cell: str) -> list[list[str]]:
        """The lines of that, word by word."""
        return [line.split() for line in self.shown(cell).splitlines()]

    def pictures(self) -> list[str]:
        """The cells that show one."""
        outputs = ((name, one) for name, cell in self._cells.items() for one in cell["outputs"])
        return [name for name, one in outputs if "image/png" in one.get("data", {})]


def read(name: str, folder: Path) -> Lesson:
    """A notebook, executed on ports of its own."""
    ports = {
        "FRAUD_STREAM_BROKER_URL": f"kafka://127.0.0.1:{free_port()}",
        "FRAUD_STREAM_WEB_PORT": str(free_port()),
    }
    lesson = Lesson(run_cells(ROOT / "notebooks" / f"{name}.ipynb", ports, folder))
    assert lesson.pictures() == ["picture"]
    return lesson


def test_ingestion(tmp_path: Path) -> None:
    lesson = read("1_ingestion", tmp_path)
    counts = {row[0]: int(row[1]) for row in lesson.rows("read")[2:]}
    assert sum(counts.values()) == 3_000
    assert {"accepted", "duplicate", "undecodable", "bad_amount"} <= set(counts)
    assert "observer.observe(transaction, record.offset, state)" in lesson.shown("own")


def test_features(tmp_path: Path) -> None:
    lesson = read("2_features", tmp_path)
    counts = [tuple(float(part) for part in row[2:]) for row in lesson.rows("picture")[2:]]
    assert len(counts) == 25
    assert max(newest for newest, _, _ in counts) == 3
    assert all(newest <= hopping <= exact <= hopping + 2 for newest, hopping, exact in counts)
    assert lesson.shown("own").startswith(
        "26 decided, 20 alerted; the first: Reason(source='rule', name='velocity-count'"
    )


def test_model_and_serving(tmp_path: Path) -> None:
    lesson = read("3_model_and_serving", tmp_path)
    measured = [float(row[2]) for row in lesson.rows("picture")[2:]]
    assert len(measured) == 8
    assert measured[0] < 0.2
    assert min(measured[4:]) > 0.5
    assert "payments have been scored" in lesson.shown("own")
    levels = [row[1] for row in lesson.rows("predict")[1:4]]
    assert levels[1:] == ["MEDIUM", "HIGH"]


def test_monitoring(tmp_path: Path) -> None:
    lesson = read("4_monitoring", tmp_path)
    counts = [tuple(int(part) for part in row[2:]) for row in lesson.rows("picture")[2:]]
    assert max(come - decided for come, decided in counts) > 200, "there was a backlog"
    assert counts[-1][1] > 0.97 * counts[-1][0], "it is worked off"
    waiting, by_law = (float(line.rsplit(" ", 1)[1].replace(",", "")) for line in law(lesson))
    assert waiting == pytest.approx(by_law, rel=0.15)
    assert "0 transactions wait" in lesson.shown("own")


def law(lesson: Lesson) -> list[str]:
    """Both sides of Little's law, each at the end of a line."""
    first, second = lesson.shown("little").strip().splitlines()
    return [first.removesuffix(" payments wait"), second]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_committed_without_outputs_and_defines_next_to_nothing(name: str) -> None:
    """It ends in the application's own code, not in a copy of it."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    defined = [
        node for cell in cells for node in ast.walk(ast.parse(await_free(cell["source"]))) if is_definition(node)
    ]
    assert len(defined) <= 1
    own = next(cell["source"] for cell in cells if cell["id"] == "own")
    assert "stage." in own or "import" in own


def await_free(source: str) -> str:
    """A cell as Python reads it: notebooks allow `await` outside of functions."""
    return source.replace("await ", "")


def is_definition(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef)
