"""History for `fraud-stream backtest` from files: payments, whose features are computed, or what has its features."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fraud_stream.commands.evaluate import accepted
from fraud_stream.commands.labelled_history import usable
from fraud_stream.commands.scored_history import ScoredDecoder, labelled_past
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake
from fraud_stream.domain.transaction import Transaction
from fraud_stream.errors import InputFileError
from fraud_stream.evaluation.past import Needed, Past
from fraud_stream.evaluation.taking import Taker, TakerOfLabelled
from fraud_stream.files.mapping import load_mapping
from fraud_stream.files.rows import JsonLines, Parquet, mapped_rows, open_rows
from fraud_stream.files.translation import truth
from fraud_stream.settings import Settings

Kind = Literal["payments", "scored", "labelled"]
#: Records that are taken in together.
_TOGETHER = 10_000
_IDS = ("transaction.customer_id", "transaction.transaction_id")
_NUMBERS = ("transaction.timestamp", "transaction.amount")
_LABEL = "is_fraud"


class Filed(NamedTuple):
    """A file, and how to read it where it holds payments.

    Attributes:
        path: Where it is.
        mapping: What its columns are called: the name of a mapping, or its file.
        label_delay: Seconds of event time from a payment to its label.
    """

    path: Path
    mapping: str
    label_delay: float


def kind_of(path: Path) -> Kind:
    """Whether a file holds payments, or transactions as they are on the topics `scored` and `labelled`.

    Raises:
        InputFileError: It cannot be read, or is of another format.
    """
    rows = open_rows(path, ())
    if isinstance(rows, Parquet):
        return "scored" if any(_holds(column) for column in rows.columns or ()) else "payments"
    first = next((row for row in rows if isinstance(row, dict)), {}) if isinstance(rows, JsonLines) else {}
    if isinstance(first.get("transaction"), dict):
        return "scored"
    return "labelled" if "features_version" in first else "payments"


def _holds(column: str) -> bool:
    return column == "features" or column.startswith("features.")


def from_file(filed: Filed, settings: Settings, needed: Needed, left_out: Counter[str]) -> Iterator[Past]:
    """What a file holds, in parts.

    Args:
        filed: The file.
        settings: What features depend on.
        needed: What rules name.
        left_out: Counts what is of no use, by what is wrong.

    Raises:
        InputFileError: It cannot be read, or lacks something that the rules name.
    """
    kind = kind_of(filed.path)
    if kind == "payments":
        return _of_payments(filed, settings, needed, left_out)
    if filed.path.suffix.lower() == ".parquet":
        return parquet_past(filed.path, needed, left_out)
    if kind == "labelled":
        return _of_labelled(filed.path, FeatureMaker(settings.feature_settings), needed, left_out)
    decoder = ScoredDecoder(needed, left_out)
    return (past for lines in _lines(filed.path) if (past := decoder.past(lines)) is not None)


def _lines(path: Path) -> Iterator[list[bytes]]:
    with path.open("rb") as file:
        lines = (text for line in file if (text := line.strip()))
        while part := list(islice(lines, _TOGETHER)):
            yield part


def _of_labelled(path: Path, maker: FeatureMaker, needed: Needed, left_out: Counter[str]) -> Iterator[Past]:
    for lines in _lines(path):
        found = list(usable(lines, maker, left_out))
        if found:
            yield labelled_past(found, maker.names, needed)


def parquet_past(path: Path, needed: Needed, left_out: Counter[str]) -> Iterator[Past]:
    """Scored transactions in the columns `transaction` and `features`, nested or with dots in their names.

    Raises:
        InputFileError: It lacks something that the rules name.
    """
    for table, columns in _tables(path, needed):
        whole, damaged = _whole(table, columns)
        if damaged:
            left_out["rows that lack something that the rules name"] += damaged
        if whole.num_rows:
            yield _of_table(whole, needed)


def _tables(path: Path, needed: Needed) -> Iterator[tuple[Any, list[str]]]:
    """The rows of a file, so many at a time, and the columns that are needed."""
    try:
        file = pq.ParquetFile(path)
        columns = _columns(path, file, needed)
        for batch in file.iter_batches(_TOGETHER, columns=columns):
            yield pa.Table.from_batches([batch]).flatten(), columns
    except (OSError, pa.ArrowException) as error:
        raise InputFileError(f"cannot read {path} as Parquet: {error}") from None


def _columns(path: Path, file: Any, needed: Needed) -> list[str]:
    """The columns that are needed, and the label's where there is one."""
    texts, features = (f"transaction.{name}" for name in needed.texts), (f"features.{name}" for name in needed.features)
    wanted = [*_IDS, *_NUMBERS, *texts, *features]
    there = {file.schema.column(n).path for n in range(len(file.schema))}
    absent = [name for name in wanted if name not in there]
    if absent:
        raise InputFileError(f"{path}: no column {', '.join(absent)}; the file has {', '.join(sorted(there))}")
    return [*wanted, _LABEL] if _LABEL in there else wanted


