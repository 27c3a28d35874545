"""Workers as the monitor sees them, made of the numbers that a test is about."""

import json
from collections.abc import Mapping
from typing import Any

from fraud_stream.monitor.fetch import Page
from fraud_stream.monitor.section import Check, Section
from fraud_stream.monitor.seen import Seen
from fraud_stream.monitor.workers import Answer, answer, seen

NOW = 1_700_000_000.0
HOUR = 3_600.0


def metrics(numbers: Mapping[str, float], up: float = 2 * HOUR) -> Page:
    """`/metrics`: numbers by name and labels, without what all names begin with."""
    lines = [f"fraud_stream_{name} {value}" for name, value in {"info": 1, **numbers}.items()]
    return Page(200, "\n".join([*lines, f"process_start_time_seconds {NOW - up}", ""]).encode())


def health(phase: str = "running", *, stalled: bool = False) -> Page:
    body = {"status": "stalled" if stalled else "ok", "phase": phase, "seconds_since_progress": 0.5}
    return Page(503 if stalled else 200, json.dumps(body).encode())


def worker(numbers: Mapping[str, float], name: str = "http://w:6066", up: float = 2 * HOUR, **state: Any) -> Answer:
    return answer(name, metrics(numbers, up), health(**state), NOW)


def seen_of(*answers: Answer, asked: float = 24 * HOUR, **known: Any) -> Seen:
    return seen(answers, asked, "transactions", NOW)._replace(**known)


def seen_with(numbers: Mapping[str, float], **known: Any) -> Seen:
    """One worker that runs and tells these."""
    return seen_of(worker(numbers), **known)


def before(numbers: Mapping[str, float]) -> Any:
    """What was counted in the time before."""
    return seen_with(numbers).now


def seconds(name: str, below: Mapping[str, float], total: float = 0.0) -> dict[str, float]:
    """A histogram: how many values are not above each bound."""
    buckets = {f'{name}_bucket{{le="{bound}"}}': count for bound, count in below.items()}
    return {**buckets, f"{name}_sum": total, f"{name}_count": max(below.values())}


def check(section: Section, name: str) -> Check:
    (found,) = [one for one in section.checks if one.name == name]
    return found
