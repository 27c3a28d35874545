"""Rows of a file, one after the other, in constant memory: JSON lines, CSV or Parquet."""

import csv
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fraud_stream.errors import InputFileError
from fraud_stream.files.mapping import Columns, FieldMapping, first_value

#: Rows of a Parquet file that are in memory together.
_BATCH = 10_000

#: A row by its columns, or, where it could not be taken apart, as it stands.
Row = dict[str, Any] | bytes


class Rows(ABC):
    """The rows of a file.

    Attributes:
        columns: The file's columns; None where each row has its own.
        size: How much there is to read, in a unit of its own.
        position: How much of that has been read.
        line: The line of the file that the last row ended on; in Parquet, which row it was.  Both count from 1.
    """

    columns: Sequence[str] | None = None
    size: int = 0
    position: int = 0
    line: int = 0

    @abstractmethod
    def __iter__(self) -> Iterator[Row]:
        """Each row in the order of the file."""


class JsonLines(Rows):
    """A file with a JSON object on each line; a line that is none comes as it stands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def __iter__(self) -> Iterator[Row]:
        """Each line that is not empty."""
        decode = msgspec.json.Decoder().decode
        with self._path.open("rb") as file:
            for line in file:
                self.position += len(line)
                self.line += 1
                if text := line.strip():
                    yield _object(decode, text)


def _object(decode: Any, text: bytes) -> Row:
    try:
        value = decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


class Csv(Rows):
    """A CSV file in UTF-8 with a header; every value is text."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        self.columns = next(self._records(), [])

    def __iter__(self) -> Iterator[Row]:
        """Each record; one that is too short lacks its last columns, one that is too long loses what is beyond them."""
        records, columns = self._records(), self.columns or ()
        next(records, None)
        return (dict(zip(columns, record, strict=False)) for record in records if record)

    def _records(self) -> Iterator[list[str]]:
        self.position = 0
        reader = csv.reader(self._lines())
        try:
            for record in reader:
                self.line = reader.line_num
                yield record
        except csv.Error as error:
            raise InputFileError(f"{self._path}, line {reader.line_num}: {error}") from None

    def _lines(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            for line in file:
                text = line.decode("utf-8", "replace")
                yield text if self.position else text.removeprefix("\ufeff")
                self.position += len(line)


class Parquet(Rows):
    """A Parquet file; of its columns only `wanted` are read."""

    def __init__(self, path: Path, wanted: Sequence[str]) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise InputFileError(f"{path}: no Parquet file: {error}") from None
        self.size = self._file.metadata.num_rows
        self.columns = self._file.schema_arrow.names
        self._wanted = [column for column in self.columns if column in wanted]

    def __iter__(self) -> Iterator[Row]:
        """Each row; times as ISO 8601 text, numbers as numbers."""
        for batch in self._batches():
            values = [_plain(column).to_pylist() for column in batch.columns]
            for row in zip(*values, strict=True):
                self.line += 1
                yield dict(zip(batch.schema.names, row, strict=True))
            self.position += batch.num_rows

    def _batches(self) -> Iterator[Any]:
        try:
            yield from self._file.iter_batches(_BATCH, columns=self._wanted)
        except (OSError, pa.ArrowException) as error:
            raise InputFileError(f"{self._path}, behind row {self.position:,}: {error}") from None


def _plain(column: pa.Array) -> pa.Array:
    """A column as JSON has it: times as text, NaN as no value."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.string())
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column


class Sorted(Rows):
    """Rows in the order of one of their values; all of them are kept in memory.

    Numbers, also as text, go by value and come first; other text (ISO 8601, say) goes by its characters; rows without
    a value come last.
    """

    def __init__(self, rows: Rows, columns: Columns) -> None:
        self.columns = rows.columns
        self._rows = sorted(((rows.line, row) for row in rows), key=lambda row: _rank(row[1], columns))
        self.size = len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """Each row in order."""
        for line, row in self._rows:
            self.line, self.position = line, self.position + 1
            yield row


def _rank(row: Row, columns: Columns) -> tuple[int, float, str]:
    value = first_value(row, columns) if isinstance(row, dict) else None
    if value is None:
        return 2, 0.0, ""
    try:
        number = float(str(value))
    except ValueError:
        return 1, 0.0, str(value)
    return (0, number, "") if math.isfinite(number) else (2, 0.0, "")  # nan would leave all others out of order


def mapped_rows(path: Path, mapping: FieldMapping, *, in_order: bool) -> Rows:
    """The rows of a file of which a mapping says what they mean; in order of time, if asked.

    Raises:
        InputFileError: It cannot be read, is of another format, or lacks columns.
    """
    rows = open_rows(path, mapping.columns)
    if rows.columns is not None:
        mapping.check(rows.columns, str(path))
    return Sorted(rows, (mapping.sort,) if mapping.sort else mapping.fields["timestamp"]) if in_order else rows


def open_rows(path: Path, wanted: Sequence[str]) -> Rows:
    """The rows of a file, by the ending of its name; `wanted` are the columns that matter.

    Raises:
        InputFileError: It cannot be read, or is of another format.
    """
    kinds: dict[str, Callable[[Path], Rows]] = {".jsonl": JsonLines, ".ndjson": JsonLines, ".csv": Csv}
    ending = path.suffix.lower()
    if ending not in kinds and ending != ".parquet":
        raise InputFileError(f"{path}: unknown format {ending!r}; known are {', '.join((*kinds, '.parquet'))}")
    try:
        return Parquet(path, wanted) if ending == ".parquet" else kinds[ending](path)
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror or error}") from None
