"""Days of transactions for the tests of the pipeline."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from fraud_stream.batch.opening import warehouse
from fraud_stream.batch.pipeline import run
from fraud_stream.batch.runs import Run
from fraud_stream.batch.step import Batch, InputFile
from fraud_stream.batch.warehouse import Warehouse
from fraud_stream.sections import WarehouseSettings
from fraud_stream.settings import Settings

DAY = date(2024, 1, 31)
AT = "2024-01-31 {:02}:00:00"


def payment(number: int, **other: Any) -> dict[str, Any]:
    """A payment of the day; those of odd numbers name no category."""
    found = {
        "transaction_id": f"T{number}",
        "customer_id": f"C{number % 3}",
        "timestamp": AT.format(number % 24),
        "amount": 10.0 + number,
        "merchant_id": "M1",
        "is_fraud": number % 5 == 0,
    }
    return {**found, **({} if number % 2 else {"product_category": "Books"}), **other}


def filed(folder: Path, rows: list[Any], name: str = "day.jsonl") -> InputFile:
    """A file of these rows; text stands for itself."""
    path = folder / name
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in rows))
    return InputFile(path, "identity")


@contextmanager
def opened(url: str, **secrets: Any) -> Iterator[Warehouse]:
    with warehouse(WarehouseSettings(url=url, **secrets)) as found:
        yield found


def a_batch(found: Warehouse, file: InputFile | None, day: date = DAY) -> Batch:
    return Batch(Settings(), found, day, file)


def run_all(found: Warehouse, file: InputFile | None, day: date = DAY) -> dict[str, Run]:
    return {one.step: one for one in run(a_batch(found, file, day))}


def table(found: Warehouse, name: str, order: str) -> list[dict[str, Any]]:
    """A table's rows."""
    rows: list[dict[str, Any]] = found.rows(f"SELECT * FROM {name} ORDER BY {order}").to_dict("records")
    return rows
