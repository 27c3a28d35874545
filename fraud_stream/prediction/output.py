"""Where predictions go: CSV, JSON lines or Parquet, by the ending of the name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from fraud_stream.errors import OutputFileError
from fraud_stream.files.replacing import replacing
from fraud_stream.prediction.parts import Part, Reject
from fraud_stream.prediction.predictor import Predicted

SCHEMA = pa.schema(
    [
        ("transaction_id", pa.string()),
        ("amount", pa.float64()),
        ("is_fraud", pa.bool_()),
        ("fraud_probability", pa.float64()),
        ("risk_level", pa.string()),
    ]
)
#: Digits of a probability.
_DIGITS = 6
Write = Callable[[pa.Table], object]


def table_of(part: Part, said: Predicted) -> pa.Table:
    """Predictions as a table."""
    columns = (part.ids, part.amounts, said.frauds, np.round(said.probabilities, _DIGITS), said.levels)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)], SCHEMA)


def check_ending(path: Path) -> None:
    """Make sure that a file of that name can be written.

    Raises:
        OutputFileError: It is of another format.
    """
    if path.suffix.lower() not in _WRITERS:
        raise OutputFileError(f"{path}: unknown format {path.suffix!r}; known are {', '.join(_WRITERS)}")


@contextmanager
def writing(path: Path) -> Iterator[Write]:
    """What writes predictions; the file is there once all are written, and not before.

    Raises:
        OutputFileError: It cannot be written.
    """
    with replacing(path) as partial, _WRITERS[path.suffix.lower()](partial) as write:
        yield write


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with pyarrow.csv.CSVWriter(path, SCHEMA) as writer:
        yield writer.write_table


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        yield writer.write_table


@contextmanager
def _json_lines(path: Path) -> Iterator[Write]:
    encode = msgspec.json.Encoder().encode_lines
    with path.open("wb") as file:
        yield lambda table: file.write(encode(table.to_pylist()))


_WRITERS: dict[str, Any] = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}


@contextmanager
def rejecting(path: Path) -> Iterator[Callable[[Reject], None]]:
    """What writes rejects, as JSON lines; without any there is no file, nor one from before.

    Raises:
        OutputFileError: It cannot be written.
    """
    encode, file = msgspec.json.Encoder().encode, None
    with replacing(path) as partial:

        def write(one: Reject) -> None:
            nonlocal file
            file = file or partial.open("wb", buffering=0)  # a full disk is told here, and not when it is closed
            file.write(encode(one._asdict()) + b"\n")

        try:
            yield write
        finally:
            if file is not None:
                file.close()
        if file is None:
            path.unlink(missing_ok=True)
