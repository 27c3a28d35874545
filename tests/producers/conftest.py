"""What the producers' tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fraud_stream.cli import main
from fraud_stream.settings import Settings, load


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Runs a command of `fraud-stream` with an empty configuration."""
    conf = tmp_path / "empty.conf"
    conf.write_text("")
    monkeypatch.setenv("FRAUD_STREAM_CONF", str(conf))
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch, run: Callable[..., Result], broker_port: int) -> Settings:
    """The settings that lead to a broker of the test's own; commands are run with them."""
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", f"kafka://127.0.0.1:{broker_port}")
    return load().settings
