"""The component that decides: how many, how fast, how sure, and what alerts."""

import math

from fraud_stream.monitor.limits import ALERT_SPIKE, FEW_ALERTS, QUIET_SECONDS, UNDECIDED_RATIO
from fraud_stream.monitor.samples import Samples
from fraud_stream.monitor.section import Check, Section, judged, share, spread, unknown, whole
from fraud_stream.monitor.seen import Seen
from fraud_stream.monitor.text import duration, number, percent

#: Severities of an alert that are a high risk.
HIGH_RISK = ("HIGH", "CRITICAL")


def predictions(seen: Seen) -> Section:
    """How transactions are decided."""
    now, decided = seen.now, seen.now.counted("transactions_scored")
    sure = now.histogram("confidence_ratio")
    high = math.fsum(now.counted("alerts", severity=severity) for severity in HIGH_RISK)
    figures = {
        "decisions": round(decided),
        "decisions_per_second": seen.rate("transactions_scored"),
        "latency_seconds": spread(now.histogram("event_to_decision_seconds")),
        "model_asked_ratio": share(sure.number, decided),
        "confidence_ratio": sure.mean,
        "alerts": round(now.counted("alerts")),
        "alert_ratio": alert_ratio(now),
        "alert_ratio_before": None if seen.before is None else alert_ratio(seen.before),
        "high_risk": round(high),
        "high_risk_ratio": share(high, decided),
        "alerts_by_severity": whole(now.counted_by("alerts", "severity")),
        "alerts_by_type": whole(now.counted_by("alerts", "type")),
    }
    return Section(figures, (decisions(seen), spike(seen)))


def alert_ratio(samples: Samples) -> float | None:
    """The share of the transactions that alert; None of nothing."""
    return share(samples.counted("alerts"), samples.counted("transactions_scored"))


def decisions(seen: Seen) -> Check:
    """Whether what is read is decided."""
    read, decided = seen.now.counted("transactions_read"), seen.now.counted("transactions_scored")
    if decided:
        return Check("decisions", "ok", f"{number(round(decided))} transactions were decided")
    if seen.span is None or seen.span < QUIET_SECONDS or _undecided(seen.now) <= UNDECIDED_RATIO * read:
        return unknown("decisions", "there was nothing to decide yet")
    reason = f"{number(round(read))} messages were read in {duration(seen.span)}, and none was decided"
    return Check("decisions", "critical", reason, "look at the workers' logs")


def _undecided(samples: Samples) -> float:
    """What was read and should have been decided, where nothing was."""
    again = (samples.counted("transactions_special", what=what) for what in ("duplicate", "replayed"))
    return samples.counted("transactions_read") - samples.counted("dead_letters") - math.fsum(again)


def spike(seen: Seen) -> Check:
    """Whether a much larger share of the transactions alerts than before."""
    if seen.before is None:
        return unknown("alert_spike", "only Prometheus knows how many alerted before")
    now, before = alert_ratio(seen.now), alert_ratio(seen.before)
    if now is None or before is None:
        return unknown("alert_spike", f"nothing was decided{'' if now is None else ' in the time before'}")
    reason = f"{percent(now)} of the transactions alert, {percent(before)} did before"
    if seen.now.counted("alerts") <= FEW_ALERTS:
        return Check("alert_spike", "ok", reason)
    grown = now / before if before else math.inf
    advice = "look which rule it is, or the model: alerts by type, fraud_stream_rule_hits_total by rule"
    return judged("alert_spike", ALERT_SPIKE.level(grown), reason, advice)
