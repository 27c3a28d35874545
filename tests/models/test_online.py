import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import compose, linear_model, optim

from fraud_stream.errors import ModelError
from fraud_stream.models.online import KIND, LIMIT, ChunkedRegression, ClippedScaler, Lesson, OnlineModel, check_state
from fraud_stream.models.state import ModelState

FEATURES = ("amount", "count", "constant")


def stream(seed: int, length: int) -> list[tuple[list[float], bool]]:
    """Labelled rows: fraud where the amount is high and the count is low; the third feature says nothing."""
    rnd = random.Random(seed)
    found = []
    for _ in range(length):
        row = [rnd.gauss(100, 50), rnd.gauss(5, 2), 7.0]
        found.append((row, row[0] / 50 - row[1] > -2))
    return found


def learnt(rows: list[tuple[list[float], bool]], model: OnlineModel | None = None, first: int = 0) -> OnlineModel:
    model = model or OnlineModel("online", FEATURES)
    lessons = (Lesson(row, is_fraud, "labels-0", offset) for offset, (row, is_fraud) in enumerate(rows, first))
    assert model.learn(lessons) == len(rows)
    return model


def lesson(row: list[float], is_fraud: bool, origin: str, offset: int) -> list[Lesson]:
    return [Lesson(row, is_fraud, origin, offset)]


def travelled(state: ModelState) -> ModelState:
    """A state as it comes off the topic."""
    return msgspec.json.decode(msgspec.json.encode(state), type=ModelState)


def test_it_learns_what_can_be_learnt() -> None:
    model = learnt(stream(1, 3_000))
    rows = stream(2, 500)
    right = sum((model.probability(row) >= 0.5) == is_fraud for row, is_fraud in rows)
    assert right > 475


def by_one(scaler: ClippedScaler, rows: list[list[float]]) -> list[list[float]]:
    """River's own way."""
    found = []
    for row in rows:
        named = dict(zip(FEATURES, row, strict=True))
        scaler.learn_one(named)
        found.append(list(scaler.transform_one(named).values()))
    return found


ROWS = st.lists(st.tuples(st.lists(st.floats(-LIMIT, LIMIT), min_size=3, max_size=3), st.booleans()), max_size=40)


@given(ROWS, ROWS, st.sampled_from([0.001, 0.01, 0.5]))
@settings(max_examples=200, deadline=None)
def test_rows_are_learnt_together_as_river_learns_them_one_by_one(
    first: list[tuple[list[float], bool]], second: list[tuple[list[float], bool]], rate: float
) -> None:
    one, together = linear_model.LogisticRegression(optim.SGD(rate)), ChunkedRegression(rate)
    for row, label in first + second:
        one.learn_one(dict(zip(FEATURES, row, strict=True)), label)
    for part in (first, second):
        rows = np.array([row for row, _ in part]).reshape(-1, 3)
        together.learn_rows(FEATURES, rows, [label for _, label in part])
    expected = [one.weights.get(name, 0.0) for name in FEATURES]
    assert [together.weights[name] for name in FEATURES] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert together.intercept == pytest.approx(one.intercept, rel=1e-9, abs=1e-12)
    assert together.optimizer.n_iterations == one.optimizer.n_iterations


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=40), st.integers(0, 40))
@settings(max_examples=200, deadline=None)
def test_rows_are_scaled_together_as_river_scales_them_one_by_one(rows: list[list[float]], cut: int) -> None:
    one, together = ClippedScaler(), ClippedScaler()
    expected = by_one(one, rows)
    parts = [part for part in (rows[:cut], rows[cut:]) if part]
    found = [row for part in parts for row in together.learn_and_transform(FEATURES, np.array(part)).tolist()]
    for mine, theirs in ((together.means, one.means), (together.vars, one.vars)):
        assert dict(mine) == pytest.approx(dict(theirs), rel=1e-9, abs=1e-4)
    assert dict(together.counts) == dict(one.counts)
    deviations = np.sqrt([one.vars[name] for name in FEATURES])
    for row, other in zip(found, expected, strict=True):
        for value, same, deviation in zip(row, other, deviations, strict=True):
            assert deviation < 1e-3 or value == pytest.approx(same, abs=1e-6)  # below it is rounding that is scaled


