"""Tables for the tests of the engine."""

from pathlib import Path

import pytest

from fraud_stream.engine.table import ExactTable
from tests.engine.bench import make_app, plain_table


@pytest.fixture(params=["memory://", "rocksdb://"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> ExactTable:
    return plain_table(make_app(tmp_path, store=request.param))


@pytest.fixture
def memory_table() -> ExactTable:
    return plain_table(make_app())
