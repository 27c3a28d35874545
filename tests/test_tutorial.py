"""docs/tutorial.md: every command is run, in order, and prints what the page says."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud_stream.broker import free_port
from tests.fenced import Shell, Step, missing, steps
from tests.harness import ROOT

PAGE = (ROOT / "docs" / "tutorial.md").read_text()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A folder like a clone in which `make demo` has installed everything already."""
    for name in ("Makefile", "faust.conf", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.prefix) / "bin")
    (tmp_path / ".venv" / "runtime").touch()
    broker, pages = str(free_port()), str(free_port())
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("FRAUD_STREAM_", "TEST_", "DEMO_"))}
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    settings = {"FRAUD_STREAM_BROKER_URL": f"kafka://127.0.0.1:{broker}", "FRAUD_STREAM_WEB_PORT": pages}
    environ = {**ours, **settings, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    shell = Shell(tmp_path, environ, {"9092": broker, "6066": pages})
    yield shell
    shell.close()


@pytest.mark.broker
@pytest.mark.embedded
def test_every_command_prints_what_the_page_says(shell: Shell) -> None:
    for step in steps(PAGE):
        shell.run(step)
    assert 0 in shell.close(), "Ctrl-C ends the worker well"


def test_there_is_something_to_run() -> None:
    found = steps(PAGE)
    assert len(found) > 15
    assert sum(bool(step.shown) for step in found) > 12


def test_a_port_of_ours_may_have_one_of_the_pages_in_it(tmp_path: Path) -> None:
    shell = Shell(tmp_path, os.environ, {"9092": "60669", "6066": "35549"})
    shell.run(Step("echo 9092 6066\n", "", ("9092 6066",)))
    shell.run(Step("echo $((9091 + 51578))\n", "", ("9092",)))


@pytest.mark.parametrize(
    ("shown", "lacks"),
    [
        (("a b",), None),
        (("one …",), None),
        (("a b", "one two"), None),
        (("one two", "a b"), "a b"),
        (("one",), "one"),
        (("…three",), "…three"),
    ],
)
def test_what_is_not_printed_is_found_out(shown: tuple[str, ...], lacks: str | None) -> None:
    assert missing(shown, "a   b\n  one two\n") == lacks
