import random
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from fraud_stream.domain.decision import Contribution
from fraud_stream.errors import ModelError
from fraud_stream.models.online import OnlineModel
from fraud_stream.models.scorer import ModelScorer
from tests.models.test_online import FEATURES, STATE, learnt, stream


def scores(scorer: ModelScorer, rows: list[list[float]]) -> list[float]:
    found = scorer.scores(np.array(rows))
    assert found is not None
    return found


def logits(scorer: ModelScorer, rows: list[list[float]]) -> list[float]:
    found = np.array(scores(scorer, rows))
    return np.log(found / (1 - found)).tolist()  # type: ignore[no-any-return]


def test_scores_are_those_of_the_model_that_learnt() -> None:
    model = learnt(stream(3, 6_000))
    rows = [row for row, _ in stream(4, 300)]
    found = scores(ModelScorer(model.publish(0.0), FEATURES), rows)
    assert found == model.probabilities(np.array(rows))
    assert min(found) < 0.2
    assert max(found) > 0.7


def test_a_chunk_is_scored_as_its_rows_one_by_one() -> None:
    scorer = ModelScorer(STATE, FEATURES)
    rows = [row for row, _ in stream(5, 20)]
    assert scores(scorer, rows) == pytest.approx([scores(scorer, [row])[0] for row in rows], rel=1e-12)


@pytest.mark.filterwarnings("error")
def test_absurd_values_and_weights_score_without_a_warning() -> None:
    weights = [1e9] * len(STATE.numbers["means"])
    state = msgspec.structs.replace(STATE, numbers={**STATE.numbers, "means": weights})
    for scorer in (ModelScorer(STATE, FEATURES), ModelScorer(state, FEATURES)):
        found = scores(scorer, [[1e300, -1e300, 0.0], [0.0, 5.0, 7.0]])
        assert all(0 <= score <= 1 for score in found)


@pytest.mark.parametrize(("frauds", "asked"), [(49, False), (50, True), (51, True)])
def test_a_model_is_not_asked_before_it_has_learnt_enough_frauds(frauds: int, asked: bool) -> None:
    scorer = ModelScorer(msgspec.structs.replace(STATE, frauds=frauds), FEATURES, min_frauds=50)
    assert (scorer.scores(np.array([[1.0, 2.0, 3.0]])) is not None) is asked


def contributions(scorer: ModelScorer, row: Sequence[float]) -> list[Contribution]:
    (found,) = scorer.contributions(np.array([row]), len(row))
    return found


def test_a_contribution_is_what_the_feature_adds_to_the_log_odds_against_the_mean() -> None:
    """So two rows that differ in one feature differ in log odds by the difference of its contributions."""
    scorer = ModelScorer(STATE, FEATURES)
    rows = [[100.0, 2.0, 7.0], [190.0, 2.0, 7.0]]
    low, high = ({one.feature: one.amount for one in contributions(scorer, row)} for row in rows)
    before, after = logits(scorer, rows)
    assert "amount" not in low  # it speaks against fraud
    assert 0 < high["amount"] <= after - before
    assert high["count"] == pytest.approx(low["count"])


def test_a_feature_that_never_varied_counts_for_nothing() -> None:
    found = contributions(ModelScorer(STATE, FEATURES), [190.0, 2.0, 7.0])
    assert "constant" not in {one.feature for one in found}


def test_the_largest_contribution_comes_first() -> None:
    scorer = ModelScorer(STATE, FEATURES)
    rnd = random.Random(1)
    for _ in range(20):
        amounts = [one.amount for one in contributions(scorer, [rnd.gauss(100, 90), rnd.gauss(5, 4), 7.0])]
        assert amounts == sorted(amounts, reverse=True)
        assert all(amount > 0 for amount in amounts)


def test_of_each_row_only_the_largest_contributions_are_given() -> None:
    scorer, rows = ModelScorer(STATE, FEATURES), [[190.0, 1.0, 7.0], [120.0, 9.0, 7.0]]
    assert len(contributions(scorer, rows[0])) == 2
    assert scorer.contributions(np.array(rows), 1) == [contributions(scorer, row)[:1] for row in rows]


def test_it_is_cited_by_name_and_version() -> None:
    assert ModelScorer(STATE, FEATURES).id == "online-1"


def test_a_state_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="other features"):
        ModelScorer(STATE, ("amount",))


def test_a_model_that_has_learnt_nothing_can_be_scored_with() -> None:
    scorer = ModelScorer(OnlineModel("online", FEATURES).publish(0.0), FEATURES)
    assert scores(scorer, [[1.0, 2.0, 3.0]]) == [pytest.approx(0.01)]
    assert contributions(scorer, [1.0, 2.0, 3.0]) == []
