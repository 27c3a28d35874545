"""What comes in: what cannot be read, what is missing, late or twice, and labels."""

from fraud_stream.monitor.consumer import errors
from fraud_stream.monitor.limits import MISSING_RISE
from fraud_stream.monitor.samples import Samples
from fraud_stream.monitor.section import Check, Section, judged, share, unknown, whole
from fraud_stream.monitor.seen import Seen
from fraud_stream.monitor.text import percent


def data(seen: Seen) -> Section:
    """How good the records are."""
    now, newest = seen.now, seen.now.shared("stream_timestamp_seconds")
    figures = {
        "errors": round(now.counted("dead_letters")),
        "errors_by_reason": whole(now.counted_by("dead_letters", "reason")),
        "missing_ratio": missing(now),
        "special_transactions": whole(now.counted_by("transactions_special", "what")),
        "labels": round(now.counted("labels")),
        "labels_by_outcome": whole(now.counted_by("labels", "what")),
        "labelled_left_out": whole(now.counted_by("labelled_left_out", "why")),
        "newest_event_age_seconds": None if newest is None else max(seen.at - newest, 0.0),
    }
    return Section(figures, (errors(seen), fields(seen)))


def missing(samples: Samples) -> dict[str, float]:
    """The share of the transactions that lack a field, by field; nothing of nothing."""
    decided = samples.counted("transactions_scored")
    shares = {name: share(count, decided) for name, count in samples.counted_by("missing_fields", "field").items()}
    return {name: part for name, part in shares.items() if part is not None}


def fields(seen: Seen) -> Check:
    """Whether a field is missing that was there before."""
    if seen.before is None:
        return unknown("missing_fields", "only Prometheus knows what was missing before")
    now, before = missing(seen.now), missing(seen.before)
    rises = {name: now[name] - before[name] for name in now.keys() & before.keys()}
    if not rises:
        return unknown("missing_fields", "there are no transactions of both times to compare")
    field = max(sorted(rises), key=rises.__getitem__)
    reason = f"{field} is missing in {percent(now[field])} of the transactions, {percent(before[field])} before"
    advice = "look whether whoever sends the payments has renamed it: [fields] says what each is called"
    return judged("missing_fields", MISSING_RISE.level(rises[field]), reason, advice)
