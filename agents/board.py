"""What every worker knows of the quality of the scores: what is published of it on `models`, and what follows.

The threshold is a function of what is published, so all workers have the same one within a moment.
"""

import logging
from typing import Any

import msgspec

from agents.models import panel, takers
from fraud_stream.app import settings
from fraud_stream.domain.decision import Thresholds
from fraud_stream.models.live import report
from fraud_stream.models.live.day import KIND as EVALUATION
from fraud_stream.models.live.day import EvaluationDay
from fraud_stream.models.live.quality import LiveQuality
from fraud_stream.models.live.threshold import Threshold, by_best_f1, by_budget
from fraud_stream.models.live.traffic import KIND as TRAFFIC
from fraud_stream.models.live.traffic import Traffic, together
from fraud_stream.models.promotion import Decides

log = logging.getLogger(__name__)
#: The names of `metrics`, and what each is.
METRICS = report.METRICS
_day_decoder = msgspec.json.Decoder(EvaluationDay)
_traffic_decoder = msgspec.json.Decoder(Traffic)
_UNSOUND = (ValueError, OverflowError, RecursionError)


class Board:
    """What is published.

    Attributes:
        quality: What labels have told.
        traffic: By partition what was scored.
        refused: Records that were damaged.
    """

    def __init__(self) -> None:
        self.quality = LiveQuality(settings.evaluation.cards)
        self.traffic: dict[int, Traffic] = {}
        self.refused = 0
        self._thresholds: dict[Decides, Threshold] = {}

    def take_day(self, value: bytes) -> None:
        """Take what labels have told of a day; what is damaged is passed over."""
        try:
            self.quality.take(_day_decoder.decode(value))
        except _UNSOUND as error:
            self._refuse(error)
        self._thresholds = {}

    def take_traffic(self, value: bytes) -> None:
        """Take what was scored in a partition; what is damaged is passed over."""
        try:
            self.know(_traffic_decoder.decode(value).check())
        except _UNSOUND as error:
            self._refuse(error)

    def know(self, traffic: Traffic) -> None:
        """Keep what was scored in a partition, if it is newer."""
        known = self.traffic.get(traffic.partition)
        if known is None or known.transactions < traffic.transactions:
            self.traffic[traffic.partition] = traffic
        self._thresholds = {}

    @property
    def threshold(self) -> Threshold:
        """The threshold in force, and where it came from: that of the contestant who decides now."""
        who = panel.decides
        if who not in self._thresholds:
            self._thresholds[who] = self._followed(who) or fixed()
        return self._thresholds[who]

    @property
    def thresholds(self) -> Thresholds:
        """From where on it alerts and blocks."""
        return Thresholds(self.threshold.value, settings.model.block_threshold, settings.anomaly.doubt)

    def evaluation(self) -> report.Evaluation:
        """What the figures are made of."""
        traffic = together(one.days for one in self.traffic.values())
        evaluation = settings.evaluation
        return report.Evaluation(self.quality.days(), traffic, self.threshold, evaluation.days, evaluation.cards)

    def _followed(self, who: Decides) -> Threshold | None:
        """The threshold for a contestant by what is known; None where it is fixed, or too little is known."""
        if settings.model.threshold_by == "best-f1":
            counts = [day.contestants[who].counts for day in self.quality.days() if who in day.contestants]
            value = by_best_f1(counts, settings.evaluation.days)
            why = f"the best F1 of {who} in the last {settings.evaluation.days} days with labels"
            return None if value is None else Threshold(value, "best-f1", why)
        if settings.model.threshold_by == "budget":
            days = together(one.days for one in self.traffic.values())
            value = by_budget(days.values(), who, settings.model.alert_budget)
            why = f"at most {settings.model.alert_budget:g} transactions a day exceed it by the score of {who}"
            return None if value is None else Threshold(value, "budget", why)
        return None

    def _refuse(self, error: Any) -> None:
        self.refused += 1
        log.error("refused what %s says of quality: %s", settings.topics.models, error)


def fixed() -> Threshold:
    """The threshold of the settings."""
    follows = settings.model.threshold_by
    why = "[model] alert_threshold" if follows == "fixed" else f"too little is known for {follows} yet"
    return Threshold(settings.model.alert_threshold, "fixed", why)


def page() -> dict[str, Any]:
    """The figures as JSON."""
    return report.page(board.evaluation())


def metrics() -> list[report.Sample]:
    """The figures by the names of `report.METRICS`."""
    return report.metrics(board.evaluation())


board = Board()
takers[EVALUATION] = board.take_day
takers[TRAFFIC] = board.take_traffic
