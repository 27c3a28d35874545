"""Transactions of a file that has the model's features: column by column, without a Python object a value."""

import math
from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fraud_stream.errors import InputFileError
from fraud_stream.files.rows import Csv
from fraud_stream.prediction.columns import Layout, layout_of
from fraud_stream.prediction.parts import TOGETHER, Part, Refuse, Reject

#: Bytes of a CSV file that are parsed together.
_BLOCK = 2 * 2**20
_NOTHING = "no value at all"


def columnar(path: Path, features: tuple[str, ...]) -> "CsvColumns | ParquetColumns | None":
    """A reader of a CSV or Parquet file that has the features; None of any other file.

    Raises:
        InputFileError: It cannot be read, or has not all of the features.
    """
    kinds: dict[str, Any] = {".csv": CsvColumns, ".parquet": ParquetColumns}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        return None
    layout = layout_of(kind.columns_of(path), features, str(path))
    return None if layout is None else kind(path, layout)


class ParquetColumns:
    """A Parquet file; nested columns are named ``outer.inner``."""

    backwards = 0

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path, self._layout = path, layout
        self._file = _opened(path)
        self.size, self.position = self._file.metadata.num_rows, 0

    @staticmethod
    def columns_of(path: Path) -> list[str]:
        """The columns of a file."""
        schema = _opened(path).schema
        return [schema.column(n).path for n in range(len(schema))]

    def parts(self, refuse: Refuse) -> Iterator[Part]:
        """The transactions, some ten thousand at a time."""
        try:
            for batch in self._file.iter_batches(TOGETHER, columns=self._layout.columns, use_threads=False):
                table = pa.Table.from_batches([batch])
                while any(pa.types.is_struct(one.type) for one in table.schema):
                    table = table.flatten()
                lines = np.arange(batch.num_rows) + self.position + 1
                self.position += batch.num_rows
                yield _part(table.combine_chunks(), self._layout, lines, refuse)
        except (OSError, pa.ArrowException) as error:
            raise InputFileError(f"{self._path}, behind row {self.position:,}: {error}") from None


def _opened(path: Path) -> Any:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise InputFileError(f"{path}: no Parquet file: {error}") from None


class CsvColumns:
    """A CSV file in UTF-8 with a header; a record counts as one line."""

    backwards = 0

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path, self._layout = path, layout
        self.size, self.position = path.stat().st_size, 0
        self._wrong: list[_Wrong] = []
        self._refused = 0

    @staticmethod
    def columns_of(path: Path) -> list[str]:
        """The columns of a file."""
        return list(Csv(path).columns or ())

    def parts(self, refuse: Refuse) -> Iterator[Part]:
        """The transactions, some ten thousand at a time."""
        read = 0
        try:
            with self._path.open("rb") as file:
                for batch in self._batches(file):
                    lines = self._lines(read, batch.num_rows)
                    read += batch.num_rows
                    self.position = min(file.tell(), self.size)
                    yield _part(pa.Table.from_batches([batch]), self._layout, lines, _but_empty(refuse))
                    self._refuse_wrong(refuse, lines.max(initial=0))
        except (OSError, pa.ArrowException) as error:
            raise InputFileError(f"{self._path}, behind row {read:,}: {error}") from None
        self._refuse_wrong(refuse, math.inf)

    def _refuse_wrong(self, refuse: Refuse, before: float) -> None:
        """Refuse the wrong lines before a line, and remember no more of them than how many they were."""
        count = bisect_left(self._wrong, before, key=lambda wrong: wrong.line)
        for wrong in self._wrong[:count]:
            refuse(Reject(wrong.line, "undecodable", wrong.why))
        del self._wrong[:count]
        self._refused += count

    def _batches(self, file: Any) -> Any:
        columns = self._layout.columns
        parsing = pyarrow.csv.ParseOptions(
            newlines_in_values=True, invalid_row_handler=self._note, ignore_empty_lines=False
        )
        kinds = dict.fromkeys(columns, pa.binary())
        converting = pyarrow.csv.ConvertOptions(include_columns=columns, column_types=kinds)
        reading = pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK)
        return pyarrow.csv.open_csv(file, reading, parsing, converting)

    def _note(self, row: Any) -> str:
        """Note a line with other fields than the header."""
        why = f"{row.actual_columns} fields; the header has {row.expected_columns}"
        insort(self._wrong, _Wrong(row.number, why))
        return "skip"

    def _lines(self, read: int, count: int) -> NDArray[np.int64]:
        """The lines of the next so many rows, of which so many were read; wrong lines lie between them."""
        # right rows before each wrong one
        before = [wrong.line - 2 - n for n, wrong in enumerate(self._wrong, self._refused)]
        places = np.arange(read, read + count)
        return places + 2 + self._refused + np.searchsorted(before, places, side="right")


class _Wrong(NamedTuple):
    """A line that is no row."""

    line: int
    why: str


def _but_empty(refuse: Refuse) -> Refuse:
    """Pass over lines that are empty, as people leave them at the end."""
    return lambda one: None if one.detail == _NOTHING else refuse(one)


def _part(table: pa.Table, layout: Layout, lines: NDArray[np.int64], refuse: Refuse) -> Part:
    """The rows of a table in which all numbers are numbers; the others are refused."""
    amounts = numbers(table[layout.amount])
    rows = np.column_stack([numbers(table[name]) for name in layout.features])
    ids = _texts(table[layout.id])
    has_id = np.array(pc.fill_null(pc.greater(pc.utf8_length(ids), 0), False))
    is_right = has_id & np.isfinite(amounts) & np.isfinite(rows).all(axis=1)
    if is_right.all():
        return Part(ids, amounts, rows)
    for n in np.flatnonzero(~is_right).tolist():
        refuse(_reject(n, int(lines[n]), ids, np.column_stack([amounts, rows]), layout))
    return Part(ids.filter(pa.array(is_right)), amounts[is_right], rows[is_right])


def _reject(n: int, line: int, ids: Any, values: NDArray[np.float64], layout: Layout) -> Reject:
    ident = ids[n].as_py()
    if not ident:
        return Reject(line, "missing_field", _NOTHING if np.isnan(values[n]).all() else layout.id)
    names = (layout.amount, *layout.features)
    wrong = dict.fromkeys(name for name, value in zip(names, values[n].tolist(), strict=True) if not np.isfinite(value))
    return Reject(line, "bad_feature", f"no finite number in {', '.join(wrong)}", ident)


def numbers(column: Any) -> NDArray[np.float64]:
    """A column as numbers; nan where there is none."""
    column = _whole(column)
    try:
        plain = _texts(column) if _is_text(column.type) else column
        found: NDArray[np.float64] = np.asarray(plain.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        found = pd.to_numeric(pd.Series(_texts(column).to_pylist()), errors="coerce").to_numpy(float, na_value=np.nan)
    return found


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _texts(column: Any) -> Any:
    """A column as text; what is no UTF-8 has marks in its place."""
    column = _whole(column)
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([_text(value) for value in column.to_pylist()], pa.string())


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None if value is None else str(value)


def _whole(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
