"""Which drifts the stream would have told of on a file."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_stream.evaluation.prequential import Judged
from fraud_stream.models.drift import (
    ALERT_RATE,
    FRAUD_LABEL_RATE,
    LOG_AMOUNT,
    MISSED_FRAUD_RATE,
    STREAMS,
    Change,
    MeanDetector,
    Values,
)
from fraud_stream.sections import ModelSettings


class Found(NamedTuple):
    """A drift.

    Attributes:
        stream: What has changed.
        time: When it would have been found, event time in seconds since 1970.
        change: What was found.
    """

    stream: str
    time: float
    change: Change


def drifts(judged: Judged, delay: float, model: ModelSettings, delta: float) -> list[Found]:
    """The drifts in order of time, as one worker would have found them.

    Args:
        judged: What was said of each transaction.
        delay: Seconds from a transaction to its label.
        model: From when on the model is asked, and from where on it alerts.
        delta: The significance of ADWIN.
    """
    times, frauds, alerts = judged.times, judged.frauds, alerted(judged, delay, model)
    streams: dict[str, tuple[NDArray[np.bool_] | Values, Values]] = {
        ALERT_RATE: (alerts, times),
        LOG_AMOUNT: (np.log1p(judged.amounts), times),
        FRAUD_LABEL_RATE: (frauds, times + delay),
        MISSED_FRAUD_RATE: (~alerts[frauds], times[frauds] + delay),
    }
    found = [one for name, (values, at) in streams.items() for one in _of_stream(name, values.astype(float), at, delta)]
    return sorted(found, key=lambda one: one.time)


def alerted(judged: Judged, delay: float, model: ModelSettings) -> NDArray[np.bool_]:
    """Whether each transaction would have been alerted by a rule, or by the model once it has learnt enough frauds."""
    known = np.searchsorted(judged.times, judged.times - delay, side="right")
    learnt = np.concatenate([[0], np.cumsum(judged.frauds)])[known]
    by_model = (learnt >= model.min_frauds) & (judged.scores["online"] >= model.alert_threshold)
    return by_model | (judged.scores["rules"] > 0.0)


def _of_stream(name: str, values: Values, times: Values, delta: float) -> list[Found]:
    detector = MeanDetector(STREAMS[name], delta)
    return [Found(name, float(times[change.index]), change) for change in detector.observe(values)]