def _whole(table: pa.Table, columns: Sequence[str]) -> tuple[pa.Table, int]:
    """The rows with all ids and numbers, and how many others there are."""
    told = [name for name in columns if name in (*_IDS, *_NUMBERS) or _holds(name)]
    missing = np.zeros(table.num_rows, dtype=bool)
    for name in told:
        missing |= pc.is_null(table[name], nan_is_null=True).to_numpy()
    return (table.filter(pa.array(~missing)), int(missing.sum())) if missing.any() else (table, 0)


def _of_table(table: pa.Table, needed: Needed) -> Past:
    customers, transactions = ([str(value) for value in table[name].to_pylist()] for name in _IDS)
    times, amounts = (_numbers(table, name) for name in _NUMBERS)
    features = {name: _numbers(table, f"features.{name}") for name in needed.features}
    texts = {name: np.array(table[f"transaction.{name}"].to_pylist(), dtype=object) for name in needed.texts}
    labels = table[_LABEL].to_pylist() if _LABEL in table.column_names else [None] * table.num_rows
    known = [truth(label) for label in labels]
    return Past.of((customers, transactions), times, amounts, known, {**features, **texts})


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column of numbers; times as seconds since 1970."""
    column = table[name]
    try:
        if pa.types.is_timestamp(column.type):
            return np.asarray(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_numpy() / 1e6)
        return np.asarray(column.cast(pa.float64()).to_numpy())
    except pa.ArrowException as error:
        raise InputFileError(f"column {name!r} must hold numbers: {error}") from None


def _of_payments(filed: Filed, settings: Settings, needed: Needed, left_out: Counter[str]) -> Iterator[Past]:
    """Payments in order of time, with the features that the stream would have computed."""
    mapping = load_mapping(filed.mapping)
    rows, taker, taken = mapped_rows(filed.path, mapping, in_order=True), Taker(settings), 0
    found = ((tx, row.is_fraud) for tx, row in accepted(rows, mapping, Intake(limits=settings.intake_limits)))
    labelled = TakerOfLabelled(taker, filed.label_delay)
    while part := list(islice(found, _TOGETHER)):
        taken += len(part)
        kept, facts = labelled.take_all(part)
        left_out["payments that come twice"] += len(part) - len(kept)
        if kept:
            yield _of_facts(kept, taker.maker.rows(facts), taker.maker.names, needed)
    if not taken:
        raise InputFileError(f"{filed.path}: no row is a transaction")
    left_out["rows that the worker would refuse"] += rows.size - taken


def _of_facts(
    kept: Sequence[tuple[Transaction, bool | None]], rows: NDArray[np.float64], names: Sequence[str], needed: Needed
) -> Past:
    payments, labels = zip(*kept, strict=True)
    ids = [tx.customer_id for tx in payments], [tx.transaction_id for tx in payments]
    times, amounts = [tx.timestamp for tx in payments], [tx.amount for tx in payments]
    features = {name: rows[:, names.index(name)].copy() for name in needed.features}
    texts = {name: np.array([getattr(tx, name) for tx in payments], dtype=object) for name in needed.texts}
    return Past.of(ids, times, amounts, labels, {**features, **texts})
