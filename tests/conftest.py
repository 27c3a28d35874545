"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import ROOT, a_broker


@pytest.fixture
def broker_port(tmp_path: Path) -> Iterator[int]:
    """A broker of the test's own: what one test leaves on topics must not reach another."""
    with a_broker(tmp_path) as port:
        yield port


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The data sets that lie beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the data sets are not at {folder}")
    return folder
