import math
import random

import numpy as np
import pytest
from river import checks

from fraud_stream.models import binned
from fraud_stream.models.binned import BinnedLogisticRegression, logistic

NAMES = ["amount", "count", "hour"]
CROSSES = (("amount", "count"),)


def stream(seed: int, length: int) -> tuple[np.ndarray, list[bool]]:
    """Fraud is what is high and rare at once: nothing that one feature tells alone."""
    rnd = np.random.default_rng(seed)
    rows = np.column_stack([rnd.lognormal(3, 1, length), rnd.integers(0, 10, length), rnd.uniform(0, 24, length)])
    return rows, ((rows[:, 0] > 30) & (rows[:, 1] < 3)).tolist()


def learnt(length: int = 8_000, **arguments: object) -> BinnedLogisticRegression:
    model = BinnedLogisticRegression(**{"crosses": CROSSES, **arguments})  # type: ignore[arg-type]
    model.learn_rows(NAMES, *stream(1, length))
    return model


@pytest.mark.parametrize("arguments", list(BinnedLogisticRegression._unit_test_params()))
def test_it_is_a_sound_estimator_to_river(arguments: dict[str, float]) -> None:
    model = BinnedLogisticRegression(**arguments)  # type: ignore[arg-type]
    names = set()
    for check in checks.yield_checks(model):
        check(model.clone())
        names.add(getattr(check, "__name__", ""))
    assert len(names) > 10


def test_rows_are_learnt_as_one_at_a_time() -> None:
    rows, labels = stream(1, 1_700)
    by_one, together = (BinnedLogisticRegression(CROSSES) for _ in range(2))
    for row, label in zip(rows.tolist(), labels, strict=True):
        by_one.learn_one(dict(zip(NAMES, row, strict=True)), label)
    for start in range(0, len(rows), 333):
        together.learn_rows(NAMES, rows[start : start + 333], labels[start : start + 333])
    assert by_one.numbers() == together.numbers()


def test_rows_are_scored_as_one_at_a_time() -> None:
    model = learnt()
    rows, _ = stream(2, 50)
    by_one = [model.predict_proba_one(dict(zip(NAMES, row, strict=True)))[True] for row in rows.tolist()]
    assert logistic(model.logits(NAMES, rows)).tolist() == pytest.approx(by_one, rel=1e-12)


def test_a_cross_tells_what_its_features_do_not_tell_alone() -> None:
    rows, labels = stream(2, 4_000)
    errors = []
    for crosses in ((), CROSSES):
        scores = logistic(learnt(30_000, crosses=crosses).logits(NAMES, rows))
        errors.append(float(np.mean((scores - np.array(labels)) ** 2)))
    assert errors[1] < 0.8 * errors[0]


def test_bins_grow_finer_where_frauds_are() -> None:
    model = learnt(16_000)
    amounts, counts, _ = (set(np.flatnonzero(np.diff(bins)).tolist()) for bins in model._layout.bins)
    assert len(amounts) > 15
    assert len(counts) == 9  # each of its ten values has its own


def test_refining_changes_no_score() -> None:
    model = learnt(binned.FIRST_REFINEMENT * 2 - 1)
    rows, _ = stream(3, 100)
    model._average()
    before = model.logits(NAMES, rows)
    model._refine()
    assert model.logits(NAMES, rows) == pytest.approx(before, rel=1e-12)


def test_undersampling_changes_what_is_learnt_and_not_the_probabilities() -> None:
    rnd = random.Random(5)
    frauds = [rnd.random() < 0.1 for _ in range(40_000)]
    rows = np.ones((len(frauds), 1))
    found = []
    for share in (1.0, 0.2):
        model = BinnedLogisticRegression(undersampling=share)
        model.learn_rows(["amount"], rows, frauds)
        found.append(model.predict_proba_one({"amount": 1.0})[True])
    assert model.learnt == pytest.approx(0.28 * len(frauds), rel=0.03)
    assert found == pytest.approx([0.1, 0.1], abs=0.02)


def test_a_feature_that_appears_later_is_learnt_from_then_on() -> None:
    model = BinnedLogisticRegression([("amount", "new")])
    for n in range(3_000):
        model.learn_one({"amount": n % 7}, n % 2 == 0)
    before = model.predict_proba_one({"amount": 3})[True]
    assert model.predict_proba_one({"amount": 3, "new": 1.0})[True] == before
    for n in range(6_000):
        model.learn_one({"new": n % 2, "amount": n % 7}, n % 2 == 0)
    assert model.predict_proba_one({"new": 0, "amount": 3})[True] > 0.7
    assert model.predict_proba_one({"amount": 3, "new": 1})[True] < 0.3


def test_contributions_add_up_to_the_log_odds_against_those_expected() -> None:
    model = learnt()
    rows, _ = stream(4, 30)
    expected = float(model.expected().sum()) + model.intercept
    found = model.contributions(rows).sum(axis=1) + expected
    assert found.tolist() == pytest.approx(model.logits(NAMES, rows).tolist(), rel=1e-9)


def test_what_is_learnt_later_changes_what_is_expected() -> None:
    model = learnt()
    before = model.expected()
    assert model.expected() is before
    model.learn_rows(NAMES, *stream(9, 2_000))
    assert (model.expected() != before).any()


def test_the_mean_transaction_has_no_contributions() -> None:
    """Over all that was learnt each feature that is in no cross adds nothing on the average."""
    model = learnt(crosses=None)
    rows, _ = stream(1, 8_000)
    assert model.contributions(rows).mean(axis=0).tolist() == pytest.approx([0.0] * 3, abs=1e-9)


def test_before_anything_is_learnt_the_prior_speaks() -> None:
    model = BinnedLogisticRegression(prior=0.2)
    assert model.predict_proba_one({"amount": 1.0}) == {False: pytest.approx(0.8), True: pytest.approx(0.2)}


def test_what_is_not_a_number_counts_as_zero() -> None:
    model = learnt()
    zero, unknown = (model.predict_proba_one({"amount": 5.0, "count": value, "hour": 1.0}) for value in (0.0, math.nan))
    assert zero == unknown
