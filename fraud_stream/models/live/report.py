"""What a live evaluation tells: as a page, and as samples for a monitoring system."""

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from fraud_stream.models.live import calibration
from fraud_stream.models.live.day import QualityDay, day_name
from fraud_stream.models.live.figures import (
    DELAY_QUANTILES,
    Figures,
    cards_by_day,
    contestants,
    figures_of,
    label_delays,
    sent,
    sums_of,
)
from fraud_stream.models.live.threshold import Threshold
from fraud_stream.models.live.traffic import TrafficDay

#: The samples of `metrics`, and what each is.  All are of the last ``[evaluation] days`` days with labels; what cannot
#: be told yet is missing.  What each contestant has is labelled ``contestant``.
METRICS: Mapping[str, str] = {
    "fraud_stream_alert_threshold_ratio": "the model's probability of fraud from which it alerts",
    "fraud_stream_labelled_ratio": "labelled transactions, of all that were scored",
    "fraud_stream_label_delay_seconds": "from a transaction to its label; labelled quantile 0.5, 0.9, 0.99",
    "fraud_stream_alerts_precision_ratio": "frauds among the labelled transactions that had alerted, rules included",
    "fraud_stream_alerts_recall_ratio": "the share of the labelled frauds that had alerted",
    "fraud_stream_alerts_f1_ratio": "the harmonic mean of both",
    "fraud_stream_quality_average_precision_ratio": "area under the precision-recall curve of a contestant's scores",
    "fraud_stream_quality_roc_auc_ratio": "area under their ROC curve",
    "fraud_stream_quality_precision_ratio": "frauds among the scores from the threshold in force on",
    "fraud_stream_quality_recall_ratio": "the share of the frauds that are from the threshold in force on",
    "fraud_stream_quality_f1_ratio": "the harmonic mean of both",
    "fraud_stream_quality_best_f1_ratio": "the best F1 of all thresholds",
    "fraud_stream_quality_best_threshold_ratio": "the threshold that gives it",
    "fraud_stream_quality_card_precision_ratio": "Card Precision@k, the mean of the days",
    "fraud_stream_quality_calibration_error_ratio": "expected calibration error",
}
_OF_CONTESTANTS = "fraud_stream_quality_"


class Sample(NamedTuple):
    """A number with a name, and labels that tell it from others of that name."""

    name: str
    value: float
    labels: Mapping[str, str] = MappingProxyType({})


class Evaluation(NamedTuple):
    """What a report is made of.

    Attributes:
        days: What labels say of the days that are remembered, the oldest first.
        traffic: All scored transactions of each day.
        threshold: The threshold in force.
        window: How many days the figures are of.
        cards: Cards that are looked at in a day.
    """

    days: Sequence[QualityDay]
    traffic: Mapping[int, TrafficDay]
    threshold: Threshold
    window: int
    cards: int

    @property
    def recent(self) -> Sequence[QualityDay]:
        """The days that the figures are of."""
        return self.days[-self.window :]


def page(whole: Evaluation) -> dict[str, Any]:
    """The figures as JSON; null is what cannot be told."""
    days = whole.recent
    delays = label_delays(days)
    shown: dict[str, Any] = {
        "days": [day_name(day.day) for day in days],
        "cards": whole.cards,
        "threshold": whole.threshold._asdict(),
        **_of_labels(whole, days),
        "label_delay_seconds": delays,
        "contestants": {name: _contestant(whole, name) for name in contestants(days)},
        "by_day": _by_day(whole),
    }
    return {name: _known(part) for name, part in shown.items()}


def metrics(whole: Evaluation) -> list[Sample]:
    """The figures by the names of `METRICS`."""
    days = whole.recent
    delays, rates = label_delays(days), sent(days).rates
    found = [
        Sample("fraud_stream_alert_threshold_ratio", whole.threshold.value),
        Sample("fraud_stream_labelled_ratio", _labelled_share(whole, days)),
        *(
            Sample("fraud_stream_label_delay_seconds", delays[name], {"quantile": str(share)})
            for name, share in DELAY_QUANTILES.items()
        ),
        *(Sample(f"fraud_stream_alerts_{name}_ratio", value) for name, value in rates._asdict().items()),
        *(one for contestant in contestants(days) for one in _metrics_of(whole, contestant)),
    ]
    return [one for one in found if not math.isnan(one.value)]


def _metrics_of(whole: Evaluation, name: str) -> Iterator[Sample]:
    for what, value in _figures(whole, name)._asdict().items():
        metric = f"{_OF_CONTESTANTS}{what}_ratio"
        if metric in METRICS:
            yield Sample(metric, value, {"contestant": name})


def _figures(whole: Evaluation, name: str) -> Figures:
    return figures_of(whole.recent, name, whole.threshold.value, whole.cards)


def _contestant(whole: Evaluation, name: str) -> dict[str, Any]:
    bins = calibration.bins(sums_of(whole.recent, name))
    return {**_figures(whole, name)._asdict(), "calibration": [one._asdict() for one in bins]}


def _of_labels(whole: Evaluation, days: Sequence[QualityDay]) -> dict[str, Any]:
    found = sent(days)
    return {
        "labelled": found.labelled,
        "frauds": found.frauds,
        "labelled_share": _labelled_share(whole, days),
        "alerts": {"labelled": found.alerted, **found.rates._asdict()},
    }


def _labelled_share(whole: Evaluation, days: Sequence[QualityDay]) -> float:
    scored = sum(whole.traffic[day.day].transactions for day in days if day.day in whole.traffic)
    return min(sum(day.noted for day in days) / scored, 1.0) if scored else math.nan


def _by_day(whole: Evaluation) -> list[dict[str, Any]]:
    names = contestants(whole.days)
    cards = {name: cards_by_day(whole.days, name, whole.cards) for name in names}
    return [
        {
            "day": day_name(day.day),
            **_of_labels(whole, [day]),
            "label_delay_seconds": label_delays([day]),
            "contestants": {
                name: figures_of([day], name, whole.threshold.value, whole.cards)
                ._replace(card_precision=cards[name][day.day])
                ._asdict()
                for name in names
                if name in day.contestants
            },
        }
        for day in whole.days
    ]


def _known(value: Any) -> Any:
    """The same with null for what is not a number."""
    if isinstance(value, dict):
        return {name: _known(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_known(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value
