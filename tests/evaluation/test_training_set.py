"""What a challenger is fitted on: the newest history, each transaction once, and not more than fits."""

from typing import Any

import numpy as np
import pytest

from fraud_stream.errors import ModelError
from fraud_stream.evaluation.refit import Fitted, best_threshold, refit
from fraud_stream.evaluation.refit import tested as judge
from fraud_stream.evaluation.training_set import Columns, TrainingSet, transaction_number
from fraud_stream.models.batch import HeldOut
from fraud_stream.models.learners import learners

DAY = 86_400.0
MADE = ("a", "b", "c", "d")
BOOSTING = learners(MADE)["boosting"]


def fitted_on(history: TrainingSet) -> Fitted:
    return refit(history, BOOSTING, MADE)


def judged(whole: Columns) -> HeldOut | None:
    found = judge(whole, None, BOOSTING)
    return found and found.told


def columns(count: int, start: int = 0, seed: int = 0, delay: float = 0.0) -> Columns:
    """A transaction an hour; 5 % are frauds, which the first feature mostly tells."""
    rng = np.random.default_rng(seed + start)
    frauds = rng.random(count) < 0.05
    rows = rng.normal(size=(count, 4))
    rows[:, 0] += 3 * frauds
    numbers = range(start, start + count)
    ids = np.array([transaction_number("C", str(n)) for n in numbers], dtype=np.uint64)
    times = np.array([n * 3_600.0 for n in numbers])
    return Columns(ids, times, times + delay, frauds, np.full(count, 0.1), rows)


def test_the_newest_are_kept_in_order_of_time() -> None:
    held = TrainingSet(10 * DAY, 10_000)
    for start in (0, 400, 200, 600):
        held.add(columns(200, start))
    found = held.columns()
    assert found.times.tolist() == [n * 3_600.0 for n in range(800 - 240, 800)]
    assert held.read == 800
    assert held.weights(found.frauds) is None


def test_a_transaction_counts_once_and_its_first_label_counts() -> None:
    held, first = TrainingSet(100 * DAY, 10_000), columns(300)
    held.add(first)
    held.add(first._replace(frauds=~first.frauds))
    assert held.columns().frauds.tolist() == first.frauds.tolist()


def test_where_they_are_too_many_the_genuine_are_thinned_and_stand_for_the_others() -> None:
    held = TrainingSet(1e9, 1_000)
    whole = [columns(1_000, start) for start in range(0, 8_000, 1_000)]
    for part in whole:
        held.add(part)
    found = held.columns()
    frauds = sum(int(part.frauds.sum()) for part in whole)
    assert (len(found.frauds) <= 1_000, int(found.frauds.sum())) == (True, frauds)
    weights = held.weights(found.frauds)
    assert weights is not None
    assert weights[found.frauds].tolist() == [1.0] * frauds
    assert weights[~found.frauds].sum() == pytest.approx(8_000 - frauds, rel=0.15)


def test_what_is_kept_hangs_on_the_transactions_and_not_on_their_order() -> None:
    one, other = TrainingSet(1e9, 1_000), TrainingSet(1e9, 1_000)
    for held, starts in ((one, (0, 2_000, 4_000)), (other, (4_000, 0, 2_000))):
        for start in starts:
            held.add(columns(2_000, start))
    assert one.columns().ids.tolist() == other.columns().ids.tolist()


def test_frauds_alone_are_never_thinned() -> None:
    held, part = TrainingSet(1e9, 100), columns(500)
    held.add(part._replace(frauds=np.ones(500, dtype=bool)))
    assert len(held.columns().frauds) == 500


def test_a_thinned_history_gives_the_probabilities_of_the_whole() -> None:
    found: list[Any] = []
    for most in (100_000, 2_000):
        held = TrainingSet(1e9, most)
        held.add(columns(8_000))
        found.append(fitted_on(held).challenger.probabilities(columns(3_000, 20_000).rows).mean())
    assert held.share <= 0.25
    assert found[0] == pytest.approx(0.05, abs=0.01)
    assert found[1] == pytest.approx(found[0], abs=0.02)  # without weights it would be four times as much


