"""The measures of the counts against scikit-learn's and the evaluation's of the scores themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from fraud_stream.evaluation.measures import best_f1
from fraud_stream.models.live import calibration, delays, odds


def scored(number: int = 50_000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are calibrated, of which few are high; and labels."""
    rnd = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(5 - 2.5 * rnd.standard_normal(number)))
    return scores, rnd.random(number) < scores


def drawn(number: int) -> st.SearchStrategy:
    labels = arrays.arrays(np.bool_, number)
    return st.tuples(arrays.arrays(np.float64, number, elements=st.floats(0, 1)), labels)


some = st.integers(2, 60).flatmap(drawn).filter(lambda found: found[1].any() and not found[1].all())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", [10_000, 200_000])
def test_the_bins_cost_average_precision_and_auc_less_than_two_thousandths(seed: int, number: int) -> None:
    scores, frauds = scored(number, seed)
    counts = odds.counted(scores, frauds)
    assert odds.average_precision(counts) == pytest.approx(average_precision_score(frauds, scores), abs=0.002)
    assert odds.roc_auc(counts) == pytest.approx(roc_auc_score(frauds, scores), abs=0.0005)


@given(some)
@settings(deadline=None)
def test_with_the_scores_of_one_bin_for_equal_area_and_f1_are_exact(found: tuple[np.ndarray, np.ndarray]) -> None:
    scores, frauds = found
    counts, binned = odds.counted(scores, frauds), odds.bins_of(scores).astype(float)
    assert odds.roc_auc(counts) == pytest.approx(roc_auc_score(frauds, binned), abs=1e-12)
    assert odds.best_f1(counts)[0] == pytest.approx(best_f1(frauds, binned), abs=1e-12)


@given(st.lists(st.integers(0, odds.BINS - 1), min_size=1, max_size=60, unique=True), st.integers(0, 2**60))
def test_with_a_bin_for_each_score_average_precision_is_exact(places: list[int], labels: int) -> None:
    scores, frauds = odds.EDGES[places], np.array([labels >> n & 1 == 1 for n in range(len(places))])
    frauds[0] = True
    expected = average_precision_score(frauds, scores)
    assert odds.average_precision(odds.counted(scores, frauds)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("threshold", [0.5, float(odds.EDGES[120]), float(odds.EDGES[333])])
def test_rates_at_an_edge_are_those_of_the_scores(threshold: float) -> None:
    scores, frauds = scored()
    scores[:3] = threshold
    expected = [measure(frauds, scores >= threshold) for measure in (precision_score, recall_score, f1_score)]
    assert list(odds.rates_at(odds.counted(scores, frauds), threshold)) == pytest.approx(expected, abs=1e-12)


def test_the_best_threshold_gives_the_best_f1() -> None:
    scores, frauds = scored()
    best, threshold = odds.best_f1(odds.counted(scores, frauds))
    assert best == pytest.approx(best_f1(frauds, scores), abs=0.002)
    assert f1_score(frauds, scores >= threshold) == pytest.approx(best, abs=1e-12)


def test_every_edge_is_in_its_own_bin() -> None:
    assert odds.bins_of(odds.EDGES).tolist() == list(range(odds.BINS))


def test_without_a_fraud_nothing_can_be_told() -> None:
    counts = odds.counted(np.array([0.5, 0.9]), np.array([False, False]))
    found = [odds.average_precision(counts), odds.roc_auc(counts), odds.rates_at(counts, 0.5).recall]
    assert np.isnan(found).all()
    assert odds.rates_at(counts, 0.5).precision == 0.0
    assert np.isnan(odds.rates_at(counts, 0.95).precision)


def test_calibration_is_that_of_scikit_learn() -> None:
    scores, frauds = scored()
    share, said = calibration_curve(frauds, scores, n_bins=calibration.BINS)
    sums = calibration.summed(scores, frauds)
    found = calibration.bins(sums)
    np.testing.assert_allclose([one.share for one in found], share)
    np.testing.assert_allclose([one.said for one in found], said)
    weights = np.array([one.transactions for one in found]) / len(scores)
    assert calibration.expected_error(sums) == pytest.approx(float(np.sum(weights * np.abs(share - said))))
    assert np.isnan(calibration.expected_error(calibration.no_sums()))


def test_half_the_probability_is_found_out() -> None:
    scores, frauds = scored()
    honest, shy = (calibration.expected_error(calibration.summed(said, frauds)) for said in (scores, scores / 2))
    assert honest < 0.005 < shy


@given(st.lists(st.floats(1, 1e8), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_a_quantile_is_right_to_four_percent(lengths: list[float], share: float) -> None:
    expected = np.quantile(lengths, share, method="inverted_cdf")
    assert delays.quantile(delays.counted(np.array(lengths)), share) == pytest.approx(expected, rel=0.041)


def test_a_label_may_come_before_its_transaction_or_after_a_lifetime() -> None:
    counts = delays.counted(np.array([-5.0, 0.0, 1e12]))
    assert (counts[0], counts[-1]) == (2, 1)
    assert np.isnan(delays.quantile(counts * 0, 0.5))
