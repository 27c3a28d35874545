"""Data contracts: what every row of a table must be, by pandera, and which rows are not, with the reason of each."""

from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from fraud_stream.batch.warehouse import records
from fraud_stream.domain.intake import LONGEST_ID, LONGEST_TEXT, Limits
from fraud_stream.domain.transaction import OPTIONAL

#: What a row is called that lacks something it must have.
_MISSING = {"not_nullable": "missing_field"}


def raw_contract(limits: Limits) -> pa.DataFrameSchema:
    """What a raw row must be to go on: its `refused` says why the intake refuses it, or ``duplicate``."""
    refused = pa.Column(nullable=True, checks=pa.Check(lambda reason: reason.isna(), name="refused", ignore_na=False))
    return pa.DataFrameSchema({"refused": refused, **_of_transactions(limits)})


def cleaned_contract(limits: Limits) -> pa.DataFrameSchema:
    """What a cleaned row must be: within what the stream believes, of its own day, and once."""
    length = pa.Check.str_length(1, LONGEST_TEXT, error="bad_text")
    texts = {name: pa.Column(checks=length, nullable=True) for name in OPTIONAL}
    once = pa.Column(bool, pa.Check(lambda again: ~again, name="duplicate"))
    today = pa.Column(bool, pa.Check(lambda today: today, name="other_day"))
    return pa.DataFrameSchema({**_of_transactions(limits), **texts, "is_again": once, "is_today": today})


def _of_transactions(limits: Limits) -> dict[str, pa.Column]:
    ident = pa.Check.str_length(1, LONGEST_ID, error="bad_id")
    amount = pa.Check.in_range(0.0, limits.max_amount, error="bad_amount")
    since = pa.Check.ge(pd.Timestamp("2000-01-01"), error="bad_timestamp")
    return {
        "transaction_id": pa.Column(checks=ident),
        "customer_id": pa.Column(checks=ident),
        "event_time": pa.Column("datetime64[us]", since, coerce=True),
        "amount": pa.Column(float, amount, coerce=True),
    }


def failing(contract: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that fail, each once, by their place in `frame`: with the `reason`, and what was found as `detail`."""
    try:
        contract.validate(frame, lazy=True)
    except SchemaErrors as errors:
        return _named(errors.failure_cases, frame)
    return pd.DataFrame({"reason": [], "detail": []}, dtype=object)


def _named(cases: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """One line for each row that fails; a fault of a whole column is one of every row."""
    whole = cases[cases["index"].isna()]
    if not whole.empty:
        told = "; ".join(f"{row.column} {row.check}: {row.failure_case}" for row in whole.itertuples())
        return pd.DataFrame({"reason": "bad_column", "detail": told}, index=frame.index)
    ranked = cases.assign(rank=(cases["column"] != "refused").astype(int)).sort_values("rank", kind="stable")
    first = ranked.drop_duplicates("index").set_index("index")
    pairs = zip(records(frame.loc[first.index]), records(first), strict=True)
    return pd.DataFrame([_reason(*pair) for pair in pairs], index=first.index, columns=["reason", "detail"])


def _reason(row: dict[str, Any], case: dict[str, Any]) -> tuple[str, str]:
    """What the intake said, where it said something; else the check that failed."""
    if case["column"] == "refused":
        return row["refused"], row["refused_detail"]
    return _MISSING.get(case["check"], str(case["check"])), f"{case['column']} {case['failure_case']!r}"
