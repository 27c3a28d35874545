"""History from an archive: scored transactions with the first label of each."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fraud_stream.archive.layout import batches, label_files, scored_files
from fraud_stream.commands.filed_history import parquet_past
from fraud_stream.commands.labelled_history import Feed
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.errors import InputFileError
from fraud_stream.evaluation.past import KnownLabels, Needed, Past, numbered
from fraud_stream.evaluation.training_set import Columns, TrainingSet, transaction_number

_TOGETHER = 10_000
_IDS = ["customer_id", "transaction_id"]


def from_archive(folder: Path, needed: Needed, left_out: Counter[str]) -> Iterator[Past]:
    """What an archive holds, in parts.

    Args:
        folder: The archive.
        needed: What rules name.
        left_out: Counts what is of no use, by what is wrong.

    Raises:
        ArchiveError: A file cannot be read.
        InputFileError: One lacks something that the rules name.
    """
    labels = _known_labels(folder)
    for path in scored_files(folder):
        for past in parquet_past(path, needed, left_out):
            yield past._replace(labels=labels.of(past.numbers))


def _known_labels(folder: Path) -> KnownLabels:
    numbers, frauds = [np.empty(0, np.int64)], [np.empty(0, np.bool_)]
    for path in label_files(folder):
        for batch in batches(path, [*_IDS, "is_fraud"], _TOGETHER):
            numbers.append(numbered(*(batch[name].to_pylist() for name in _IDS)))
            frauds.append(batch["is_fraud"].to_numpy(zero_copy_only=False))
    return KnownLabels(np.concatenate(numbers), np.concatenate(frauds))


def learn_from_archive(folder: Path, maker: FeatureMaker, history: TrainingSet) -> Feed:
    """Add the labelled transactions of an archive that have this application's features.

    Raises:
        ArchiveError: A file cannot be read.
        InputFileError: There is none.
    """
    labels, left_out = _TimedLabels(folder), Counter[str]()
    for path in scored_files(folder):
        for batch in batches(path, ["transaction", "features", "online_score"], _TOGETHER):
            if tuple(field.name for field in batch["features"].type) != maker.names:
                left_out["transactions of other features than this application makes"] += batch.num_rows
                continue
            columns, known = labels.columns(batch)
            left_out["transactions without a label"] += int((~known).sum())
            if known.any():
                history.add(columns.only(known))
    if not history.read:
        raise InputFileError(f"{folder}: no transaction of the archive has a label and this application's features")
    return Feed(Counter({why: count for why, count in left_out.items() if count}))


class _TimedLabels:
    """The first label of each transaction, and when it became known."""

    def __init__(self, folder: Path) -> None:
        numbers, frauds, times = [np.empty(0, np.uint64)], [np.empty(0, np.bool_)], [np.empty(0)]
        for path in label_files(folder):
            for batch in batches(path, [*_IDS, "is_fraud", "labelled_at"], _TOGETHER):
                numbers.append(_numbers(batch["customer_id"], batch["transaction_id"]))
                frauds.append(batch["is_fraud"].to_numpy(zero_copy_only=False))
                times.append(batch["labelled_at"].to_numpy())
        self._numbers, first = np.unique(np.concatenate(numbers), return_index=True)
        self._frauds, self._times = np.concatenate(frauds)[first], np.concatenate(times)[first]

    def columns(self, batch: pa.RecordBatch) -> tuple[Columns, NDArray[np.bool_]]:
        """A batch of scored transactions for the training set, and which of them have a label."""
        payments, features = batch["transaction"], batch["features"]
        ids = _numbers(payments.field("customer_id"), payments.field("transaction_id"))
        places = np.searchsorted(self._numbers, ids).clip(max=max(len(self._numbers) - 1, 0))
        known = self._numbers[places] == ids if len(self._numbers) else np.zeros(len(ids), bool)
        frauds = self._frauds[places] if known.any() else known
        times = self._times[places] if known.any() else np.zeros(len(ids))
        rows = np.column_stack([column.to_numpy() for column in features.flatten()])
        online = batch["online_score"].to_numpy(zero_copy_only=False).astype(float)
        return Columns(ids, payments.field("timestamp").to_numpy(), times, frauds, online, rows), known


def _numbers(customers: pa.Array, transactions: pa.Array) -> NDArray[np.uint64]:
    pairs = zip(customers.to_pylist(), transactions.to_pylist(), strict=True)
    return np.fromiter((transaction_number(*pair) for pair in pairs), np.uint64, len(customers))
