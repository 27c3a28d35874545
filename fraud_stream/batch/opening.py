"""Opening the warehouse of the settings."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from fraud_stream.batch.duckdb import DuckDb
from fraud_stream.batch.snowflake import Snowflake
from fraud_stream.batch.tables import SCHEMAS, TABLES
from fraud_stream.batch.warehouse import Warehouse
from fraud_stream.sections import WarehouseSettings

#: What the URL of a DuckDB file begins with.
DUCKDB = "duckdb:///"


@contextlib.contextmanager
def warehouse(settings: WarehouseSettings, *, is_read: bool = False) -> Iterator[Warehouse]:
    """The warehouse, with its tables, for as long as the block lasts; where it is only read, nothing is made.

    Raises:
        WarehouseError: It cannot be opened.
    """
    opened = _opened(settings, is_read=is_read)
    try:
        if not is_read:
            opened.define(*(f"CREATE SCHEMA IF NOT EXISTS {name}" for name in SCHEMAS), *(one.ddl for one in TABLES))
        yield opened
    finally:
        opened.close()


def _opened(settings: WarehouseSettings, *, is_read: bool) -> Warehouse:
    if settings.url.startswith(DUCKDB):
        return DuckDb(Path(settings.url.removeprefix(DUCKDB)), is_read=is_read)
    return Snowflake(settings)
