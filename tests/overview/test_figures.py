import math
from typing import Any

import pandas as pd
import pytest

from fraud_stream.frames import ALERTS, DEAD_LETTERS, LABELLED, SCORED, Kind
from fraud_stream.history import Period
from fraud_stream.overview import figures

NOON = pd.Timestamp("2026-01-31 12:00:00", tz="UTC")


def frame(kind: Kind, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame is, with anything where a value does not matter; `time` is in seconds after noon."""
    whole = {"time": 0.0, "verdict": "accept", "is_alert": False, "is_late": False, "latency": 0.01, "event_time": NOON}
    any_value = {name: "LOW" if name == "severity" else 0 for name in kind.dtypes}
    table = pd.DataFrame([{**any_value, **whole, **row} for row in rows], columns=list(kind.dtypes))
    table["time"] = (NOON + pd.to_timedelta(table["time"].astype("float64"), unit="s")).astype("datetime64[ms, UTC]")
    return table.astype({name: dtype for name, dtype in kind.dtypes.items() if name != "time"})


def at(*seconds: float, **more: Any) -> pd.DataFrame:
    return frame(SCORED, [{"time": second, **more} for second in seconds])


def times(table: pd.DataFrame) -> list[str]:
    return [f"{time:%H:%M:%S}" for time in table.index]


@pytest.mark.parametrize(
    ("last", "name", "number"),
    [
        (0, "10 seconds", 1),
        (1_799, "10 seconds", 180),
        (3_600, "minute", 61),
        (86_399, "10 minutes", 144),
        (864_000, "hour", 241),
    ],
)
def test_steps_are_as_short_as_a_picture_can_show(last, name, number):
    grid = figures.steps([at(0)["time"], at(last)["time"], at()["time"]])
    assert (figures.step_name(grid), len(grid)) == (name, number)
    assert grid[0] == NOON


def test_hours_cover_a_period_that_begins_and_ends_within_one():
    grid = figures.hours(Period(NOON.timestamp() - 0.123456789, NOON.timestamp() + 3_600.123456789))
    assert [f"{time:%H:%M}" for time in grid] == ["11:00", "12:00", "13:00"]


def test_records_are_counted_where_they_came_and_0_elsewhere():
    decisions = pd.concat([at(0, 9, 31), at(12, is_alert=True)], ignore_index=True)
    table = figures.records(decisions, figures.steps([decisions["time"]]))
    assert times(table) == ["12:00:00", "12:00:10", "12:00:20", "12:00:30"]
    assert table.to_numpy().tolist() == [[2, 0], [0, 1], [0, 0], [1, 0]]
    assert table.columns.tolist() == ["accepted", "alerted"]


def test_errors_are_dead_letters_by_reason_and_late_transactions():
    letters = frame(DEAD_LETTERS, [{"time": 1, "reason": "null"}, *[{"time": 15, "reason": "bad_id"}] * 3])
    decisions = pd.concat([at(16, 17, is_late=True), at(3)], ignore_index=True)
    table = figures.errors(letters, decisions, figures.steps([letters["time"], decisions["time"]]))
    assert table.to_dict("list") == {"bad_id": [0, 3], "late": [0, 2], "null": [1, 0]}


def test_latency_is_told_in_milliseconds_by_step_and_of_all():
    decisions = frame(
        SCORED, [{"time": n // 100, "latency": n / 1_000} for n in range(1, 101)] + [{"time": 25, "latency": 2}]
    )
    table = figures.latency(decisions, figures.steps([decisions["time"]]))
    assert table.loc[NOON].tolist() == pytest.approx([100, 50.5, 95.05, 99.01, 100])
    assert table.iloc[1].isna().all()
    assert table.iloc[2].tolist() == [1, *[2_000] * 4]
    people = figures.latency_table(decisions, figures.hours(Period(NOON.timestamp() - 3_600, NOON.timestamp() + 60)))
    assert people.index.tolist() == ["2026-01-31 12:00", "all"]
    assert people.loc["all"].tolist() == pytest.approx([101, 51, 96, 100, 2_000])


def test_shares_are_of_all_alerts():
    alerts = frame(ALERTS, [{"component": "rules", "rules": ("a", "b")}] * 3 + [{"component": "model", "rules": ()}])
    assert figures.shares(alerts, "component").to_dict("index") == {
        "rules": {"alerts": 3, "share": 0.75},
        "model": {"alerts": 1, "share": 0.25},
    }
    assert figures.rules(alerts).to_dict("index") == {rule: {"alerts": 3, "share": 0.75} for rule in "ab"}


def test_pairs_have_the_worst_severity_or_the_most_frequent_on_top():
    rows = [("LOW", "X", "review")] * 3 + [("CRITICAL", "Y", "block"), ("HIGH", "Y", "review")]
    alerts = frame(ALERTS, [{"severity": s, "type": t, "verdict": v} for s, t, v in rows])
    assert figures.pairs(alerts, "severity", "verdict").to_dict("index") == {
        "CRITICAL": {"block": 1, "review": 0},
        "HIGH": {"block": 0, "review": 1},
        "LOW": {"block": 0, "review": 3},
    }
    assert figures.pairs(alerts, "severity", "verdict").index.tolist() == ["CRITICAL", "HIGH", "LOW"]
    assert figures.pairs(alerts, "type", "verdict").index.tolist() == ["X", "Y"]


def test_quality_is_by_the_day_of_the_payment():
    outcomes = [(True, True)] * 2 + [(True, False)] * 3 + [(False, True), (False, False)]
    rows = [{"is_fraud": fraud, "is_alert": alert, "event_time": NOON} for fraud, alert in outcomes]
    rows.append({"is_fraud": False, "is_alert": False, "event_time": NOON + pd.Timedelta("2D")})
    table = figures.quality(frame(LABELLED, rows))
    assert [f"{day:%d}" for day in table.index] == ["31", "01", "02"]
    assert table.iloc[0].tolist() == pytest.approx([7, 5, 3, 2 / 3, 2 / 5])
    assert table.iloc[1].isna().all()
    assert table.iloc[2].tolist()[:3] == [1, 0, 0]
    assert all(math.isnan(value) for value in table.iloc[2].tolist()[3:])
    people = figures.quality_table(table)
    assert people.index.tolist() == ["2026-01-31", "2026-02-02"]
    assert people.iloc[0].tolist() == [7, 5, 3, 0.667, 0.4]


def test_of_nothing_there_are_no_figures_and_no_errors():
    decisions, letters, alerts, labelled = (frame(kind, []) for kind in (SCORED, DEAD_LETTERS, ALERTS, LABELLED))
    for grid in (figures.steps([decisions["time"]]), figures.hours(Period(0.0, 7_200.0))):
        assert not figures.records(decisions, grid).to_numpy().any()
        assert not figures.errors(letters, decisions, grid).to_numpy().any()
        assert figures.latency(decisions, grid)[["p50", "p95", "p99"]].isna().to_numpy().all()
        assert figures.latency_table(decisions, grid).empty
    tables = figures.shares(alerts, "component"), figures.rules(alerts), figures.quality(labelled)
    assert figures.quality_table(tables[2]).empty
    assert all(table.empty for table in (*tables, figures.pairs(alerts, "type", "component")))
