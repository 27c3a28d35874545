"""A forest walked by NumPy: it says what scikit-learn says, and a hostile one is refused."""

from typing import Any

import msgspec
import numpy as np
import pytest
import skops.io

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.errors import ModelError
from fraud_stream.models.artifact import TRUSTED, digest, dump, libraries, trees_of
from fraud_stream.models.batch import FOREST, BatchModel
from fraud_stream.models.batch_shelf import BatchShelf
from fraud_stream.models.flat_forest import SHAPE, FlatForest
from fraud_stream.models.forest import FEATURES, TREES, Forest

MADE = FeatureMaker().names
PLACES = [MADE.index(name) for name in FEATURES]
WIDTH = len(MADE)


def rows_and_labels(count: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    rows = rng.lognormal(size=(count, WIDTH))
    rows[:, ::3] = rng.integers(0, 4, size=rows[:, ::3].shape)
    chosen = rows[:, PLACES]
    return rows, rng.random(count) < 1 / (1 + np.exp(-(chosen[:, 0] + chosen[:, 1] * chosen[:, 8] - 6)))


ROWS, LABELS = rows_and_labels(6_000)
FITTED = Forest(ROWS[:, PLACES], LABELS)
DATA = dump(FITTED.classifier, FEATURES)


def model(data: bytes = DATA, **changes: Any) -> BatchModel:
    made = (FOREST, 1, list(FEATURES), "v", 6_000, 300, 1.0, 2.0, None, libraries(), digest(data), 5.0, data)
    return msgspec.structs.replace(BatchModel("challenger", *made), **changes)


def trees() -> list[Any]:
    return [one.tree_ for one in FITTED.classifier.estimators_]


def test_there_are_twenty_features_and_the_application_makes_them() -> None:
    assert len(set(FEATURES)) == len(FEATURES) == 20
    assert set(FEATURES) <= set(MADE)


def test_ten_thousand_rows_are_scored_as_scikit_learn_does() -> None:
    rows, _ = rows_and_labels(10_000, seed=1)
    rows[:100] = ROWS[:100]
    rows[100:200, PLACES] = [FITTED.classifier.estimators_[0].tree_.threshold[:20]] * 100  # exactly at limits
    expected = FITTED.probabilities(rows[:, PLACES])
    assert (expected.min() < 0.1, expected.max() > 0.6) == (True, True)
    assert max(one.node_count for one in trees()) == 2 * SHAPE.most_leaves - 1  # every bit of a word is used
    assert abs(FlatForest(trees(), PLACES, WIDTH).probabilities(rows) - expected).max() < 1e-12


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, -1e300, 1e300])
def test_absurd_values_are_no_matter(value: float) -> None:
    rows = np.full((3, WIDTH), value)
    expected = FITTED.probabilities(np.clip(rows[:, PLACES], -3e38, 3e38))  # scikit-learn refuses more
    assert FlatForest(trees(), PLACES, WIDTH).probabilities(rows) == pytest.approx(expected, abs=1e-12)


def test_a_worker_takes_an_announced_forest_for_challenger() -> None:
    shelf = BatchShelf(MADE)
    shelf.offer(msgspec.json.encode(model()))
    assert shelf.in_force is not None, shelf.refusal
    rows, _ = rows_and_labels(500, seed=2)
    assert abs(shelf.in_force.trees.probabilities(rows) - FITTED.probabilities(rows[:, PLACES])).max() < 1e-12


def test_what_is_saved_needs_no_more_than_the_types_that_are_trusted() -> None:
    assert skops.io.get_untrusted_types(data=DATA) == list(TRUSTED[FOREST])
    assert len(DATA) < 1_000_000
    assert len(trees()) == TREES


class Tampered:
    """A tree of which something is otherwise than it was."""

    def __init__(self, tree: Any, **other: Any) -> None:
        names = ("node_count", "capacity", "value", "children_left", "children_right", "feature", "threshold")
        vars(self).update({name: getattr(tree, name) for name in names} | other)


def changed(name: str, place: int, value: Any) -> Any:
    column = np.array(getattr(trees()[0], name))
    column[place] = value
    return Tampered(trees()[0], **{name: column})


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        (Tampered(trees()[0], node_count=10**6), "not the nodes that it says"),
        (Tampered(trees()[0], node_count=0), "not the nodes that it says"),
        (Tampered(trees()[0], value=np.ones((127, 1, 3))), "not two classes"),
        (changed("feature", 0, 20), "beyond the 20"),
        (changed("feature", 0, -7), "beyond the 20"),
        (changed("children_left", 0, 0), "do not make a tree"),
        (changed("children_right", 0, 5_000), "do not make a tree"),
        (changed("children_right", 0, -2), "do not make a tree"),  # scikit-learn would walk there, in C
        (changed("children_right", 0, -1), "do not make a tree"),
        (changed("value", -1, np.nan), "not finite"),
        (changed("threshold", 0, np.nan), "not finite"),
    ],
)
def test_what_is_no_tree_is_refused(tree: Any, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        FlatForest([tree], PLACES, WIDTH)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (model(features=list(FEATURES[1:])), r"other features than this application makes: \['amount'\]"),
        (model(features=list(FEATURES[::-1])), "their order"),
        (model(kind="hist-gradient-boosting", features=list(MADE)), "UntrustedTypes.*Tree"),
        (model(dump(Forest(ROWS[:, :5], LABELS).classifier, FEATURES[:5])), "other rows or labels"),
    ],
)
def test_a_forest_that_does_not_fit_is_refused(other: BatchModel, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        trees_of(other, MADE)
