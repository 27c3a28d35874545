"""Which drifts are found in what was judged."""

import numpy as np
import pytest

from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.drifts import alerted, drifts
from fraud_stream.evaluation.prequential import Judged
from fraud_stream.sections import ModelSettings

COUNT = 40_000
#: A payment a minute.
TIMES = np.arange(COUNT) * 60.0
CHANGED = COUNT // 2
MODEL = ModelSettings(min_frauds=50, alert_threshold=0.5)
DELAY = 2 * DAY


def judged(fraud: float = 0.02, amount: float = 1.0, caught: float = 0.7) -> Judged:
    """Payments that have, from the middle on, this share of frauds, amounts times this, this share of frauds caught."""
    rng = np.random.default_rng(5)
    late = np.arange(COUNT) >= CHANGED
    frauds = rng.random(COUNT) < np.where(late, fraud, 0.02)
    scores = np.where(frauds & (rng.random(COUNT) < np.where(late, caught, 0.7)), 0.9, 0.1)
    amounts = rng.lognormal(3.0, 1.0, COUNT) * np.where(late, amount, 1.0)
    customers = np.zeros(COUNT, dtype=np.int64)
    return Judged(TIMES, customers, frauds, {"online": scores, "rules": np.zeros(COUNT)}, amounts)


def found(one: Judged) -> dict[str, float]:
    """The streams of which a drift was found after the change, and how many transactions later.

    Before it they change as the model is asked for the first time.
    """
    late = [each for each in drifts(one, DELAY, MODEL, 0.002) if each.time > TIMES[CHANGED]]
    return {each.stream: (each.time - TIMES[CHANGED]) / 60.0 for each in late}


def test_where_nothing_changes_nothing_is_found() -> None:
    assert found(judged()) == {}


def test_amounts() -> None:
    assert found(judged(amount=1.5)) == {"log_amount": pytest.approx(1_000, abs=500)}


def test_frauds_are_found_when_labels_are_known_and_alerts_at_once() -> None:
    told = found(judged(fraud=0.06))
    assert told.keys() == {"fraud_label_rate", "alert_rate"}
    assert told["alert_rate"] < 1_500
    assert DELAY / 60 < told["fraud_label_rate"] < DELAY / 60 + 1_500


def test_frauds_that_are_missed_are_found_when_labels_are_known() -> None:
    told = found(judged(caught=0.2))
    assert told["missed_fraud_rate"] > DELAY / 60


def test_the_model_alerts_once_enough_frauds_are_known() -> None:
    one = judged()
    flags = alerted(one, DELAY, MODEL)
    first = int(np.flatnonzero(flags)[0])
    assert np.sum(one.frauds[: first - int(DELAY / 60) + 1]) >= 50
    assert flags[first:].sum() == (one.scores["online"][first:] >= 0.5).sum()


def test_rules_alert_from_the_beginning() -> None:
    one = judged()
    one.scores["rules"][7] = 0.5
    assert alerted(one, DELAY, MODEL)[7]
