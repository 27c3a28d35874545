"""What fails a contract: written down with the reason, and so left out of what follows."""

from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from fraud_stream.batch.tables import PLACE, REJECTED
from fraud_stream.batch.warehouse import Statement

_NAMED = ("transaction_id", "customer_id", "record")


def rejected(step: str, day: date, frame: pd.DataFrame, failures: pd.DataFrame) -> pa.Table:
    """The rows of `failures`, by their place in `frame`, as rows of what was rejected."""
    chosen, reasons = frame.loc[failures.index], failures.to_dict("list")
    places, named = _values(chosen, tuple(PLACE)), _values(chosen, _NAMED)
    told = zip(places, reasons["reason"], reasons["detail"], named, strict=True)
    rows = [(*place, day, step, reason, detail, *names) for place, reason, detail, names in told]
    return REJECTED.of(rows)


def none_rejected(step: str, day: date) -> Statement:
    """The statement after which a step has rejected nothing of a day."""
    return Statement(f"DELETE FROM {REJECTED.name} WHERE event_day = ? AND step = ?", (day, step))  # noqa: S608


def _values(frame: pd.DataFrame, names: tuple[str, ...]) -> list[list[Any]]:
    """Rows of these columns, None where there is nothing."""
    columns = frame.loc[:, list(names)].astype(object)
    found: list[list[Any]] = columns.where(columns.notna(), None).to_numpy().tolist()
    return found
