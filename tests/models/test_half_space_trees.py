from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from river import anomaly, checks, datasets
from sklearn.metrics import roc_auc_score

from fraud_stream.models.half_space_trees import HalfSpaceTrees

SIZE = {"n_trees": 25, "height": 8, "window_size": 250}


def stream(seed: int = 1, length: int = 3_000) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Points around one place, and 2 % that lie anywhere around it, and farther."""
    rnd = np.random.default_rng(seed)
    is_odd = rnd.random(length) < 0.02
    rows = rnd.normal(0.3, np.where(is_odd, 0.15, 0.06)[:, None], (length, 6))
    return np.clip(rows, 0.0, 1.0), is_odd


class FewPoints:
    """Takes the place of the data set that River's checks of detectors would fetch."""

    def take(self, number: int) -> Iterator[tuple[dict[str, float], bool]]:
        rows, is_odd = stream(length=min(number, 600))
        for row, odd in zip(rows.tolist(), is_odd.tolist(), strict=True):
            yield {f"V{n}": value for n, value in enumerate(row)}, odd


@pytest.mark.parametrize("arguments", list(HalfSpaceTrees._unit_test_params()))
def test_it_is_a_sound_estimator_to_river(arguments: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "CreditCard", FewPoints)
    model = HalfSpaceTrees(**arguments)
    names = set()
    for check in checks.yield_checks(model):
        check(model.clone())
        names.add(getattr(check, "__name__", "") or getattr(getattr(check, "func", None), "__name__", ""))
    assert {"check_learn_one", "check_roc_auc", "check_bounded_memory_growth"} <= names


def scored(rows: NDArray[np.float64], chunk: int, **arguments: int) -> NDArray[np.float64]:
    trees = HalfSpaceTrees(**{**SIZE, "seed": 1, **arguments})
    return np.concatenate([trees.scores_before_learning(rows[n : n + chunk]) for n in range(0, len(rows), chunk)])


@pytest.mark.parametrize("chunk", [7, 250, 777, 3_000])
def test_chunks_are_scored_and_learnt_as_one_at_a_time(chunk: int) -> None:
    rows, _ = stream(length=1_100)
    assert scored(rows, chunk).tolist() == pytest.approx(scored(rows, 1).tolist(), rel=1e-12, nan_ok=True)


def test_rivers_interface_says_the_same() -> None:
    rows, _ = stream(length=600)
    trees, found = HalfSpaceTrees(**SIZE, seed=1), []
    for row in rows.tolist():
        x = {f"f{n}": value for n, value in enumerate(row)}
        found.append(trees.score_one(x))
        trees.learn_one(x)
    assert found[:250] == [0.0] * 250
    assert found[250:] == pytest.approx(scored(rows, 600)[250:].tolist(), rel=1e-12)


def test_it_ranks_like_rivers_own() -> None:
    """Other trees are drawn, so the ranking is another one, of the same quality."""
    ours, theirs = [], []
    for seed in (1, 2, 3):
        rows, is_odd = stream(seed)
        known = slice(SIZE["window_size"], None)
        other, found = anomaly.HalfSpaceTrees(**SIZE, seed=seed), []
        for row in rows.tolist():
            x = dict(enumerate(row))
            found.append(other.score_one(x))
            other.learn_one(x)
        ours.append(roc_auc_score(is_odd[known], scored(rows, 500, seed=seed)[known]))
        theirs.append(roc_auc_score(is_odd[known], found[known]))
    assert min(ours) > 0.85
    assert np.mean(ours) > np.mean(theirs) - 0.02


def test_nothing_is_said_before_a_window_was_full() -> None:
    rows, _ = stream(length=600)
    found = scored(rows, 100)
    assert np.isnan(found[:250]).all()
    assert ((found[250:] > 0) & (found[250:] <= 1)).all()


def test_what_becomes_usual_is_usual_after_a_window() -> None:
    rows, _ = stream(length=1_000)
    rows[500:] = 1.0 - rows[500:]
    before, first, after = (part.mean() for part in np.split(scored(rows, 100)[250:], [250, 500]))
    assert first > 0.95
    assert max(before, after) < 0.75


def test_the_score_is_the_papers_by_hand() -> None:
    """One tree, halved once, and a window of four, three of which are above the half: 1 - 3 * 2 / (4 * 2)."""
    trees = HalfSpaceTrees(n_trees=1, height=1, window_size=4, seed=1)
    trees.learn_rows(np.array([[0.0], [1.0], [1.0], [1.0]]))
    assert trees.scores(np.array([[1.0], [0.0]])).tolist() == [0.25, 0.75]


def test_a_part_that_holds_few_is_not_looked_into() -> None:
    """Of 100 two are above the first half; where they are above it does not matter."""
    trees = HalfSpaceTrees(n_trees=1, height=4, window_size=100, seed=1)
    trees.learn_rows(np.array([[0.0]] * 98 + [[0.99]] * 2))
    assert trees.scores(np.array([[0.99], [1.0]])).tolist() == [1 - 2 * 2 / (100 * 16)] * 2


def test_the_same_seed_draws_the_same_trees() -> None:
    rows, _ = stream(length=600)
    one, same, other = (scored(rows, 600, seed=seed)[250:].tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_a_feature_that_is_missing_is_zero_and_a_new_one_is_passed_over() -> None:
    trees = HalfSpaceTrees(window_size=50, seed=1)
    for n in range(50):
        trees.learn_one({"a": n % 5 / 10, "b": 0.0})
    assert trees.score_one({"a": 0.2, "c": 1.0}) == trees.score_one({"a": 0.2, "b": 0.0})
