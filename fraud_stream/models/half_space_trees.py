"""Streaming half-space trees: how unusual a transaction is, learnt without any label, for whole chunks at once.

A tree halves the space of the features again and again, at places that are drawn once and never learnt.  What is
learnt is how many transactions of a window fall into each part.  A part that is small and yet holds many is usual.
The trees count one window while they score by the one before it, and change over when it is full.

Source: Tan, Ting, Liu: Fast anomaly detection for streaming data. IJCAI 2011.  As in River's, a part is halved at a
place drawn from the middle 70 % of its own range: the paper's halves lie mostly beyond all values.
"""

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

Rows = NDArray[np.float64]
Places = NDArray[np.intp]
#: Share of a part's range, at each end, in which it is not halved.
PADDING = 0.15
#: Share of a window's transactions below which a part is not looked into further (the paper's size limit).
SMALL = 0.1


class HalfSpaceTrees(base.AnomalyDetector):
    """River's estimator of it, which also takes whole chunks of rows; values are to lie between 0 and 1.

    The features are those of the first transaction learnt; one that is missing later is 0, and a new one is passed
    over.

    Args:
        n_trees: How many trees.
        height: How often each halves the space.
        window_size: Transactions of a window.
        seed: Makes the trees.

    Attributes:
        windows: How many windows were full.

    >>> trees = HalfSpaceTrees(window_size=100, seed=1)
    >>> for n in range(200):
    ...     trees.learn_one({"amount": 0.4 + n % 10 / 100})
    >>> trees.score_one({"amount": 0.9}) > 0.98 > trees.score_one({"amount": 0.45})
    True
    """

    def __init__(self, n_trees: int = 25, height: int = 8, window_size: int = 250, seed: int | None = None) -> None:
        self.n_trees = n_trees
        self.height = height
        self.window_size = window_size
        self.seed = seed
        self.windows = 0
        self.names: list[Hashable] = []
        self._counted = 0
        self._parts, self._halves = np.zeros(0, dtype=np.intp), np.zeros(0)
        self._latest = np.zeros(n_trees << height, dtype=np.int64)
        self._densities = np.zeros(n_trees << height)
        self._roots = np.arange(n_trees, dtype=np.intp) << height

    def learn_one(self, x: dict[Hashable, Any]) -> None:
        """Learn one transaction."""
        if not self.names:
            self.names = sorted(x, key=str)
        self.learn_rows(self._row(x))

    def score_one(self, x: dict[Hashable, Any]) -> float:
        """How unusual it is, 0 to 1; 0 before a window was full."""
        return float(self.scores(self._row(x))[0]) if self.windows else 0.0

    def learn_rows(self, rows: Rows) -> None:
        """Learn each row in order, as one at a time."""
        self.scores_before_learning(rows)

    def scores_before_learning(self, rows: Rows) -> Rows:
        """How unusual each row is before it is learnt, and learn it; nan before a window was full."""
        leaves, found = self._leaves(rows), np.full(len(rows), np.nan)
        start = 0
        while start < len(rows):
            end = min(len(rows), start + self.window_size - self._counted)
            if self.windows:
                found[start:end] = self._scores(leaves[start:end])
            self._latest += np.bincount(leaves[start:end].ravel(), minlength=len(self._latest))
            self._counted += end - start
            start = end
            if self._counted == self.window_size:
                self._change_over()
        return found

    def scores(self, rows: Rows) -> Rows:
        """How unusual each row is, 0 to 1: the largest where its parts of the space hold fewest, against their size."""
        return self._scores(self._leaves(rows))

    def _row(self, x: dict[Hashable, Any]) -> Rows:
        return np.array([[float(x.get(name, 0.0)) for name in self.names]])

    def _scores(self, leaves: Places) -> Rows:
        found: Rows = 1.0 - self._densities.take(leaves).mean(axis=1)
        return found

    def _leaves(self, rows: Rows) -> Places:
        """For each row and tree the place of the leaf that it falls into."""
        if not len(self._halves):
            self._plant(rows.shape[1])
        values = np.ascontiguousarray(rows).ravel()
        first = np.arange(len(rows), dtype=np.intp)[:, None] * rows.shape[1]
        node = np.ones((len(rows), self.n_trees), dtype=np.intp)
        for _ in range(self.height):
            place = node + self._roots
            node += node
            node += values.take(self._parts.take(place) + first) >= self._halves.take(place)
        leaves: Places = node + (self._roots - (1 << self.height))
        return leaves

    def _plant(self, width: int) -> None:
        """Draw the trees: of each node, in a heap's order from 1 on, which feature is halved, and where."""
        random, trees = np.random.default_rng(self.seed), np.arange(self.n_trees)[:, None]
        parts = np.zeros((self.n_trees, 1 << self.height), dtype=np.intp)
        halves = np.zeros((self.n_trees, 1 << self.height))
        low, high = np.zeros((self.n_trees, 1, width)), np.ones((self.n_trees, 1, width))
        for level in range(self.height):
            nodes = np.arange(1 << level)
            part = random.integers(width, size=(self.n_trees, len(nodes)))
            one, other = low[trees, nodes, part], high[trees, nodes, part]
            half = one + (PADDING + (1 - 2 * PADDING) * random.random(part.shape)) * (other - one)
            parts[:, len(nodes) : 2 * len(nodes)], halves[:, len(nodes) : 2 * len(nodes)] = part, half
            low, high = np.repeat(low, 2, axis=1), np.repeat(high, 2, axis=1)
            high[trees, 2 * nodes, part] = low[trees, 2 * nodes + 1, part] = half
        self._parts, self._halves = parts.ravel(), halves.ravel()

    def _change_over(self) -> None:
        """Score by the window that is full from now on, and count a new one.

        A leaf's density is that of the first part on the way to it which holds few: its transactions times two to the
        power of its depth, over what that can be at most.
        """
        levels = [self._latest.reshape(self.n_trees, -1)]
        for _ in range(self.height):
            levels.append(levels[-1].reshape(self.n_trees, -1, 2).sum(axis=2))
        density = levels.pop().astype(float)
        is_small = density <= SMALL * self.window_size
        for level, mass in enumerate(reversed(levels), 1):
            density, is_small = np.repeat(density, 2, axis=1), np.repeat(is_small, 2, axis=1)
            density = np.where(is_small, density, mass * float(1 << level))
            is_small |= mass <= SMALL * self.window_size
        self._densities = density.ravel() / (self.window_size << self.height)
        self._latest[:] = 0
        self._counted = 0
        self.windows += 1

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"n_trees": 10, "window_size": 50, "seed": 1}
