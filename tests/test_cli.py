import gc
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fraud_stream import __main__, cli
from fraud_stream.domain.rules import RuleError
from fraud_stream.errors import BrokerError
from fraud_stream.version import VERSION

ROOT = Path(__file__).parent.parent


def run_python(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_console_script_has_garbage_looked_for_rarely(monkeypatch):
    """Whoever goes through a file holds the state of all its customers; looking through that took half the time."""
    seen = []
    monkeypatch.setattr(__main__, "main", lambda **_: seen.append(gc.get_threshold()[0]))
    before = gc.get_threshold()
    try:
        __main__.run()
    finally:
        gc.set_threshold(*before)
    assert seen[0] > 100 * before[0]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_there_and_begins_with_its_summary(name):
    command = cli.main.get_command(click.Context(cli.main), name)
    assert command is not None
    assert command.get_short_help_str(120).startswith(cli.COMMANDS[name].summary.removesuffix("."))


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "worker"])
def test_every_command_explains_itself(name):
    result = CliRunner().invoke(cli.main, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_help_imports_no_command():
    code = "import sys\nfrom fraud_stream.cli import main\nmain(['--help'], standalone_mode=False)\n"
    code += (
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('numpy', 'faust', 'msgspec', 'confluent_kafka')))"
    )
    done = run_python("-c", code)
    assert "dead-letters" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_module_is_the_same_as_the_script():
    done = run_python("-m", "fraud_stream", "--version")
    assert done.returncode == 0
    assert done.stdout == f"fraud-stream, version {VERSION}\n"


def test_unknown_command_is_a_usage_error():
    result = CliRunner().invoke(cli.main, ["nonsense"])
    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.output


def run_failing(monkeypatch, error: BaseException):
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: fail)
    return CliRunner().invoke(cli.main, ["fail"])


@pytest.mark.parametrize("error", [BrokerError("no broker"), RuleError("no rule")])
def test_an_error_for_people_is_one_line_and_exit_code_1(monkeypatch, error):
    result = run_failing(monkeypatch, error)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {error}\n"
    assert result.stdout == ""


def test_another_error_keeps_its_traceback(monkeypatch):
    result = run_failing(monkeypatch, ZeroDivisionError("a bug"))
    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_is_quiet_and_exit_code_130(monkeypatch, error):
    result = run_failing(monkeypatch, error)
    assert result.exit_code == 130
    assert result.output == ""


def test_question_that_nobody_answers_is_an_error(monkeypatch):
    ask = click.command()(lambda: click.confirm("Really?"))
    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: ask)
    result = CliRunner().invoke(cli.main, ["ask"], input="")
    assert result.exit_code == 1
    assert "the input ended before the question was answered" in result.stderr


def test_wrong_setting_is_told_without_a_traceback():
    done = run_python("-m", "fraud_stream", "config", FRAUD_STREAM_WEB_PORT="soon")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: [web] port = 'soon'")
    assert "Traceback" not in done.stderr


def test_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m fraud_stream schema --asyncapi | head -1"
    done = subprocess.run(command, check=False, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_worker_is_fausts_own():
    done = run_python("-m", "fraud_stream", "worker", "--help")
    assert done.returncode == 0
    assert "Start worker instance for given app." in done.stdout


def test_worker_tells_a_wrong_setting_before_faust_starts():
    done = run_python("-m", "fraud_stream", "worker", FRAUD_STREAM_BROKER_URL="not a url")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: [broker]")
