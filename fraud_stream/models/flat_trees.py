"""Scoring chunks with boosted trees by NumPy alone, in the thread that asks.

scikit-learn's own prediction takes a millisecond for one row and wakes a thread on every core.  Here each tree is a row
of bits, one a leaf.  A comparison that sends a transaction to the right takes the leaves on its left away, whichever
node it belongs to; all comparisons of all trees are made at once, and the first leaf that is left is the tree's answer.

Source: Lucchese, Nardini, Orlando, Perego, Tonellotto, Venturini: QuickScorer: a fast algorithm to rank documents with
additive ensembles of regression trees. SIGIR 2015.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_stream.errors import ModelError
from fraud_stream.models.binned import logistic

Rows = NDArray[np.float64]
#: Trees at most.
MOST_TREES = 1_000
#: Rows whose comparisons fit into the processor's cache.
_TOGETHER = 128


class Shape(NamedTuple):
    """How trees are held.

    Attributes:
        word: Whose bits are the leaves of a tree, of which there are no more than these.
        value: What values of features are compared as.
    """

    word: np.dtype[Any]
    value: np.dtype[Any]

    @property
    def most_leaves(self) -> int:
        """Leaves of a tree at most."""
        return 8 * self.word.itemsize


#: What scikit-learn's boosted trees of at most 16 leaves are held as.
BOOSTED = Shape(np.dtype(np.uint16), np.dtype(np.float64))
MOST_LEAVES = BOOSTED.most_leaves


class _Tree(NamedTuple):
    """A tree as comparisons and leaves, both from left to right.

    Attributes:
        comparisons: Of each inner node the feature, the largest value that goes left, and the bits of its left leaves.
        leaves: The value of each leaf.
    """

    comparisons: list[tuple[int, float, int]]
    leaves: list[float]


class FlatTrees:
    """Boosted regression trees whose sum is the log odds of fraud.

    Args:
        trees: The nodes of each tree, as scikit-learn's predictors hold them.
        baseline: The log odds without any tree.
        width: How many features a row has.
        form: How the trees are held.

    Raises:
        ModelError: These are no such trees.
    """

    def __init__(self, trees: Sequence[NDArray[Any]], baseline: float, width: int, form: Shape = BOOSTED) -> None:
        if not 0 < len(trees) <= MOST_TREES or not np.isfinite(baseline):
            raise ModelError(f"it has {len(trees)} trees above log odds of {baseline}; 1 to {MOST_TREES} are allowed")
        flat = [_flattened(nodes, width, form.most_leaves) for nodes in trees]
        shape = max(1, *(len(tree.comparisons) for tree in flat)), len(flat)
        self._form, self._baseline = form, baseline
        self._features = np.zeros(shape, dtype=np.intp)
        self._limits = np.full((*shape, 1), np.inf, dtype=form.value)
        self._lefts = np.zeros((*shape, 1), dtype=form.word)
        self._leaves = np.zeros((len(flat), form.most_leaves))
        self._starts = np.arange(len(flat))[:, None] * form.most_leaves
        for n, tree in enumerate(flat):
            self._hold(n, tree)

    def _hold(self, n: int, tree: _Tree) -> None:
        for k, (feature, limit, lefts) in enumerate(tree.comparisons):
            self._features[k, n], self._lefts[k, n] = feature, lefts
            self._limits[k, n] = _rounded_down(limit, self._form.value)
        self._leaves[n, : len(tree.leaves)] = tree.leaves

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        """The probability of fraud of each row."""
        found: NDArray[np.float64] = logistic(self.sums(rows))
        return found

    def sums(self, rows: Rows) -> NDArray[np.float64]:
        """The baseline and what all trees say of each row."""
        parts = [self._sums(rows[n : n + _TOGETHER]) for n in range(0, len(rows), _TOGETHER)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _sums(self, rows: Rows) -> NDArray[np.float64]:
        columns = np.ascontiguousarray(rows.T, dtype=self._form.value)
        values = columns[self._features.ravel()].reshape(*self._features.shape, len(rows))
        left = ~np.bitwise_or.reduce((values > self._limits) * self._lefts, axis=0)
        first = np.bitwise_count((left & -left) - self._form.word.type(1))  # how many bits are below the lowest
        found: NDArray[np.float64] = self._leaves.ravel()[first + self._starts].sum(axis=0) + self._baseline
        return found


def _rounded_down(limit: float, kind: np.dtype[Any]) -> Any:
    """The largest number of that kind that is not above a limit: no value of that kind lies between the two."""
    found = kind.type(limit)
    return np.nextafter(found, kind.type(-np.inf)) if float(found) > limit else found


def _flattened(nodes: NDArray[Any], width: int, most_leaves: int) -> _Tree:
    """The comparisons and leaves of a tree.

    Raises:
        ModelError: It is none, has too many leaves, or compares otherwise than by size.
    """
    if not 0 < len(nodes) < 2 * most_leaves:
        raise ModelError(f"a tree has {len(nodes)} nodes; at most {2 * most_leaves - 1} are allowed")
    if nodes["is_categorical"].any():
        raise ModelError("a tree compares categories; only comparisons by size are read")
    inner = nodes["is_leaf"] == 0
    if not (nodes["feature_idx"][inner] < width).all() or not (nodes["feature_idx"][inner] >= 0).all():
        raise ModelError(f"a tree asks for features beyond the {width} that there are")
    if not np.isfinite(nodes["value"]).all() or np.isnan(nodes["num_threshold"]).any():
        raise ModelError("a tree has numbers that are not finite")
    tree, seen = _Tree([], []), set[int]()
    _walk(nodes, 0, tree, seen)
    return tree


def _walk(nodes: NDArray[Any], place: int, tree: _Tree, seen: set[int]) -> int:
    """Note a node and those below it; the bits of its leaves."""
    if place in seen or not 0 <= place < len(nodes):
        raise ModelError("the nodes of a tree do not make a tree")
    seen.add(place)
    node = nodes[place]
    if node["is_leaf"]:
        tree.leaves.append(float(node["value"]))
        return 1 << (len(tree.leaves) - 1)
    left = _walk(nodes, int(node["left"]), tree, seen)
    tree.comparisons.append((int(node["feature_idx"]), float(node["num_threshold"]), left))
    return left | _walk(nodes, int(node["right"]), tree, seen)
