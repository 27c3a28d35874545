"""The warehouse in a DuckDB file: what there is without any other."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from fraud_stream.batch.warehouse import PART, Change, Insert, insert_sql, sliced
from fraud_stream.errors import WarehouseError

#: What rows are called on their way in: the argument of `_insert`.
_STAGED = "staged_rows"
#: Parts are so many of DuckDB's own, of 2,048 rows.
_VECTORS = PART // 2_048


class DuckDb:
    """A DuckDB file; one process has it at a time.

    Args:
        path: The file, made where it is missing.
        is_read: Whether it is only read, and so neither made nor kept from other readers.

    Raises:
        WarehouseError: It cannot be opened.
    """

    def __init__(self, path: Path, *, is_read: bool = False) -> None:
        self.place = str(path)
        if is_read and not path.exists():
            raise WarehouseError(f"there is no warehouse at {path} yet; `fraud-stream pipeline run` makes it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = duckdb.connect(str(path), read_only=is_read)
        except OSError as error:
            raise WarehouseError(f"cannot make the folder of {path}: {error.strerror}") from None
        except duckdb.Error as error:
            raise WarehouseError(_not_opened(path, error)) from None

    def rows(self, sql: str, *values: Any) -> pd.DataFrame:
        """What a question finds."""
        try:
            found: pd.DataFrame = self._connection.execute(sql, values).df()
        except duckdb.Error as error:
            raise self._refused(error) from None
        return found.rename(columns=str.lower)

    def parts(self, sql: str, *values: Any) -> Iterator[pd.DataFrame]:
        """What a question finds, in parts; by a connection of its own, as another question would end it."""
        try:
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(sql, values)
                while len(part := cursor.fetch_df_chunk(_VECTORS)):
                    yield from sliced(part)
        except duckdb.Error as error:
            raise self._refused(error) from None

    def apply(self, *changes: Change) -> list[int]:
        """Make changes in one transaction."""
        self._connection.begin()
        try:
            counts = [self._apply(change) for change in changes]
            self._connection.commit()
        except BaseException as error:
            self._connection.rollback()
            if isinstance(error, duckdb.Error):
                raise self._refused(error) from None
            raise
        return counts

    def define(self, *statements: str) -> None:
        """Run statements that define something."""
        try:
            for sql in statements:
                self._connection.execute(sql)
        except duckdb.Error as error:
            raise self._refused(error) from None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _apply(self, change: Change) -> int:
        if isinstance(change, Insert):
            return sum(self._insert(change, part) for part in change.parts)
        count = self._count(change.sql, change.values)
        if change.rows not in (None, count):
            raise WarehouseError(f"{self.place}: another run has changed it meanwhile; run this one again")
        return count

    def _insert(self, change: Insert, staged_rows: pa.Table) -> int:
        """Add a part, which DuckDB finds by its name here: one that is registered is held until the end of all."""
        found = self._connection.execute(insert_sql(change, _STAGED)).fetchone()
        return int(found[0]) if found else 0

    def _count(self, sql: str, values: tuple[Any, ...]) -> int:
        found = self._connection.execute(sql, values).fetchone()
        return int(found[0]) if found else 0

    def _refused(self, error: duckdb.Error) -> WarehouseError:
        return WarehouseError(f"{self.place}: {str(error).splitlines()[0]}")


def _not_opened(path: Path, error: duckdb.Error) -> str:
    if "could not set lock" in str(error).lower():
        return f"{path} is open in another program, and DuckDB lets one have it at a time: close that one first"
    return f"cannot open {path} as a DuckDB file: {str(error).splitlines()[0]}"
