"""What the worker would have alerted, by what made the alert."""

import numpy as np
import pytest

from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.alerts import Alerted, alerted
from fraud_stream.evaluation.prequential import COLD_START, DOUBT, MODEL, RULES, Judged, Prequential
from fraud_stream.sections import AnomalySettings, ModelSettings
from fraud_stream.settings import Settings
from tests.evaluation.test_prequential import START, payments


def judged(*told: tuple[str, str]) -> Judged:
    """Payments: what alerted each, and its kind of fraud."""
    alerts, kinds = (np.array(column) for column in zip(*told, strict=True))
    zeros = np.zeros(len(told))
    return Judged(zeros, zeros.astype(int), kinds != "", {"online": zeros}, zeros, alerts, kinds)


def test_alerts_are_told_by_what_made_them_and_frauds_by_their_kind() -> None:
    found = alerted(judged((RULES, "burst"), (RULES, ""), (MODEL, "burst"), ("", "leak"), (COLD_START, "leak")))
    rows = {one.name: one for one in found}
    assert list(rows) == [RULES, MODEL, COLD_START, DOUBT, "all", "burst", "leak"]
    assert rows[RULES] == Alerted(RULES, 2, 0.5, 0.25, pytest.approx(1 / 3))
    assert rows["all"] == Alerted("all", 4, 0.75, 0.75, 0.75)
    assert np.isnan(rows[DOUBT].precision)
    assert (rows["burst"].recall, rows["leak"].recall, rows["leak"].alerts) == (1.0, 0.5, 1)


def test_a_part_of_the_payments_keeps_what_alerted_them() -> None:
    part = judged((RULES, "burst"), (MODEL, "leak")).only(np.array([False, True]))
    assert (part.alerts.tolist(), part.kinds.tolist()) == ([MODEL], ["leak"])


@pytest.fixture(scope="module")
def whole() -> Judged:
    settings = Settings(model=ModelSettings(min_frauds=200), anomaly=AnomalySettings(share=0.02))
    return Prequential(settings, DAY, with_challenger=False).run(payments(18))


def test_the_model_alerts_once_it_has_learnt_enough_frauds_and_the_detector_before(whole: Judged) -> None:
    asked = whole.times[whole.alerts == MODEL].min()
    assert (whole.frauds & (whole.times < asked - DAY)).sum() >= 200
    cold = whole.times[whole.alerts == COLD_START]
    assert START + 2_000 / 240 * DAY < cold.min() <= cold.max() < asked  # 2,000 payments are seen before


def test_half_space_trees_are_a_contestant(whole: Judged) -> None:
    scores = whole.scores["half-space trees"]
    assert not scores[:1_000].any()
    later = np.arange(len(scores)) >= 1_000
    assert scores[whole.frauds & later].mean() > scores[~whole.frauds & later].mean() + 0.1
