"""Figures of the last hours, of the frames that `fraud_stream.frames` reads: counts, latency, shares, quality."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from fraud_stream.history import Period

Times = pd.DatetimeIndex
#: Lengths of a step of time, and up to which span each is used: a picture has about 180 steps at most.
_STEPS = {"10s": "30min", "1min": "3h", "10min": "30h"}
_LONGEST_STEP = "1h"
_STEP_NAMES = {"10s": "10 seconds", "min": "minute", "10min": "10 minutes", "h": "hour"}
_SHARES = {0.5: "p50", 0.95: "p95", 0.99: "p99"}


def hours(period: Period) -> Times:
    """The hours of a period, each by its begin.

    >>> hours(Period(1_706_702_000.0, 1_706_705_000.0)).strftime("%H:%M").tolist()
    ['11:00', '12:00']
    """
    return _grid(pd.Timestamp(period.begin, unit="s", tz="UTC"), pd.Timestamp(period.end, unit="s", tz="UTC"), "1h")


def steps(columns: Iterable["pd.Series[Any]"]) -> Times:
    """Steps of time from the first to the last of all times in some columns; none where there are no times.

    A step is 10 seconds, a minute, 10 minutes or an hour: as short as a picture can show it.
    """
    known = [column for column in columns if len(column)]
    if not known:
        return pd.DatetimeIndex([], dtype="datetime64[ms, UTC]", freq="h")
    first, last = min(column.min() for column in known), max(column.max() for column in known)
    fitting = (step for step, span in _STEPS.items() if last - first <= pd.Timedelta(span))
    return _grid(first, last, next(fitting, _LONGEST_STEP))


def _grid(first: pd.Timestamp, last: pd.Timestamp, step: str) -> Times:
    return pd.date_range(first.floor(step), last.floor(step), freq=step, unit="ms")


def step_name(grid: Times) -> str:
    """The length of a grid's steps for people.

    >>> step_name(hours(Period(0.0, 9_000.0)))
    'hour'
    """
    return _STEP_NAMES[str(grid.freqstr)]


def counts(frame: pd.DataFrame, grid: Times, by: str) -> pd.DataFrame:
    """How many records came in each step: a column for each value of the column `by`, the most frequent first."""
    values = frame[by].astype("str")
    found = frame.groupby([_step_of(frame, grid), values]).size().unstack(fill_value=0)
    return found.reindex(index=grid, columns=values.value_counts().index, fill_value=0)


def _step_of(frame: pd.DataFrame, grid: Times) -> "pd.Series[Any]":
    """The step that each record came in."""
    found: pd.Series[Any] = frame["time"].dt.floor(str(grid.freqstr))
    return found


def records(decisions: pd.DataFrame, grid: Times) -> pd.DataFrame:
    """Transactions decided in each step: those accepted, and those alerted."""
    found = counts(decisions, grid, "is_alert").rename(columns={"False": "accepted", "True": "alerted"})
    return found.reindex(columns=["accepted", "alerted"], fill_value=0)


def errors(letters: pd.DataFrame, decisions: pd.DataFrame, grid: Times) -> pd.DataFrame:
    """What went wrong in each step: dead letters by their reason, and transactions that came too late."""
    refused = letters[["time"]].assign(kind=letters["reason"].astype("str"))
    late = decisions.loc[decisions["is_late"], ["time"]].assign(kind="late")
    return counts(pd.concat([refused, late], ignore_index=True), grid, "kind")


def latency(decisions: pd.DataFrame, grid: Times) -> pd.DataFrame:
    """How long decisions took in each step, from the broker's timestamp of the transaction.

    Columns: transactions, p50, p95, p99 and max, the latter four in milliseconds; NaN where nothing was decided.
    """
    return _latencies(decisions["latency"], _step_of(decisions, grid)).reindex(grid)


def latency_table(decisions: pd.DataFrame, grid: Times) -> pd.DataFrame:
    """The same for people: of each step that has transactions, and of all."""
    each = latency(decisions, grid).dropna()
    whole = _latencies(decisions["latency"], pd.Series("all", decisions.index, dtype="str"))
    each.index = pd.DatetimeIndex(each.index).strftime("%Y-%m-%d %H:%M")
    return pd.concat([each, whole]).round(1).astype({"transactions": "int64"})


def _latencies(seconds: "pd.Series[Any]", by: "pd.Series[Any]") -> pd.DataFrame:
    grouped = (seconds * 1_000).groupby(by)
    shares = {name: grouped.quantile(share) for share, name in _SHARES.items()}
    return pd.DataFrame({"transactions": grouped.size(), **shares, "max": grouped.max()})


def shares(alerts: pd.DataFrame, by: str) -> pd.DataFrame:
    """How many alerts have each value of a column, and their share of all, the most frequent first."""
    return _shares(alerts[by], len(alerts))


def rules(alerts: pd.DataFrame) -> pd.DataFrame:
    """How many alerts each rule spoke for, and their share of all; several rules may speak for one."""
    return _shares(alerts["rules"].explode().dropna(), len(alerts))


def _shares(values: "pd.Series[Any]", whole: int) -> pd.DataFrame:
    found = values.astype("str").value_counts().rename("alerts").to_frame()
    return found.assign(share=found["alerts"] / max(whole, 1))


def pairs(alerts: pd.DataFrame, rows: str, columns: str) -> pd.DataFrame:
    """How many alerts have each pair of values of two columns, the worst severity first, or the most frequent row."""
    found = alerts.groupby([rows, alerts[columns].astype("str")], observed=True).size().unstack(fill_value=0)
    if rows == "severity":
        return found.sort_index(ascending=False)
    return found.loc[found.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def quality(labelled: pd.DataFrame) -> pd.DataFrame:
    """How good the alerts were, as labels tell it, by the day of the payment.

    Columns: transactions with a label, frauds and alerts among them, precision (frauds among the alerts) and recall
    (alerts among the frauds); NaN where there is nothing to divide by.
    """
    told = pd.DataFrame({"labelled": 1, "frauds": labelled["is_fraud"], "alerts": labelled["is_alert"]})
    told["caught"] = told["frauds"] & told["alerts"]
    found = told.astype("int64").groupby(labelled["event_time"].dt.floor("D").rename("day")).sum()
    found = found.assign(precision=found["caught"] / found["alerts"], recall=found["caught"] / found["frauds"])
    return found.drop(columns="caught").asfreq("D")


def quality_table(by_day: pd.DataFrame) -> pd.DataFrame:
    """The same for people: the days that have labels."""
    known = by_day.dropna(how="all").astype({"labelled": "int64", "frauds": "int64", "alerts": "int64"})
    known.index = pd.DatetimeIndex(known.index).strftime("%Y-%m-%d")
    return known.round(3)