def test_it_learns_as_rivers_pipeline_does() -> None:
    rows = stream(1, 2_000)
    pipeline = compose.Pipeline(ClippedScaler(), linear_model.LogisticRegression(optim.SGD(0.01)))
    for row, is_fraud in rows:
        pipeline.learn_one(dict(zip(FEATURES, row, strict=True)), is_fraud)
    model = OnlineModel("online", FEATURES)
    for first in range(0, 2_000, 300):
        learnt(rows[first : first + 300], model, first)
    for row, _ in stream(2, 100):
        theirs = pipeline.predict_proba_one(dict(zip(FEATURES, row, strict=True)))[True]
        assert model.probability(row) == pytest.approx(theirs, abs=1e-9)


def test_a_feature_that_never_varies_says_nothing() -> None:
    scaled = ClippedScaler().learn_and_transform(["a", "b"], np.array([[7.0, 1.0], [7.0, 3.0], [7.0, 1e9]]))
    assert scaled[:, 0].tolist() == [0.0, 0.0, 0.0]
    assert scaled[:, 1].tolist() == pytest.approx([0.0, 1.0, 2**0.5])
    assert abs(ClippedScaler().learn_and_transform(["a"], np.array([[0.0]] * 99 + [[1e9]]))).max() == LIMIT


def test_what_is_handed_over_twice_at_once_is_learnt_once() -> None:
    model = OnlineModel("online", FEATURES)
    assert model.learn(lesson([1.0, 2.0, 3.0], True, "labels-0", 4) * 2) == 1
    assert model.learnt == 1


def test_a_value_never_seen_before_does_not_outweigh_all_others() -> None:
    """The first Saturday of a stream lies hundreds of deviations off."""
    rows = [([rnd_row[0], rnd_row[1], 0.0], is_fraud) for rnd_row, is_fraud in stream(1, 1_000)]
    model = learnt(rows)
    usual = model.probability([100.0, 5.0, 0.0])
    model.learn(lesson([100.0, 5.0, 1.0], True, "labels-0", 5_000))
    assert model.probability([100.0, 5.0, 1.0]) == pytest.approx(usual, abs=0.1)


def test_before_it_has_learnt_it_has_no_opinion() -> None:
    assert OnlineModel("online", FEATURES).probability([1.0, 2.0, 3.0]) == 0.5


def test_what_it_has_learnt_is_counted() -> None:
    rows = stream(1, 200)
    model = learnt(rows)
    assert (model.learnt, model.frauds) == (200, sum(is_fraud for _, is_fraud in rows))


def test_what_was_learnt_before_changes_nothing() -> None:
    model = learnt(stream(1, 50))
    before = model.publish(0.0)
    for offset in (0, 20, 49):
        assert not model.learn(lesson([1e6, -1e6, 0.0], True, "labels-0", offset))
    after = model.publish(0.0)
    assert msgspec.structs.replace(after, version=before.version) == before


def test_each_origin_has_its_own_offsets() -> None:
    model = learnt(stream(1, 50))
    assert model.learn(lesson([1.0, 1.0, 7.0], False, "labels-1", 0))
    assert model.learn(lesson([1.0, 1.0, 7.0], False, "transactions-0", 3))
    assert not model.learn(lesson([1.0, 1.0, 7.0], False, "labels-1", 0))
    assert model.seen == {"labels-0": 49, "labels-1": 0, "transactions-0": 3}


def test_each_published_state_has_the_next_version() -> None:
    model = learnt(stream(1, 5))
    assert [model.publish(now).version for now in (1.0, 2.0)] == [1, 2]
    assert model.publish(9.0).created_at == 9.0
    assert model.publish(9.0).id == "online-4"


def test_a_published_state_does_not_change_while_the_model_goes_on() -> None:
    model = learnt(stream(1, 50))
    state = model.publish(0.0)
    copy = travelled(state)
    learnt(stream(2, 50), model, first=50)
    assert state == copy


