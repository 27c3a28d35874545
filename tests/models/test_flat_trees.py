"""Trees walked by NumPy: they say what scikit-learn says."""

import time
from typing import Any

import numpy as np
import pytest

from fraud_stream.errors import ModelError
from fraud_stream.models.challenger import Challenger
from fraud_stream.models.flat_trees import MOST_LEAVES, FlatTrees

WIDTH = 59


def rows_and_labels(count: int, seed: int = 0) -> tuple[Any, Any]:
    """Rows of the forms that features have: counts, flags, amounts; frauds are few."""
    rng = np.random.default_rng(seed)
    rows = rng.lognormal(size=(count, WIDTH))
    rows[:, ::3] = rng.integers(0, 4, size=rows[:, ::3].shape)
    chance = 1 / (1 + np.exp(-(rows[:, 0] + rows[:, 1] * rows[:, 4] - 7)))
    return rows, rng.random(count) < chance


@pytest.fixture(scope="module")
def challenger() -> Challenger:
    return Challenger(*rows_and_labels(6_000))


@pytest.fixture(scope="module")
def trees(challenger: Challenger) -> FlatTrees:
    return FlatTrees(nodes_of(challenger), float(challenger.classifier._baseline_prediction.item()), WIDTH)


def nodes_of(challenger: Challenger) -> list[Any]:
    return [only.nodes for (only,) in challenger.classifier._predictors]


def test_ten_thousand_rows_are_scored_as_scikit_learn_does(challenger: Challenger, trees: FlatTrees) -> None:
    rows, _ = rows_and_labels(10_000, seed=1)
    rows[:100] = rows_and_labels(6_000)[0][:100]  # values that stand exactly at limits, too
    expected = challenger.probabilities(rows)
    assert (expected.min() < 0.01, expected.max() > 0.6) == (True, True)
    assert abs(trees.probabilities(rows) - expected).max() < 1e-12


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, -1e300, 1e300])
def test_absurd_values_are_scored_as_scikit_learn_does(value: float, challenger: Challenger, trees: FlatTrees) -> None:
    rows = np.full((3, WIDTH), value)
    assert trees.probabilities(rows) == pytest.approx(challenger.probabilities(rows), abs=1e-12)


def test_a_value_that_equals_a_limit_goes_left(challenger: Challenger, trees: FlatTrees) -> None:
    root = nodes_of(challenger)[0][0]
    rows, _ = rows_and_labels(200, seed=2)
    rows[:, root["feature_idx"]] = root["num_threshold"]
    assert trees.probabilities(rows) == pytest.approx(challenger.probabilities(rows), abs=1e-12)


def test_rows_are_scored_the_same_alone_and_in_any_company(trees: FlatTrees) -> None:
    rows, _ = rows_and_labels(300, seed=3)
    whole = trees.probabilities(rows)
    assert [float(trees.probabilities(row[None])[0]) for row in rows] == pytest.approx(whole.tolist(), rel=1e-12)
    assert trees.probabilities(rows[:0]).shape == (0,)


def test_it_costs_little_and_no_other_thread(trees: FlatTrees) -> None:
    """At most 1 ms of CPU for one row and 6 us a row for 2,000, of which a fast moment of several is taken."""
    rows, _ = rows_and_labels(2_000, seed=4)
    assert min(cpu(trees, rows[:1]) for _ in range(20)) < 1e-3
    assert min(cpu(trees, rows) for _ in range(5)) < 6e-6 * 2_000


def cpu(trees: FlatTrees, rows: Any) -> float:
    before = time.process_time()
    trees.probabilities(rows)
    return time.process_time() - before


def changed(challenger: Challenger, **values: Any) -> list[Any]:
    nodes = nodes_of(challenger)[0].copy()
    for name, value in values.items():
        nodes[name][0] = value
    return [nodes]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"is_categorical": 1}, "categories"),
        ({"feature_idx": WIDTH}, "beyond the 59"),
        ({"feature_idx": -1}, "beyond the 59"),
        ({"value": np.nan}, "not finite"),
        ({"num_threshold": np.nan}, "not finite"),
        ({"left": 0}, "do not make a tree"),
        ({"left": 1, "right": 1}, "do not make a tree"),
        ({"right": 4_000_000_000}, "do not make a tree"),
    ],
)
def test_what_is_no_tree_is_refused(values: dict[str, Any], why: str, challenger: Challenger) -> None:
    with pytest.raises(ModelError, match=why):
        FlatTrees(changed(challenger, **values), 0.0, WIDTH)


def test_too_many_leaves_too_many_trees_and_no_tree_are_refused(challenger: Challenger) -> None:
    nodes = nodes_of(challenger)[0]
    with pytest.raises(ModelError, match=f"at most {2 * MOST_LEAVES - 1}"):
        FlatTrees([np.concatenate([nodes, nodes])], 0.0, WIDTH)
    for many in (0, 1_001):
        with pytest.raises(ModelError, match=f"{many} trees"):
            FlatTrees([nodes] * many, 0.0, WIDTH)
    with pytest.raises(ModelError, match="nan"):
        FlatTrees([nodes], float("nan"), WIDTH)


def test_a_tree_that_is_one_leaf_says_the_same_of_all() -> None:
    leaf = nodes_of(Challenger(*rows_and_labels(6_000)))[0][:1].copy()
    leaf["is_leaf"], leaf["value"] = 1, 0.5
    rows, _ = rows_and_labels(5)
    assert FlatTrees([leaf], 0.25, WIDTH).probabilities(rows) == pytest.approx([1 / (1 + np.exp(-0.75))] * 5)
