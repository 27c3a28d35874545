import numpy as np
import pytest
from numpy.typing import NDArray

from fraud_stream.domain.decision import Watched
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.models import anomaly
from fraud_stream.models.anomaly import LARGEST, WINDOW, AnomalyDetector

NAMES = FeatureMaker().names
SHARE = 0.01


def usual(length: int, seed: int = 1) -> NDArray[np.float64]:
    """Ordinary payments: amounts around 30, one an hour, nothing new."""
    rnd = np.random.default_rng(seed)
    rows = np.zeros((length, len(NAMES)))
    rows[:, NAMES.index("amount")] = rnd.lognormal(3.4, 0.5, length)
    rows[:, NAMES.index("amount_ratio_winsorised")] = rnd.lognormal(0.0, 0.3, length)
    for name in ("sliding_count_1h", "sliding_locations_1h", "sliding_devices_1h"):
        rows[:, NAMES.index(name)] = 1.0
    rows[:, NAMES.index("hour")] = rnd.uniform(0, 24, length)
    return rows


def odd(**values: float) -> NDArray[np.float64]:
    row = usual(1, seed=9)
    for name, value in values.items():
        row[0, NAMES.index(name)] = value
    return row


def watched(rows: NDArray[np.float64], chunk: int) -> Watched:
    detector = AnomalyDetector(NAMES, SHARE)
    parts = [detector.watch(rows[n : n + chunk]) for n in range(0, len(rows), chunk)]
    return Watched([s for part in parts for s in part.scores], [u for part in parts for u in part.is_unusual])


@pytest.fixture
def detector() -> AnomalyDetector:
    """One that has seen three windows."""
    made = AnomalyDetector(NAMES, SHARE)
    made.watch(usual(3 * WINDOW))
    return made


def test_it_looks_at_no_feature_that_needs_labels_and_not_at_the_calendar() -> None:
    assert set(NAMES) >= LARGEST.keys()
    wrong = ("merchant", "customer_", "hour", "is_night", "is_weekend")
    assert not [name for name in LARGEST if name.startswith(wrong)]


def test_it_has_no_opinion_before_two_windows() -> None:
    rows = np.vstack([usual(2 * WINDOW - 1), odd(amount=4_000.0, is_new_device=1.0, sliding_devices_1h=4.0)])
    found = watched(rows, 300)
    assert found.scores[:WINDOW] == [None] * WINDOW
    assert None not in found.scores[WINDOW:]
    assert not any(found.is_unusual)


def test_what_is_unusual_is_told_and_the_usual_is_not(detector: AnomalyDetector) -> None:
    rows = np.vstack([odd(amount=4_000.0, amount_ratio_winsorised=40.0, is_new_device=1.0), usual(1, seed=5)])
    found = detector.watch(rows)
    assert found.is_unusual == [True, False]
    assert found.scores[0] > found.scores[1] + 0.2  # type: ignore[operator]


def test_the_budget_is_kept() -> None:
    found = watched(usual(12 * WINDOW), 2_000)
    told = sum(found.is_unusual) / (10 * WINDOW)
    assert 0.5 * SHARE < told < 1.5 * SHARE


def test_the_budget_is_kept_where_many_are_alike() -> None:
    found = watched(np.repeat(usual(1), 4 * WINDOW, axis=0), 2_000)
    assert not any(found.is_unusual)


@pytest.mark.parametrize("chunk", [1, 333, 2_500])
def test_it_does_not_matter_how_they_come_in_chunks(chunk: int) -> None:
    rows = usual(2 * WINDOW + 500)
    one, other = watched(rows, chunk), watched(rows, len(rows))
    assert one.is_unusual == other.is_unusual
    assert one.scores[WINDOW:] == pytest.approx(other.scores[WINDOW:], rel=1e-12)


def test_reasons_are_the_features_that_are_not_usual_the_largest_first(detector: AnomalyDetector) -> None:
    rows = np.vstack([odd(is_new_device=1.0), odd(amount=4_000.0, amount_ratio_winsorised=40.0, is_new_location=1.0)])
    device, more = detector.reasons(rows, 2)
    assert (device[0].feature, device[0].value) == ("is_new_device", 1.0)
    assert len(more) == 2
    assert {one.feature for one in more} < {"amount", "amount_ratio_winsorised", "is_new_location"}
    assert more[0].amount >= more[1].amount > 0
    without = odd()
    whole = detector.watch(rows[:1]).scores[0] - detector.watch(without).scores[0]  # type: ignore[operator]
    assert device[0].amount == pytest.approx(whole, abs=0.1)


def test_asking_for_reasons_changes_nothing(detector: AnomalyDetector) -> None:
    row = odd(amount=4_000.0)
    assert detector.reasons(row, 3) == detector.reasons(row, 3)


def test_what_it_keeps_is_bounded(detector: AnomalyDetector) -> None:
    detector.watch(usual(15 * WINDOW + 10))
    assert len(detector._recent) == anomaly.WINDOWS
    assert sum(len(rows) for rows, _ in detector._window) == 10
