"""Checking a day's rows against a contract, a part at a time, however many there are."""

from collections.abc import Iterable, Iterator
from datetime import date

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from fraud_stream.batch.contracts import failing
from fraud_stream.batch.rejects import rejected
from fraud_stream.batch.step import Counts
from fraud_stream.batch.tables import REJECTED
from fraud_stream.batch.warehouse import Insert


class Check:
    """Checks rows by a contract; what concerns several of them comes as a column that whoever asks for them has made.

    Args:
        step: The step that rejects what fails.
        day: Its day.
        contract: What a row must be.
    """

    def __init__(self, step: str, day: date, contract: pandera.DataFrameSchema) -> None:
        self._step, self._day, self._contract = step, day, contract
        self._rows = self._rejected = 0

    def insert(self, frames: Iterable[pd.DataFrame]) -> Insert:
        """What fails of these rows, as rows of what was rejected; they are read as the warehouse takes those."""
        return Insert(REJECTED, self._parts(frames))

    @property
    def counts(self) -> Counts:
        """What came of the rows that were read."""
        return Counts(self._rows, self._rows - self._rejected, self._rejected)

    def _parts(self, frames: Iterable[pd.DataFrame]) -> Iterator[pa.Table]:
        for frame in frames:
            failures = failing(self._contract, frame)
            self._rows += len(frame)
            self._rejected += len(failures)
            yield rejected(self._step, self._day, frame, failures)
