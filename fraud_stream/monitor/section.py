"""What is told of one component: its figures, and the checks that say how it is."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fraud_stream.monitor.buckets import Buckets
from fraud_stream.monitor.limits import LEVELS, Level

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Check(NamedTuple):
    """What was looked at, and found.

    Attributes:
        name: What was looked at.
        status: How it is.
        reason: What was seen, and what is allowed.
        advice: What to do; nothing where it is well, or cannot be told.
    """

    name: str
    status: Level
    reason: str
    advice: str = ""


class Section(NamedTuple):
    """What is told of one component.

    Attributes:
        figures: By names that end with their unit: ``_seconds``, ``_ratio``, ``_per_second``; other numbers are counts.
        checks: How it is.
        note: What else must be said.
    """

    figures: Mapping[str, Any]
    checks: Sequence[Check] = ()
    note: str = ""

    @property
    def status(self) -> Level:
        """As its worst check."""
        return worst([one.status for one in self.checks])


def worst(levels: Sequence[Level]) -> Level:
    """The worst of them; of nothing it is not known.

    >>> worst(["ok", "warning", "unknown"]), worst(["unknown", "ok"]), worst([])
    ('warning', 'ok', 'unknown')
    """
    return max(levels, key=LEVELS.index, default="unknown")


def judged(name: str, level: Level, reason: str, advice: str) -> Check:
    """A check with its advice, where there is something to do."""
    return Check(name, level, reason, advice if level in {"warning", "critical"} else "")


def unknown(name: str, why: str) -> Check:
    """A check that cannot be told."""
    return Check(name, "unknown", why)


def share(part: float, whole: float) -> float | None:
    """A part of a whole, 0 to 1; None of nothing.

    More than all is all: counts of Prometheus are estimates, and what was read twice may lack a field twice.

    >>> share(1, 4), share(5, 4), share(1, 0)
    (0.25, 1.0, None)
    """
    return min(part / whole, 1.0) if whole > 0 else None


def whole(counts: Mapping[str, float]) -> dict[str, int]:
    """Counts as whole numbers; those of Prometheus are estimates."""
    return {name: round(number) for name, number in counts.items()}


def spread(histogram: Buckets) -> dict[str, float | None]:
    """The mean of a histogram's values, and what half of them, 95 % and 99 % do not exceed."""
    return {"mean": histogram.mean, **{name: histogram.quantile(part) for name, part in _QUANTILES.items()}}
