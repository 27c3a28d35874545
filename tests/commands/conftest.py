import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fraud_stream.cli import main
from fraud_stream.kafka import create_topics
from fraud_stream.sections import PREFIX
from fraud_stream.settings import FILE_VARIABLE, Settings, load

ROOT = Path(__file__).parent.parent.parent
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def shipped_settings(monkeypatch):
    """The shipped file alone, whatever the developer's own environment says."""
    for variable in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv(FILE_VARIABLE, str(ROOT / "faust.conf"))


@pytest.fixture
def run() -> Run:
    """Runs the command line as people do: ``run("topics", "--json")``."""
    return lambda *arguments, **options: CliRunner().invoke(main, arguments, **options)


@pytest.fixture
def served(monkeypatch, broker_port: int) -> Settings:
    """A broker with the topics, and settings that lead to it."""
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", f"kafka://127.0.0.1:{broker_port}")
    monkeypatch.setenv("FRAUD_STREAM_TOPICS_PARTITIONS", "2")
    settings = load().settings
    create_topics(settings)
    return settings
