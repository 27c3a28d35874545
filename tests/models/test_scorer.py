import math
import random
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.decision import Contribution
from fraud_stream.errors import ModelError
from fraud_stream.models.online import LIMIT, OnlineModel
from fraud_stream.models.scorer import LinearScorer
from tests.models.test_online import FEATURES, STATE, learnt, stream

NUMBERS = st.floats(-1e6, 1e6)
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS).map(list), min_size=1, max_size=8)


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def scores(scorer: LinearScorer, rows: list[list[float]]) -> list[float]:
    found = scorer.scores(np.array(rows))
    assert found is not None
    return found


@given(st.integers(0, 200), st.integers(0, 80), ROWS)
@settings(max_examples=100, deadline=None)
def test_scores_are_those_of_the_river_model(seed: int, length: int, rows: list[list[float]]) -> None:
    model = learnt(stream(seed, length))
    scorer = LinearScorer(model.publish(0.0), FEATURES)
    assert scores(scorer, rows) == pytest.approx([model.probability(row) for row in rows], rel=1e-9, abs=1e-12)


def test_scores_are_those_of_the_river_model_for_likely_rows() -> None:
    model = learnt(stream(3, 2_000))
    rows = [row for row, _ in stream(4, 300)]
    found = scores(LinearScorer(model.publish(0.0), FEATURES), rows)
    assert found == pytest.approx([model.probability(row) for row in rows], rel=1e-9)
    assert min(found) < 0.1
    assert max(found) > 0.9


def test_a_feature_that_never_varied_counts_for_nothing() -> None:
    scorer = LinearScorer(STATE, FEATURES)
    assert scores(scorer, [[100.0, 5.0, 7.0]]) == scores(scorer, [[100.0, 5.0, 1e9]])


@pytest.mark.filterwarnings("error")
def test_a_value_beyond_the_limit_counts_as_one_at_it() -> None:
    scorer = LinearScorer(STATE, FEATURES)
    deviations = [math.sqrt(variance) for variance in STATE.numbers["variances"]]
    for sign in (-1.0, 1.0):
        limit = [mean + sign * LIMIT * deviation for mean, deviation in zip(mean_row(), deviations, strict=True)]
        nearly = [mean + sign * (LIMIT - 1) * deviation for mean, deviation in zip(mean_row(), deviations, strict=True)]
        assert scores(scorer, [[sign * 1e300] * 3]) == pytest.approx(scores(scorer, [limit]), rel=1e-12)
        assert scores(scorer, [nearly]) != pytest.approx(scores(scorer, [limit]), rel=1e-3)


@pytest.mark.filterwarnings("error")
def test_absurd_weights_score_zero_or_one_without_a_warning() -> None:
    state = msgspec.structs.replace(STATE, numbers={**STATE.numbers, "weights": [1e9, 0.0, 0.0]})
    low, high = scores(LinearScorer(state, FEATURES), [[0.0, 5.0, 7.0], [500.0, 5.0, 7.0]])
    assert 0.0 <= low < 1e-12
    assert 1 - 1e-12 < high <= 1.0


def test_a_chunk_is_scored_as_its_rows_one_by_one() -> None:
    scorer = LinearScorer(STATE, FEATURES)
    rows = [row for row, _ in stream(5, 20)]
    assert scores(scorer, rows) == pytest.approx([scores(scorer, [row])[0] for row in rows], rel=1e-12)


@pytest.mark.parametrize(("frauds", "asked"), [(49, False), (50, True), (51, True)])
def test_a_model_is_not_asked_before_it_has_learnt_enough_frauds(frauds: int, asked: bool) -> None:
    scorer = LinearScorer(msgspec.structs.replace(STATE, frauds=frauds), FEATURES, min_frauds=50)
    assert (scorer.scores(np.array([[1.0, 2.0, 3.0]])) is not None) is asked


def contributions(scorer: LinearScorer, row: Sequence[float]) -> list[Contribution]:
    (found,) = scorer.contributions(np.array([row]), len(row))
    return found


def mean_row() -> list[float]:
    return list(STATE.numbers["means"])


@pytest.mark.parametrize("feature", [0, 1])
@pytest.mark.parametrize("step", [-20.0, 20.0])
def test_a_contribution_is_what_the_feature_adds_to_the_log_odds(feature: int, step: float) -> None:
    scorer, row = LinearScorer(STATE, FEATURES), mean_row()
    row[feature] += step
    added = logit(scores(scorer, [row])[0]) - logit(scores(scorer, [mean_row()])[0])
    found = contributions(scorer, row)
    if added > 0:
        ((name, value, amount),) = found
        assert (name, value) == (FEATURES[feature], row[feature])
        assert amount == pytest.approx(added)
    else:
        assert found == []


@given(st.floats(-300, 300), st.floats(-20, 20))
@settings(max_examples=100, deadline=None)
def test_contributions_for_and_against_add_up_to_the_difference_in_log_odds(amount: float, count: float) -> None:
    scorer, mean = LinearScorer(STATE, FEATURES), mean_row()
    row = [mean[0] + amount, mean[1] + count, 7.0]
    mirrored = [mean[0] - amount, mean[1] - count, 7.0]
    total = sum(one.amount for one in contributions(scorer, row)) - sum(
        one.amount for one in contributions(scorer, mirrored)
    )
    difference = logit(scores(scorer, [row])[0]) - logit(scores(scorer, [mean])[0])
    assert total == pytest.approx(difference, rel=1e-6, abs=1e-6)


def test_the_largest_contribution_comes_first() -> None:
    scorer = LinearScorer(STATE, FEATURES)
    rnd = random.Random(1)
    for _ in range(20):
        amounts = [one.amount for one in contributions(scorer, [rnd.gauss(100, 90), rnd.gauss(5, 4), 7.0])]
        assert amounts == sorted(amounts, reverse=True)
        assert all(amount > 0 for amount in amounts)


def test_of_each_row_only_the_largest_contributions_are_given() -> None:
    scorer, rows = LinearScorer(STATE, FEATURES), [[900.0, 1.0, 7.0], mean_row(), [120.0, 90.0, 7.0]]
    assert len(contributions(scorer, rows[0])) == 2
    found = scorer.contributions(np.array(rows), 1)
    assert found == [contributions(scorer, row)[:1] for row in rows]
    assert [len(one) for one in found] == [1, 0, 1]


def test_it_is_cited_by_name_and_version() -> None:
    assert LinearScorer(STATE, FEATURES).id == "online-1"


def test_a_state_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="other features"):
        LinearScorer(STATE, ("amount",))


def test_a_model_that_has_learnt_nothing_can_be_scored_with() -> None:
    scorer = LinearScorer(OnlineModel("online", FEATURES).publish(0.0), FEATURES)
    assert scores(scorer, [[1.0, 2.0, 3.0]]) == [0.5]
    assert contributions(scorer, [1.0, 2.0, 3.0]) == []
