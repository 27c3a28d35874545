"""The batch pipeline: what was run of late, what has failed, and whether a day was finished."""

from collections.abc import Iterator, Sequence

from fraud_stream.monitor.limits import BATCH_SECONDS
from fraud_stream.monitor.section import Check, Section, judged, unknown
from fraud_stream.monitor.seen import BatchLoss, BatchRun, BatchRuns, Seen
from fraud_stream.monitor.text import duration

#: The step that finishes a day.
LAST = "export"


def batch(seen: Seen) -> Section:
    """What the warehouse knows of its runs."""
    known = seen.batch
    if known is None:
        return Section({}, note="no batch pipeline is known here")
    if known.trouble:
        return Section({}, (unknown("steps", known.trouble),))
    lately = [one for one in known.runs if seen.at - one.started_at <= seen.asked]
    lost = [one for one in known.lost if seen.at - one.found_at <= seen.asked]
    return Section(_figures(lately), (_steps(known), _finished(seen, known), *_lost(lost)))


def _figures(runs: Sequence[BatchRun]) -> dict[str, float]:
    return {
        "steps": len(runs),
        "failed": sum(not one.is_done for one in runs),
        "days": len({one.day for one in runs}),
        "rows_in": sum(one.rows_in for one in runs),
        "rows_out": sum(one.rows_out for one in runs),
        "rows_rejected": sum(one.rejected for one in runs),
        "work_seconds": sum(one.seconds for one in runs),
    }


def _steps(known: BatchRuns) -> Check:
    failed = list(_failed(known.runs))
    if not failed:
        return Check("steps", "ok", "the newest run of each step has gone well")
    first = failed[0]
    more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    advice = f"mend it, then `fraud-stream pipeline run --date {first.day}`"
    return Check("steps", "critical", f"{first.step} of {first.day} has failed: {first.error}{more}", advice)


def _lost(lost: Sequence[BatchLoss]) -> Iterator[Check]:
    """A warning where something was lost; nothing can be done about it but for the next time."""
    if lost:
        more = f", and {len(lost) - 1} more such" if len(lost) > 1 else ""
        advice = "run it more often, or have the topic keep its records for longer (retention.ms)"
        yield Check("retention", "warning", f"{lost[0].told}{more}", advice)


def _failed(runs: Sequence[BatchRun]) -> Iterator[BatchRun]:
    """The steps of days whose newest run has failed; `runs` has the newest first."""
    newest: dict[tuple[str, str], BatchRun] = {}
    for one in runs:
        newest.setdefault((one.day, one.step), one)
    return (one for one in newest.values() if not one.is_done)


def _finished(seen: Seen, known: BatchRuns) -> Check:
    last = max((one.started_at for one in known.runs if one.step == LAST and one.is_done), default=None)
    if last is None:
        return Check("finished", "warning", "no day was finished yet", "`fraud-stream pipeline run` finishes one")
    age = max(seen.at - last, 0.0)
    reason = f"a day was finished {duration(age)} ago; {duration(BATCH_SECONDS.warning)} are allowed"
    return judged("finished", BATCH_SECONDS.level(age), reason, "look whether Airflow, or whatever runs it, does")