def test_a_challenger_is_judged_by_the_newest_part_beside_the_online_model() -> None:
    held = TrainingSet(1e9, 100_000)
    held.add(columns(3_000))
    fitted = fitted_on(held)
    assert len(fitted.columns.frauds) == 3_000
    assert fitted.held_out is not None
    assert (fitted.held_out.transactions, fitted.held_out.begins) == (600, 2_400 * 3_600.0)
    assert fitted.held_out.challenger.roc_auc > 0.9
    assert fitted.held_out.online is not None
    assert fitted.held_out.online.roc_auc == 0.5  # it says the same of all
    assert fitted.held_out.blend is not None


def test_a_challenger_is_judged_without_labels_that_were_not_known_then() -> None:
    """Labels say the opposite of what they said until then, in all that became known later."""
    delay, whole = 20 * DAY, columns(3_000, delay=20 * DAY)
    begins = whole.times[2_400]
    late = (whole.known > begins) & (whole.times < begins)
    flipped = whole._replace(frauds=whole.frauds ^ late)
    one, other = judged(whole), judged(flipped)
    assert late.sum() == delay / 3_600 - 1
    assert one == other != judged(flipped._replace(known=flipped.times))


def test_what_the_online_model_was_not_asked_of_it_is_not_judged_by() -> None:
    whole = columns(3_000)
    online = np.where(np.arange(3_000) < 2_700, np.nan, 0.1)
    found = judged(whole._replace(online=online))
    assert found is not None
    assert (found.transactions, found.online is None) in ((300, False), (600, True))
    nothing = judged(whole._replace(online=np.full(3_000, np.nan)))
    assert nothing is not None
    assert (nothing.transactions, nothing.online, nothing.blend) == (600, None, None)


def test_too_few_frauds_are_refused_with_what_is_needed() -> None:
    held = TrainingSet(1e9, 1_000)
    with pytest.raises(ModelError, match="no labelled transactions"):
        fitted_on(held)
    held.add(columns(100))
    with pytest.raises(ModelError, match="at least 20 frauds and 20 genuine ones are needed"):
        fitted_on(held)


def test_where_the_newest_part_has_too_few_frauds_it_is_not_judged() -> None:
    held = TrainingSet(1e9, 1_000)
    held.add(columns(600))
    assert fitted_on(held).held_out is None


def test_the_threshold_is_chosen_without_the_test() -> None:
    """Labels of the test say the opposite: the threshold stays, and what is found by it does not."""
    whole = columns(6_000)
    newest = np.arange(6_000) >= 4_800
    one, other = (judge(each, None, BOOSTING) for each in (whole, whole._replace(frauds=whole.frauds ^ newest)))
    assert one is not None
    assert other is not None
    assert one.threshold is not None
    assert one.threshold == other.threshold
    assert one.told.challenger.roc_auc == pytest.approx(1 - other.told.challenger.roc_auc)
    said = one.scores >= one.threshold
    f1 = 2 * (said & one.frauds).sum() / (said.sum() + one.frauds.sum())
    best = best_threshold(one.frauds, one.scores)
    best_said = one.scores >= best
    assert f1 > 0.8 * 2 * (best_said & one.frauds).sum() / (best_said.sum() + one.frauds.sum())


def test_a_model_reads_its_own_features_alone() -> None:
    held = TrainingSet(1e9, 100_000)
    held.add(columns(3_000))
    fitted = refit(held, BOOSTING._replace(features=("d", "a")), MADE)
    assert fitted.challenger.classifier.n_features_in_ == 2
    assert (fitted.columns.rows == columns(3_000).rows[:, [3, 0]]).all()


def test_too_few_frauds_before_the_test_choose_no_threshold() -> None:
    whole = columns(3_000)
    middle = (np.arange(3_000) >= 1_920) & (np.arange(3_000) < 2_400)
    found = judge(whole._replace(frauds=whole.frauds & ~middle), None, BOOSTING)
    assert found is not None
    assert found.threshold is None
