"""The warehouse in Snowflake, by its own connector, which is an extra of the package."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pandas as pd

from fraud_stream.batch.warehouse import Change, Insert, insert_sql, sliced
from fraud_stream.errors import WarehouseError
from fraud_stream.sections import PREFIX, WarehouseSettings

_OPTIONS = ("warehouse", "role")
#: Times are UTC, and have no zone: as DuckDB has them.
_SESSION = {"TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ", "TIMEZONE": "UTC"}


class Snowflake:
    """A database of Snowflake.

    Args:
        settings: Where it is, and what lets one in.

    Raises:
        WarehouseError: The connector is not installed, the address is none, or Snowflake lets nobody in.
    """

    def __init__(self, settings: WarehouseSettings) -> None:
        self.place = settings.url.partition("?")[0]
        wanted = _connection(settings)
        try:
            from snowflake import connector  # noqa: PLC0415 - an extra, which most do without
            from snowflake.connector import pandas_tools  # noqa: PLC0415
        except ImportError:
            raise WarehouseError(
                "Snowflake needs its connector: pip install 'fraud-stream[snowflake]' "
                "(or set [warehouse] url to a DuckDB file: duckdb:///.fraud-stream/ecommerce_dw.duckdb)"
            ) from None
        self._errors, self._write = connector.errors.Error, pandas_tools.write_pandas
        try:
            self._connection = connector.connect(**wanted)
        except self._errors as error:
            raise WarehouseError(f"{self.place}: {error.msg or error}") from None
        except (OSError, TypeError, ValueError) as error:  # of the key, which the connector only reads
            raise WarehouseError(f"[warehouse] private_key_file = {settings.private_key_file}: {error}") from None

    def rows(self, sql: str, *values: Any) -> pd.DataFrame:
        """What a question finds."""
        try:
            cursor = self._connection.cursor()
            cursor.execute(sql, values or None)
            found: pd.DataFrame = cursor.fetch_pandas_all()
        except self._errors as error:
            raise self._refused(error) from None
        return found.rename(columns=str.lower)

    def parts(self, sql: str, *values: Any) -> Iterator[pd.DataFrame]:
        """What a question finds, in parts; Snowflake keeps it, and one of its own parts at a time is fetched."""
        try:
            cursor = self._connection.cursor()
            cursor.execute(sql, values or None)
            for batch in cursor.get_result_batches() or ():
                yield from sliced(batch.to_pandas())
        except self._errors as error:
            raise self._refused(error) from None

    def apply(self, *changes: Change) -> list[int]:
        """Make changes in one transaction; rows are staged before, as a statement that defines something ends one."""
        try:
            staged = [self._staged(n, one) if isinstance(one, Insert) else None for n, one in enumerate(changes)]
            self._run("BEGIN")
            counts = [self._apply(change, place) for change, place in zip(changes, staged, strict=True)]
            self._run("COMMIT")
        except BaseException as error:
            self._undo()
            if isinstance(error, self._errors):
                raise self._refused(error) from None
            raise
        return counts

    def define(self, *statements: str) -> None:
        """Run statements that define something."""
        try:
            for sql in statements:
                self._run(sql)
        except self._errors as error:
            raise self._refused(error) from None

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def _undo(self) -> None:
        """Take a transaction back; without a connection Snowflake does so by itself."""
        try:
            self._run("ROLLBACK")
        except self._errors:
            return

    def _staged(self, number: int, insert: Insert) -> str:
        """Put rows into a temporary table, that of this session alone; its name."""
        name, source = f"STAGED_{number}", insert.table
        names = ", ".join(source.columns)
        self._run(f"CREATE OR REPLACE TEMPORARY TABLE {name} AS SELECT {names} FROM {source.name} LIMIT 0")  # noqa: S608
        for part in insert.parts:
            if part.num_rows:
                frame = part.to_pandas(date_as_object=True).rename(columns=str.upper)
                self._write(self._connection, frame, name, use_logical_type=True)
        return name

    def _apply(self, change: Change, staged: str | None) -> int:
        if isinstance(change, Insert):
            return self._run(insert_sql(change, str(staged)))
        count = self._run(change.sql, change.values)
        if change.rows not in (None, count):
            raise WarehouseError(f"{self.place}: another run has changed it meanwhile; run this one again")
        return count

    def _run(self, sql: str, values: tuple[Any, ...] = ()) -> int:
        cursor = self._connection.cursor()
        cursor.execute(sql, values or None)
        return int(cursor.rowcount or 0)

    def _refused(self, error: Any) -> WarehouseError:
        return WarehouseError(f"{self.place}: {str(error.msg or error).splitlines()[0]}")


def _connection(settings: WarehouseSettings) -> dict[str, Any]:
    """What the connector is told; of a URL the user, the account, the database, the warehouse and the role."""
    parts = urlsplit(settings.url)
    options = dict(parse_qsl(parts.query))
    database = parts.path.strip("/") or "ECOMMERCE_DW"
    account = parts.netloc.rpartition("@")[2]
    unknown = sorted(set(options) - set(_OPTIONS))
    if not (parts.username and account) or "/" in database or parts.password or unknown:
        raise WarehouseError(
            "[warehouse] url must be like snowflake://USER@ACCOUNT/ECOMMERCE_DW?warehouse=NAME&role=NAME; "
            f"a password comes from {PREFIX}WAREHOUSE_PASSWORD alone"
        )
    place = {"user": unquote(parts.username), "account": account, "database": database, "schema": "RAW_DATA"}
    return {**place, **options, **_secrets(settings), "paramstyle": "qmark", "session_parameters": _SESSION}


def _secrets(settings: WarehouseSettings) -> dict[str, Any]:
    """What proves who the user is: a key, else a password.  The key's own password opens the key alone."""
    if settings.private_key_file is not None:
        found = {"authenticator": "SNOWFLAKE_JWT", "private_key_file": str(settings.private_key_file)}
        secret = settings.private_key_password
        return found | ({"private_key_file_pwd": secret.get_secret_value()} if secret else {})
    if settings.password is None:
        raise WarehouseError(f"Snowflake needs {PREFIX}WAREHOUSE_PASSWORD, or [warehouse] private_key_file")
    return {"password": settings.password.get_secret_value()}
