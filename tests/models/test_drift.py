from collections.abc import Callable

import numpy as np
import pytest

from fraud_stream.models import drift
from fraud_stream.models.drift import (
    ALERT_RATE,
    FRAUD_LABEL_RATE,
    LOG_AMOUNT,
    MISSED_FRAUD_RATE,
    STREAMS,
    Change,
    MeanDetector,
    Values,
    message,
)
from fraud_stream.settings import Settings

DELTA = Settings().drift.delta
Numbers = Callable[[np.random.Generator, int, float], Values]


def flags(share: float) -> Numbers:
    return lambda rng, count, times: (rng.random(count) < share * times).astype(float)


def amounts(rng: np.random.Generator, count: int, times: float) -> Values:
    return np.log1p(times * rng.lognormal(3.5, 1.0, count))


#: About what the Handbook's payments give.
USUAL: dict[str, Numbers] = {
    ALERT_RATE: flags(0.008),
    LOG_AMOUNT: amounts,
    FRAUD_LABEL_RATE: flags(0.008),
    MISSED_FRAUD_RATE: flags(0.25),
}


def detector(name: str) -> MeanDetector:
    return MeanDetector(STREAMS[name], DELTA)


@pytest.mark.parametrize(
    ("name", "count"),
    [(ALERT_RATE, 1_000_000), (LOG_AMOUNT, 1_000_000), (FRAUD_LABEL_RATE, 1_000_000), (MISSED_FRAUD_RATE, 100_000)],
)
@pytest.mark.parametrize("seed", range(5))
def test_a_million_numbers_of_one_distribution_are_no_drift(name: str, count: int, seed: int) -> None:
    """Frauds are a hundredth of the labels: of them 100,000 are many."""
    watching = detector(name)
    assert watching.observe(USUAL[name](np.random.default_rng(seed), count, 1.0)) == []
    assert watching.drifts == 0


@pytest.mark.parametrize(
    ("name", "times", "within"),
    [
        (ALERT_RATE, 3.0, 3_500),
        (ALERT_RATE, 0.0, 6_000),
        (LOG_AMOUNT, 1.5, 900),
        (LOG_AMOUNT, 0.5, 900),
        (FRAUD_LABEL_RATE, 3.0, 3_500),
        (MISSED_FRAUD_RATE, 2.0, 200),
    ],
)
@pytest.mark.parametrize("seed", range(10))
def test_a_change_is_found_soon_and_once(name: str, times: float, within: int, seed: int) -> None:
    rng, watching = np.random.default_rng(seed), detector(name)
    usual, changed = USUAL[name](rng, 100_000, 1.0), USUAL[name](rng, 100_000, times)
    assert watching.observe(usual) == []
    (change,) = watching.observe(changed)
    assert change.index < within
    assert change.before == pytest.approx(usual.mean(), rel=0.02)
    assert change.index / 4 < change.count < 2 * change.index + 200
    assert (change.after > change.before) == (times > 1)
    assert watching.drifts == 1


@pytest.mark.parametrize("size", [1, 7, 99, 100, 101, 2_000])
def test_the_chunks_are_indifferent(size: int) -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([amounts(rng, 3_050, 1.0), amounts(rng, 4_000, 2.0)])
    (expected,) = detector(LOG_AMOUNT).observe(values)
    watching, found = detector(LOG_AMOUNT), []
    for start in range(0, len(values), size):
        found += [(start, change) for change in watching.observe(values[start : start + size])]
    ((start, change),) = found
    assert start + change.index == expected.index
    assert (change.after, change.count) == (pytest.approx(expected.after), expected.count)


def test_since_when_is_told_by_the_best_cut() -> None:
    watching = detector(FRAUD_LABEL_RATE)
    watching.observe(np.tile([0.0] * 49 + [1.0], 100))
    (change,) = watching.observe(np.tile([0.0] * 9 + [1.0], 100))
    assert (change.before, change.after) == (pytest.approx(0.02), pytest.approx(0.1))
    assert change.count == change.index + 1


def test_the_estimate_is_of_whole_groups_since_the_last_drift() -> None:
    watching = detector(ALERT_RATE)
    assert (watching.estimate, watching.count) == (None, 0)
    watching.observe(np.ones(99))
    assert watching.estimate is None
    watching.observe(np.array([0.0] + [1.0] * 50))
    assert (watching.estimate, watching.count) == (0.99, 100)
    watching.observe(np.ones(4_950))
    (change,) = watching.observe(np.tile([0.0, 1.0], 2_000))
    assert (watching.estimate, watching.count) == (0.5, 4_000 - change.index - 1)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "REMEMBERED", 20)
    watching = detector(ALERT_RATE)
    watching.observe(np.tile([0.0, 1.0], 10_000))
    assert watching.count == 2_000


def test_of_nothing_nothing_follows() -> None:
    watching = detector(MISSED_FRAUD_RATE)
    assert watching.observe(np.array([])) == []
    assert watching.count == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (FRAUD_LABEL_RATE, "the share of frauds fell from 50 % to 2.5 % over the last 1,200 labels"),
        (MISSED_FRAUD_RATE, "the share of missed frauds fell from 50 % to 2.5 % over the last 1,200 frauds"),
    ],
)
def test_messages_are_for_people(name: str, expected: str) -> None:
    assert message(name, Change(0, 0.5, 0.025, 1_200)) == expected
