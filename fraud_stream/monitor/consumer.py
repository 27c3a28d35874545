"""The component that reads `transactions`: the workers, messages, lag, latency, errors."""

from fraud_stream.monitor.limits import (
    ERROR_RATIO,
    LAG_RECORDS,
    LATENCY_SECONDS,
    LEVELS,
    NOT_RUNNING_SECONDS,
    QUIET_SECONDS,
    Level,
)
from fraud_stream.monitor.section import Check, Section, judged, share, spread, unknown
from fraud_stream.monitor.seen import Seen, WorkerState
from fraud_stream.monitor.text import duration, number, percent

_MORE_WORKERS = "look at the CPU of the workers; more workers help, up to one a partition"


def consumer(seen: Seen) -> Section:
    """How the records of `transactions` are read."""
    latency = seen.now.histogram("broker_to_decision_seconds")
    figures = {
        "workers": len(seen.workers),
        "workers_running": sum(one.phase == "running" for one in seen.workers),
        "messages": round(seen.now.counted("transactions_read")),
        "messages_per_second": seen.rate("transactions_read"),
        "lag_records": _waiting(seen),
        "lag_records_by_topic": _lag_by_topic(seen),
        "latency_seconds": spread(latency),
        "errors": round(seen.now.counted("dead_letters")),
        "error_ratio": _error_ratio(seen),
    }
    checks = (workers(seen), traffic(seen), lag(seen), slowest(seen), errors(seen))
    return Section(figures, checks)


def workers(seen: Seen) -> Check:
    """Whether each worker answers, gets on and runs."""
    found = [judged("workers", *_state(one)) for one in seen.workers]
    bad = [one for one in found if one.status != "ok"]
    if not bad:
        return Check("workers", "ok", f"all answer and get on: {len(found)}")
    worst = max(bad, key=lambda one: LEVELS.index(one.status))
    return worst._replace(reason="; ".join(one.reason for one in bad))


def _state(worker: WorkerState) -> tuple[Level, str, str]:
    """How a worker is, why, and what to do."""
    if worker.trouble:
        log = "look at its log; exit code 70 says that it stood still and ended itself"
        return "critical", f"{worker.name} {worker.trouble}", log
    if worker.is_stalled:
        log = "look at its /health and its log, which tells where each thread and task waits"
        return "critical", f"{worker.name} stands still and is about to end itself", log
    if not worker.ran_lately and (worker.up_seconds is None or worker.up_seconds >= NOT_RUNNING_SECONDS):
        again = "look again in a minute, then at fraud_stream_changelog_records_read_total and its log"
        return "warning", f"{worker.name} is {worker.phase or 'not running'}, not running", again
    return "ok", f"{worker.name} is {worker.phase}", ""


def traffic(seen: Seen) -> Check:
    """Whether anything comes."""
    messages = seen.now.counted("transactions_read")
    if messages:
        return Check("traffic", "ok", f"{number(round(messages))} messages were read")
    if seen.span is None or seen.span < QUIET_SECONDS:
        return unknown("traffic", "nothing was read yet")
    advice = f"look whether payments are sent to {seen.topic!r}, and whether [topics] transactions and [broker] url fit"
    return Check("traffic", "warning", f"nothing was read in {duration(seen.span)}", advice)


def lag(seen: Seen) -> Check:
    """Whether transactions wait, and become more."""
    waiting = _waiting(seen)
    if waiting is None:
        return unknown("lag", "no worker tells its lag")
    reason = f"{number(waiting)} transactions wait, {number(LAG_RECORDS.warning)} may"
    if seen.lag_grows is False and LAG_RECORDS.level(waiting) != "critical":
        return Check("lag", "ok", f"{reason}; they become no more")
    return judged("lag", LAG_RECORDS.level(waiting), reason, _MORE_WORKERS)


def slowest(seen: Seen) -> Check:
    """Whether decisions come in time."""
    latency = seen.now.histogram("broker_to_decision_seconds").quantile(0.99)
    if latency is None:
        return unknown("latency", "nothing was decided")
    limit = duration(LATENCY_SECONDS.warning)
    reason = f"1 % of the transactions wait {duration(latency)} or more for their decision, {limit} are allowed"
    return judged("latency", LATENCY_SECONDS.level(latency), reason, _MORE_WORKERS)


def errors(seen: Seen) -> Check:
    """Whether the records can be read."""
    ratio = _error_ratio(seen)
    if ratio is None:
        return unknown("errors", "nothing was read")
    reason = f"{percent(ratio)} of the records cannot be read, {percent(ERROR_RATIO.warning)} may"
    advice = "`fraud-stream dead-letters list` says why, and `redrive` sends them again once that is mended"
    return judged("errors", ERROR_RATIO.level(ratio), reason, advice)


def _error_ratio(seen: Seen) -> float | None:
    return share(seen.now.counted("dead_letters"), seen.now.counted("transactions_read"))


def _waiting(seen: Seen) -> int | None:
    """How many transactions wait; None where nobody tells, as while a worker recovers."""
    return _lag_by_topic(seen).get(seen.topic)


def _lag_by_topic(seen: Seen) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in seen.now.gauges("consumer_lag_records"):
        found[one.labels["topic"]] = found.get(one.labels["topic"], 0) + round(one.value)
    return dict(sorted(found.items()))
