"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud_stream import broker as embedded
from tests.harness import ROOT


@pytest.fixture
def broker_port(tmp_path: Path) -> Iterator[int]:
    """An embedded broker of the test's own: what one test leaves on topics must not reach another."""
    port = embedded.free_port()
    with embedded.running(port, tmp_path / "broker.log"):
        yield port


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data sets that lie beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets are not at {folder}")
    return folder
