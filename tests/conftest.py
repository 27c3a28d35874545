"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import ROOT, a_broker

#: Threads of scikit-learn wait for each other in loops; where the cores have other work, that takes many times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")


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
