import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.once import Once, Unsettled
from fraud_stream.errors import ModelError
from fraud_stream.models.online import KIND, Learning, OnlineModel
from fraud_stream.models.state import ModelState, Progress

FEATURES = ("amount", "count", "constant")


def stream(seed: int, length: int) -> list[tuple[list[float], bool]]:
    """Labelled rows: fraud where the amount is high and the count is low; the third feature says nothing."""
    rnd = random.Random(seed)
    found = []
    for _ in range(length):
        row = [rnd.gauss(100, 50), rnd.gauss(5, 2), 7.0]
        found.append((row, row[0] / 50 - row[1] > -2))
    return found


def learnt(rows: list[tuple[list[float], bool]], model: OnlineModel | None = None) -> OnlineModel:
    model = model or OnlineModel("online", FEATURES)
    matrix = np.array([row for row, _ in rows]).reshape(-1, len(FEATURES))
    model.learn(matrix, [is_fraud for _, is_fraud in rows])
    return model


def travelled(state: ModelState) -> ModelState:
    """A state as it comes off the topic."""
    return msgspec.json.decode(msgspec.json.encode(state), type=ModelState)


def probability(model: OnlineModel, row: list[float]) -> float:
    return model.probabilities(np.array([row]))[0]


def test_it_learns_what_can_be_learnt() -> None:
    model = learnt(stream(1, 20_000))
    rows = stream(2, 500)
    found = model.probabilities(np.array([row for row, _ in rows]))
    right = sum((score >= 0.5) == is_fraud for score, (_, is_fraud) in zip(found, rows, strict=True))
    assert right > 450


def test_before_it_has_learnt_it_takes_fraud_for_rare() -> None:
    assert probability(OnlineModel("online", FEATURES), [1.0, 2.0, 3.0]) == pytest.approx(0.01)


def test_what_it_has_learnt_is_counted() -> None:
    rows = stream(1, 200)
    model = learnt(rows)
    assert (model.learnt, model.frauds) == (200, sum(is_fraud for _, is_fraud in rows))


def test_each_published_state_has_the_next_version() -> None:
    model = learnt(stream(1, 5))
    assert [model.publish(now).version for now in (1.0, 2.0)] == [1, 2]
    assert model.publish(9.0).created_at == 9.0
    assert model.publish(9.0).id == "online-4"


def test_a_published_state_does_not_change_while_the_model_goes_on() -> None:
    model = learnt(stream(1, 50))
    state = model.publish(0.0)
    copy = travelled(state)
    learnt(stream(2, 50), model)
    assert state == copy


@given(st.integers(0, 1_000), st.integers(0, 1_200), st.integers(0, 1_200))
@settings(max_examples=30, deadline=None)
def test_a_model_that_was_published_and_resumed_goes_on_identically(seed: int, before: int, after: int) -> None:
    rows = stream(seed, before + after)
    model = learnt(rows[:before])
    resumed = OnlineModel.resume(travelled(model.publish(0.0)), FEATURES)
    for one in (model, resumed):
        learnt(rows[before:], one)
    assert model.publish(0.0) == resumed.publish(0.0)
    if rows:
        matrix = np.array([row for row, _ in rows])
        assert model.probabilities(matrix) == resumed.probabilities(matrix)


def test_a_resumed_model_goes_on_counting() -> None:
    model = learnt(stream(1, 20))
    resumed = OnlineModel.resume(travelled(model.publish(0.0)), FEATURES)
    learnt([([1.0, 1.0, 1.0], True)], resumed)
    assert (resumed.learnt, resumed.frauds, resumed.version) == (21, model.frauds + 1, 1)


def test_how_far_it_was_taken_in_travels_with_it() -> None:
    progress = Progress(7, [(3, 4), (6, 6)], Once({1: Unsettled((2, 9), {"T1": (5, 9)})}))
    assert travelled(learnt(stream(1, 5)).publish(0.0, progress)).progress == progress


def test_the_learning_rate_decides_how_much_a_label_counts() -> None:
    rows = stream(1, 20)
    slow, fast = (OnlineModel("m", FEATURES, Learning(rate)) for rate in (0.001, 0.1))
    for model in (slow, fast):
        learnt(rows, model)
    weights = [sum(map(abs, model.publish(0.0).numbers["weights"])) for model in (slow, fast)]
    assert weights[1] > 20 * weights[0]


