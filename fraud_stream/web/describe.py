"""What the pages say of a table's values: names and units that a person can read."""

import math
from datetime import UTC, datetime
from functools import singledispatch
from typing import Any

import msgspec

from fraud_stream.domain.features import span_name
from fraud_stream.domain.outcomes import History
from fraud_stream.domain.pending import DONE, EARLY, Pending
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.sliding import SPANS
from fraud_stream.domain.windows import WindowStats


def moment(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC.

    >>> moment(0.0)
    '1970-01-01T00:00:00Z'
    """
    if seconds is None or not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


@singledispatch
def describe(value: Any) -> Any:
    """A value as JSON for people."""
    return msgspec.to_builtins(value)


@describe.register
def _(stats: WindowStats) -> dict[str, Any]:
    return {
        "count": stats.count,
        "sum": stats.total,
        "mean": stats.mean,
        "standard_deviation": stats.deviation,
        "min": stats.low if stats.count else None,
        "max": stats.high if stats.count else None,
        "first": moment(stats.first),
        "last": moment(stats.last),
        "locations": stats.locations,
        "devices": stats.devices,
        "merchants": stats.merchants,
        "categories": stats.categories,
        "offset": stats.offset,
    }


@describe.register
def _(profile: Profile) -> dict[str, Any]:
    windows = [] if profile.last_time is None else profile.sums.windows(profile.last_time)
    return {
        "transactions": profile.moments.count,
        "mean_amount": profile.moments.mean,
        "standard_deviation": profile.moments.deviation,
        "last": moment(profile.last_time),
        "sliding": {
            span_name(span): {"count": window.count, "sum": window.total}
            for span, window in zip(SPANS, windows, strict=False)
        },
        "locations": {name: moment(time) for name, time in profile.locations.items()},
        "devices": {name: moment(time) for name, time in profile.devices.items()},
        "transaction_ids_24h": len(profile.ids.times),
        "usual_amount": profile.habit.total / profile.habit.count if profile.habit.count else 0.0,
        "outliers": [moment(time) for time in profile.habit.outliers],
        "offset": profile.offset,
    }


@describe.register
def _(history: History) -> dict[str, Any]:
    known = zip(history.outcomes.times, history.outcomes.frauds, strict=True)
    return {"frauds": history.noted, "known": [{"at": moment(time), "frauds": frauds} for time, frauds in known]}


@describe.register
def _(pending: Pending) -> dict[str, Any]:
    stage = {EARLY: "label without its transaction", DONE: "labelled"}.get(pending.stage, "waits for its label")
    return {**msgspec.structs.asdict(pending), "stage": stage, "time": moment(pending.time), "features": pending.row}
