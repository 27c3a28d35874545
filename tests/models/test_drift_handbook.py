"""Drift on the Handbook's payments: what does not change is not told, what is made to change is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fraud_stream.models.drift import FRAUD_LABEL_RATE, LOG_AMOUNT, STREAMS, MeanDetector, Values
from fraud_stream.settings import Settings

#: Compromised merchants and customers have become as many as they stay; and when something is made to change.
SETTLED, CHANGED = "2018-05-01", "2018-07-01"


@pytest.fixture(scope="module")
def payments(shared_data: Path) -> pd.DataFrame:
    columns = ["TX_DATETIME", "TX_AMOUNT", "TX_FRAUD"]
    found = pd.read_parquet(shared_data / "handbook" / "transactions.parquet", columns=columns)
    return found.sort_values("TX_DATETIME", ignore_index=True)


def found_at(name: str, values: Values) -> list[int]:
    """How many numbers had been seen when each drift was found."""
    detector = MeanDetector(STREAMS[name], Settings().drift.delta)
    return [change.index + 1 for change in detector.observe(values.astype(float))]


def test_amounts_change_where_they_are_made_to_and_nowhere_else(payments: pd.DataFrame) -> None:
    amounts = payments.TX_AMOUNT.to_numpy()
    assert found_at(LOG_AMOUNT, np.log1p(amounts)) == []
    late = (payments.TX_DATETIME >= CHANGED).to_numpy()
    (found,) = found_at(LOG_AMOUNT, np.log1p(amounts * np.where(late, 1.5, 1.0)))
    assert 0 < found - int(np.argmax(late)) <= 1_000


def test_frauds_change_where_they_are_made_to_and_nowhere_else(payments: pd.DataFrame) -> None:
    settled = payments[payments.TX_DATETIME >= SETTLED]
    frauds = settled.TX_FRAUD.to_numpy() > 0
    assert found_at(FRAUD_LABEL_RATE, frauds) == []
    late = (settled.TX_DATETIME >= CHANGED).to_numpy()
    more = np.random.default_rng(1).random(len(frauds)) < 2 * frauds.mean()
    (found,) = found_at(FRAUD_LABEL_RATE, frauds | (late & more))
    assert 0 < found - int(np.argmax(late)) <= 3_000


def test_the_frauds_that_begin_with_the_file_are_told(payments: pd.DataFrame) -> None:
    """The simulator begins with no compromised merchant or customer, and makes some each day for 4 weeks."""
    frauds = payments.TX_FRAUD.to_numpy() > 0
    found = found_at(FRAUD_LABEL_RATE, frauds)
    assert 1 <= len(found) <= 3
    assert payments.TX_DATETIME[found[-1]] < pd.Timestamp(SETTLED)
