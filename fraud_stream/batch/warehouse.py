"""What the pipeline asks of a warehouse, and what it changes there: all of a change or nothing of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import pandas as pd
import pyarrow as pa

Kind = Literal["text", "number", "count", "truth", "time", "day"]
#: What a column holds, in SQL that DuckDB and Snowflake share, and in Arrow; times are UTC, without a zone.
SQL_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "count": "BIGINT",
    "truth": "BOOLEAN",
    "time": "TIMESTAMP",
    "day": "DATE",
}
_ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "count": pa.int64(),
    "truth": pa.bool_(),
    "time": pa.timestamp("us"),
    "day": pa.date32(),
}


#: Rows of a part, at most, of what is read in parts.
PART = 10_240


class Table(NamedTuple):
    """A table of the warehouse.

    Attributes:
        name: With its schema: ``RAW_DATA.RAW_TRANSACTIONS``.
        columns: What each holds.
        key: The columns that tell its rows apart; none where the writer sees to it.
    """

    name: str
    columns: dict[str, Kind]
    key: tuple[str, ...] = ()

    @property
    def arrow(self) -> pa.Schema:
        """Its rows as Arrow has them."""
        return pa.schema([(name, _ARROW[kind]) for name, kind in self.columns.items()])

    @property
    def ddl(self) -> str:
        """What makes it where it is missing."""
        columns = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, kind in self.columns.items())
        return f"CREATE TABLE IF NOT EXISTS {self.name} ({columns})"

    def of(self, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """Rows, their values in the order of the columns."""
        values = zip(*rows, strict=True) if rows else ([] for _ in self.columns)
        arrays = [pa.array(list(column), field.type) for column, field in zip(values, self.arrow, strict=True)]
        return pa.table(arrays, schema=self.arrow)


class Statement(NamedTuple):
    """A statement that changes rows.

    Attributes:
        sql: With ``?`` for each value.
        values: The values.
        rows: How many rows it must change, or nothing is changed at all; None where any number will do.
    """

    sql: str
    values: tuple[Any, ...] = ()
    rows: int | None = None


class Insert(NamedTuple):
    """Rows to add to a table; what has the key of a row that is there already is left out.

    Attributes:
        table: The table.
        rows: The rows, or parts of them: those are asked for one at a time, and let go before the next.
    """

    table: Table
    rows: pa.Table | Iterable[pa.Table]

    @property
    def parts(self) -> Iterable[pa.Table]:
        """The rows, part by part."""
        return (self.rows,) if isinstance(self.rows, pa.Table) else self.rows


Change = Statement | Insert


class Warehouse(Protocol):
    """A warehouse of the pipeline."""

    #: Where it is, as people may read it: without secrets.
    place: str

    def rows(self, sql: str, *values: Any) -> pd.DataFrame:
        """What a question finds, with lower-case column names; ``?`` stands for each value."""
        ...

    def parts(self, sql: str, *values: Any) -> Iterator[pd.DataFrame]:
        """The same, `PART` rows at a time, as it was when the first part was asked for; none where nothing is found.

        Changes may be made meanwhile.  Who does not read to the end closes it.
        """
        ...

    def apply(self, *changes: Change) -> list[int]:
        """Make these changes in one transaction, in order; how many rows each has changed.

        Raises:
            WarehouseError: One cannot be made, and so none was.
        """
        ...

    def define(self, *statements: str) -> None:
        """Run statements that define schemas, tables, columns or views: each stands for itself."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


def sliced(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Rows, `PART` at a time, with lower-case column names."""
    frame = frame.rename(columns=str.lower)
    return (frame.iloc[begin : begin + PART] for begin in range(0, len(frame), PART))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows by their columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def insert_sql(insert: Insert, staged: str) -> str:
    """The statement that adds rows from where they are staged, each key once."""
    table, names = insert.table, ", ".join(insert.table.columns)
    sql = f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {staged} s"  # noqa: S608 - names of ours
    if not table.key:
        return sql
    same = " AND ".join(f"t.{name} = s.{name}" for name in table.key)
    first = f"QUALIFY row_number() OVER (PARTITION BY {', '.join(table.key)} ORDER BY {table.key[0]}) = 1"
    return f"{sql} WHERE NOT EXISTS (SELECT 1 FROM {table.name} t WHERE {same}) {first}"  # noqa: S608 - likewise
