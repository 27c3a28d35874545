"""The models: who decides, how old and how good they are, and what has drifted."""

from typing import Any

from fraud_stream.monitor.limits import LABELS_WITHIN, MODEL_AGE_SECONDS
from fraud_stream.monitor.section import Check, Section, judged, unknown, whole
from fraud_stream.monitor.seen import Seen
from fraud_stream.monitor.text import duration

_QUANTILES = {"p50": "0.5", "p90": "0.9", "p99": "0.99"}
#: What labels tell of the scores of each contestant.
_QUALITY = ("average_precision_ratio", "roc_auc_ratio", "calibration_error_ratio")
#: What labels tell of the alerts, rules included.
_ALERTS = ("alerts_precision_ratio", "alerts_recall_ratio", "alerts_f1_ratio")


def model(seen: Seen) -> Section:
    """How the models are."""
    now = seen.now
    figures = {
        "decides": ", ".join(now.shared_by("model_decides", "model")) or None,
        "models": _models(seen),
        "labels_learnt": _count(now.shared("model_labels_learnt")),
        "alert_threshold_ratio": now.shared("alert_threshold_ratio"),
        "labelled_ratio": now.shared("labelled_ratio"),
        "label_delay_seconds": {
            name: now.shared("label_delay_seconds", quantile=part) for name, part in _QUANTILES.items()
        },
        **{name: now.shared(name) for name in _ALERTS},
        **{name: now.shared_by(f"quality_{name}", "contestant") for name in _QUALITY},
        "drifts": round(now.counted("drifts")),
        "drifts_by_stream": whole(now.counted_by("drifts", "stream")),
        "announcements_refused": round(now.counted("announcements_refused")),
    }
    return Section(figures, (stale(seen), drift(seen)))


def _models(seen: Seen) -> dict[str, dict[str, Any]]:
    """By name; the age is that of the newest, as the workers may not have read it all yet."""
    versions = seen.now.shared_by("model_version", "model")
    return {name: {"version": round(version), "age_seconds": _age(seen, name)} for name, version in versions.items()}


def _age(seen: Seen, name: str) -> float | None:
    return min((one.value for one in seen.now.gauges("model_age_seconds", model=name)), default=None)


def _count(value: float | None) -> int | None:
    return None if value is None else round(value)


def stale(seen: Seen) -> Check:
    """Whether the online model is published while labels come."""
    age = _age(seen, "online")
    if age is None:
        return unknown("model_age", "no online model is published")
    reason = f"the online model was published {duration(age)} ago"
    if MODEL_AGE_SECONDS.level(age) == "ok":
        return Check("model_age", "ok", reason)
    if seen.labels_lately is None:
        within = duration(LABELS_WITHIN)
        return unknown("model_age", f"{reason}; only Prometheus knows whether labels came within {within}")
    if not seen.labels_lately:
        return Check("model_age", "ok", f"{reason}, and no labels come")
    advice = "look at fraud_stream_labelled_left_out_total, and at the log of the worker that reads `labelled`"
    return judged("model_age", MODEL_AGE_SECONDS.level(age), f"{reason}, though labels come", advice)


def drift(seen: Seen) -> Check:
    """Whether a stream of numbers has changed within the time that was asked for."""
    changed = {name: count for name, count in whole(seen.now.counted_by("drifts", "stream")).items() if count}
    if not changed:
        return Check("drift", "ok", "nothing that is watched has changed")
    reason = "changes found: " + ", ".join(f"{name} {count}" for name, count in changed.items())
    if not seen.is_recent:
        return unknown("drift", f"{reason} since the workers were started; only Prometheus knows when")
    advice = "look at /drift/ of a worker; a new challenger may help: `fraud-stream train`"
    return Check("drift", "warning", reason, advice)