def test_with_undersampling_fewer_are_learnt_and_all_are_counted() -> None:
    rows = [([1.0, 1.0, 1.0], n % 10 == 0) for n in range(1_000)]
    model = learnt(rows, OnlineModel("m", FEATURES, Learning(undersampling=0.5)))
    assert (model.learnt, model.frauds) == (1_000, 100)
    assert model.publish(0.0).numbers["counts"][:2] == [550, 900]


STATE = learnt(stream(1, 2_000)).publish(0.0)


def refusal(features: tuple[str, ...] = FEATURES, **changes: object) -> str:
    with pytest.raises(ModelError) as caught:
        OnlineModel.resume(msgspec.structs.replace(STATE, **changes), features)
    return str(caught.value)


def numbers(**changes: list[float]) -> dict[str, list[float]]:
    return {**STATE.numbers, **changes}


def test_a_state_that_fits_is_not_refused() -> None:
    OnlineModel.resume(STATE, FEATURES)


def test_another_kind_of_model_is_refused() -> None:
    assert refusal(kind="tree") == f"model online-1 is a 'tree'; this application uses {KIND!r}"


def test_other_features_are_refused_and_named() -> None:
    message = refusal(("amount", "count", "new"))
    assert message == "model online-1 reads other features than this application makes: ['constant', 'new']"


def test_another_order_of_the_features_is_refused() -> None:
    message = refusal(("count", "amount", "constant"))
    assert message == "model online-1 reads other features than this application makes: their order"


@pytest.mark.parametrize("part", sorted(STATE.numbers))
def test_a_part_that_is_missing_is_refused_and_named(part: str) -> None:
    rest = {name: values for name, values in STATE.numbers.items() if name != part}
    assert refusal(numbers=rest) == f"model online-1 cannot be used: it has no {part}"


@pytest.mark.parametrize("part", sorted(set(STATE.numbers) - {"crosses", "tallied"}))
def test_a_part_of_another_length_is_refused(part: str) -> None:
    for changed in (STATE.numbers[part][:-1], [*STATE.numbers[part], 1.0]):
        assert "cannot be used" in refusal(numbers=numbers(**{part: changed}))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", ["weights", "squares", "intercept", "tallies", "edges"])
def test_numbers_that_are_not_finite_are_refused(part: str, number: float) -> None:
    changed = numbers(**{part: [number, *STATE.numbers[part][1:]]})
    assert refusal(numbers=changed) == "model online-1 cannot be used: not all of its numbers are finite"


@pytest.mark.parametrize(
    "changed", [{"squares": -1.0}, {"edges": 0.0}, {"edges": 1e9}, {"tallied": -1.0}, {"tallied": 1e9}]
)
def test_numbers_out_of_range_are_refused(changed: dict[str, float]) -> None:
    ((part, number),) = changed.items()
    assert "cannot be used" in refusal(numbers=numbers(**{part: [number, *STATE.numbers[part][1:]]}))


@pytest.mark.parametrize(
    "changed",
    [
        {"edge_counts": [1e308, -1e308, 1.0]},
        {"edge_counts": [0.5, 0.5, 0.0], "edges": [3.0]},
        {"tallies": [1e300]},
        {"tallies": [-1.0]},
        {"tallied": [0.5]},
        {"intercept": [0.0, 0.0, -100.0]},
        {"counts": [10.0, 10.0, 1.0]},
        {"counts": [-1.0, 10.0, 500.0]},
    ],
)
def test_counts_that_are_none_are_refused(changed: dict[str, list[float]]) -> None:
    """The topic is compacted: what ends a worker would end it again at each start."""
    whole = {part: [*numbers_of, *STATE.numbers[part][len(numbers_of) :]] for part, numbers_of in changed.items()}
    assert "cannot be used" in refusal(numbers=numbers(**whole))


def test_other_crosses_are_refused() -> None:
    assert "its crosses are others" in refusal(numbers=numbers(crosses=[0, 1]))