@given(st.integers(0, 1_000), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_a_model_that_was_published_and_resumed_goes_on_identically(seed: int, before: int, after: int) -> None:
    rows = stream(seed, before + after)
    model = learnt(rows[:before])
    resumed = OnlineModel.resume(travelled(model.publish(0.0)), FEATURES)
    for one in (model, resumed):
        learnt(rows[before:], one, first=before)
    assert model.publish(0.0) == resumed.publish(0.0)
    assert [model.probability(row) for row, _ in rows] == [resumed.probability(row) for row, _ in rows]


def test_a_resumed_model_remembers_what_it_has_learnt() -> None:
    model = learnt(stream(1, 20))
    resumed = OnlineModel.resume(travelled(model.publish(0.0)), FEATURES)
    assert not resumed.learn(lesson([1.0, 1.0, 1.0], True, "labels-0", 19))
    assert resumed.learn(lesson([1.0, 1.0, 1.0], True, "labels-0", 20))
    assert (resumed.learnt, resumed.frauds, resumed.version) == (21, model.frauds + 1, 1)


def test_the_learning_rate_decides_how_much_a_label_counts() -> None:
    rows = stream(1, 20)
    slow, fast = (OnlineModel("m", FEATURES, rate) for rate in (0.001, 0.1))
    for model in (slow, fast):
        learnt(rows, model)
    weights = [sum(map(abs, model.publish(0.0).numbers["weights"])) for model in (slow, fast)]
    assert weights[1] > 20 * weights[0]


STATE = learnt(stream(1, 50)).publish(0.0)


def refusal(features: tuple[str, ...] = FEATURES, **changes: object) -> str:
    with pytest.raises(ModelError) as caught:
        check_state(msgspec.structs.replace(STATE, **changes), features)
    return str(caught.value)


def numbers(**changes: list[float]) -> dict[str, list[float]]:
    return {**STATE.numbers, **changes}


def test_a_state_that_fits_is_not_refused() -> None:
    check_state(STATE, FEATURES)


def test_another_kind_of_model_is_refused() -> None:
    assert refusal(kind="tree") == f"model online-1 is a 'tree'; this application uses {KIND!r}"


def test_other_features_are_refused_and_named() -> None:
    message = refusal(("amount", "count", "new"))
    assert message == "model online-1 reads other features than this application makes: ['constant', 'new']"


def test_another_order_of_the_features_is_refused() -> None:
    message = refusal(("count", "amount", "constant"))
    assert message == "model online-1 reads other features than this application makes: their order"


@pytest.mark.parametrize(
    "changed",
    [
        {"weights": [1.0, 2.0]},
        {"means": []},
        {"variances": [1.0] * 4},
        {"intercept": []},
        {"intercept": [1.0, 2.0]},
    ],
)
def test_numbers_that_are_missing_are_refused(changed: dict[str, list[float]]) -> None:
    assert refusal(numbers=numbers(**changed)).startswith("model online-1 has numbers missing: ")


def test_a_part_that_is_missing_is_refused() -> None:
    rest = {part: values for part, values in STATE.numbers.items() if part != "counts"}
    assert "'counts': 0" in refusal(numbers=rest)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", ["counts", "means", "variances", "weights"])
def test_numbers_that_are_not_finite_are_refused(part: str, number: float) -> None:
    changed = numbers(**{part: [1.0, number, 1.0]})
    assert refusal(numbers=changed) == "model online-1 has numbers that are not finite"


@pytest.mark.parametrize("part", ["counts", "variances"])
def test_counts_and_variances_below_zero_are_refused(part: str) -> None:
    """The square root of one is no number that can be compared."""
    assert refusal(numbers=numbers(**{part: [1.0, -1.0, 1.0]})).startswith("model online-1 has ")


def test_a_state_that_does_not_fit_cannot_be_resumed() -> None:
    with pytest.raises(ModelError):
        OnlineModel.resume(STATE, ("amount",))
