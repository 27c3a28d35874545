"""Binned logistic regression: an online generalised additive model.

Each feature is cut into bins, each bin has a weight, and the log odds of fraud are the sum of the weights of the bins
that a transaction falls into.  So a feature may count in any shape, and what it adds is read off.  A cross has a weight
for each pair of bins of two features.  Weights are learnt by AdaGrad, in one pass; the bins are learnt too (`bins`).
Scores come from the weights' running mean, which is steadier than they are: it ranks what they know little of better.

Sources: Hastie, Tibshirani: Generalized additive models. Statistical Science 1(3), 1986.  Duchi, Hazan, Singer:
Adaptive subgradient methods for online learning and stochastic optimization. JMLR 12, 2011.  Polyak, Juditsky:
Acceleration of stochastic approximation by averaging. SIAM Journal on Control and Optimization 30(4), 1992.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from fraud_stream.models.bins import refined, shares
from fraud_stream.models.cells import CELLS, Places, Rows, cells_of

Vector = NDArray[np.float64]
Numbers = dict[str, list[float]]
Cross = tuple[Hashable, Hashable]
#: Beyond this the logistic function is 0 or 1 to the last digit.
LARGEST_LOGIT = 35.0
#: Bins are made finer after so many transactions, and then each time their number has doubled.
FIRST_REFINEMENT = 500
#: The running mean takes the weights in after so many transactions, with at least this share.
AVERAGED_EVERY, LEAST_SHARE = 500, 0.0125
#: What AdaGrad's sums begin with.
FIRST_SQUARE = 0.01
#: A transaction that is off by less changes nothing.
_NO_ERROR = 1e-5


def logistic(logits: Any) -> Any:
    """Probabilities of log odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)))


class Layout:
    """Where the weights of features and crosses are in one vector.

    Args:
        bins: The bin of each cell, one row a feature.
        crosses: Pairs of features, by their places.
    """

    def __init__(self, bins: Places, crosses: Sequence[tuple[int, int]]) -> None:
        self.bins = bins
        self.sizes = bins[:, -1] + 1
        self.left = np.array([i for i, _ in crosses], dtype=np.int64)
        self.right = np.array([j for _, j in crosses], dtype=np.int64)
        sizes = np.concatenate([self.sizes, self.sizes[self.left] * self.sizes[self.right]])
        self.ends = np.cumsum(sizes)
        self.starts = self.ends - sizes
        self._columns = np.arange(len(bins))

    @property
    def size(self) -> int:
        """How many weights there are."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def places(self, cells: Places) -> Places:
        """The places of the weights of each row of `cells`."""
        found = self.bins[self._columns, cells]
        crossed = found[:, self.left] * self.sizes[self.right] + found[:, self.right]
        places: Places = np.hstack([found, crossed]) + self.starts
        return places

    def origins(self, before: "Layout") -> Places:
        """For each weight the place that its bins had in the coarser layout `before`."""
        old = [before.bins[k][np.searchsorted(bins, range(bins[-1] + 1))] for k, bins in enumerate(self.bins)]
        pairs = zip(before.left, before.right, strict=True)
        crossed = [(old[i][:, None] * before.sizes[j] + old[j]).ravel() for i, j in pairs]
        return np.concatenate([part + start for part, start in zip([*old, *crossed], before.starts, strict=True)])


class BinnedLogisticRegression(base.Classifier):
    """River's estimator of it, which also takes whole chunks of rows.

    Args:
        crosses: Pairs of features that have a weight for each pair of their bins.
        learning_rate: AdaGrad's.
        undersampling: The share of the genuine transactions that are learnt; the probabilities are corrected for it.
        prior: The share of frauds that is assumed before anything is learnt.

    Attributes:
        names: The features met, in order.
        learnt: Transactions learnt, without those that undersampling left out.

    >>> model = BinnedLogisticRegression()
    >>> for n in range(10_000):
    ...     model.learn_one({"amount": n % 100}, n % 100 > 50)
    >>> model.predict_proba_one({"amount": 99})[True] > 0.7 > 0.2 > model.predict_proba_one({"amount": 9})[True]
    True
    """

    def __init__(
        self,
        crosses: Sequence[Cross] | None = None,
        learning_rate: float = 0.1,
        undersampling: float = 1.0,
        prior: float = 0.01,
    ) -> None:
        self.crosses = crosses
        self.learning_rate = learning_rate
        self.undersampling = undersampling
        self.prior = prior
        self.names: list[Hashable] = []
        self.learnt = self._genuine = 0
        self._intercept = math.log(prior / (1.0 - prior))
        self._mean_intercept = self._intercept
        self._intercept_square = FIRST_SQUARE
        self._tallies = np.zeros((2, 0, CELLS), dtype=np.int64)
        self._layout = Layout(np.zeros((0, CELLS), dtype=np.int64), ())
        self._weights, self._squares, self._means = np.zeros(0), np.zeros(0), np.zeros(0)
        self._next_refinement = FIRST_REFINEMENT
        self._expected: Vector | None = None

    def learn_one(self, x: dict[Hashable, Any], y: Any) -> None:
        """Learn one transaction."""
        self.learn_rows(list(x), np.array([list(x.values())], dtype=float), [bool(y)])

    def predict_proba_one(self, x: dict[Hashable, Any], **_: Any) -> dict[bool | str | int, float]:
        """The probabilities of genuine and fraud of one transaction."""
        fraud = float(logistic(self.logits(list(x), np.array([list(x.values())], dtype=float)))[0])
        return {False: 1.0 - fraud, True: fraud}

    def learn_rows(self, names: Sequence[Hashable], rows: Rows, labels: Sequence[bool]) -> None:
        """Learn each row in order: as one at a time.

        Args:
            names: The names of the features of a row, in order.
            rows: One row each.
            labels: One label each.
        """
        self.meet(names)
        self._expected = None
        taken = [n for n, is_fraud in enumerate(labels) if is_fraud or self._takes_genuine()]
        cells, is_fraud = cells_of(self._arranged(names, rows[taken])), np.array(labels, dtype=bool)[taken]
        start = 0
        while start < len(taken):
            end = min(len(taken), start + AVERAGED_EVERY - self.learnt % AVERAGED_EVERY)
            self._learn(cells[start:end], is_fraud[start:end])
            start = end
            if self.learnt % AVERAGED_EVERY == 0:
                self._average()
            if self.learnt == self._next_refinement:
                self._refine()

    def logits(self, names: Sequence[Hashable], rows: Rows) -> Vector:
        """The log odds of fraud of each row."""
        if list(names) != self.names:
            known = [n for n, name in enumerate(names) if name in self.names]
            names, rows = [names[n] for n in known], rows[:, known]
        places = self._layout.places(cells_of(self._arranged(names, rows)))
        found: Vector = self._means[places].sum(axis=1) + self.intercept
        return found

    @property
    def intercept(self) -> float:
        """The log odds without any feature, corrected for undersampling."""
        return self._mean_intercept + math.log(self.undersampling)

    def _takes_genuine(self) -> bool:
        """Whether the next genuine transaction is learnt: by count, not by chance, so that a replay does the same."""
        self._genuine += 1
        return math.floor(self._genuine * self.undersampling) > math.floor((self._genuine - 1) * self.undersampling)

    def meet(self, names: Sequence[Hashable]) -> None:
        """Features may appear at any time; a new one has one bin and no weight."""
        if list(names) == self.names or not (new := [name for name in names if name not in self.names]):
            return
        self.names += new
        more = np.zeros((len(new), CELLS), dtype=np.int64)
        self._tallies = np.concatenate([self._tallies, np.stack([more, more])], axis=1)
        before = self._layout
        self._layout = Layout(np.vstack([before.bins, more]), self._pairs())
        size = self._layout.size
        self._weights, self._means, self._squares = (
            self._widened(values, before, np.full(size, fill))
            for values, fill in ((self._weights, 0.0), (self._means, 0.0), (self._squares, FIRST_SQUARE))
        )

    def _widened(self, values: Vector, before: Layout, wide: Vector) -> Vector:
        """`values` among those of more features; a cross of two features that had none yet is new."""
        singles = len(before.bins)
        wide[: before.ends[singles - 1] if singles else 0] = values[: before.ends[singles - 1] if singles else 0]
        known = {(int(i), int(j)): n for n, (i, j) in enumerate(zip(before.left, before.right, strict=True), singles)}
        for n, pair in enumerate(self._pairs(), len(self._layout.bins)):
            if pair in known:
                old = slice(before.starts[known[pair]], before.ends[known[pair]])
                wide[self._layout.starts[n] : self._layout.ends[n]] = values[old]
        return wide

    def _pairs(self) -> list[tuple[int, int]]:
        place = {name: n for n, name in enumerate(self.names)}
        return [(place[one], place[other]) for one, other in self.crosses or () if one in place and other in place]

    def _arranged(self, names: Sequence[Hashable], rows: Rows) -> Rows:
        """The rows with their columns in the order of `self.names`; a feature that is missing is 0."""
        if list(names) == self.names:
            return rows
        arranged = np.zeros((len(rows), len(self.names)))
        arranged[:, [self.names.index(name) for name in names]] = rows
        return arranged

    def _learn(self, cells: Places, is_fraud: NDArray[np.bool_]) -> None:
        for places, label in zip(self._layout.places(cells), is_fraud.tolist(), strict=True):
            self._step(places, label)
        columns = np.arange(len(self.names))
        for kind in (0, 1):
            np.add.at(self._tallies[kind], (columns, cells[is_fraud == bool(kind)]), 1)
        self.learnt += len(cells)

    def _step(self, places: Places, label: bool) -> None:
        logit = float(self._weights[places].sum()) + self._intercept
        error = 1.0 / (1.0 + math.exp(-max(min(logit, LARGEST_LOGIT), -LARGEST_LOGIT))) - label
        if abs(error) < _NO_ERROR:
            return
        squares = self._squares[places] + error * error
        self._squares[places] = squares
        self._weights[places] -= self.learning_rate * error / np.sqrt(squares)
        self._intercept_square += error * error
        self._intercept -= self.learning_rate * error / math.sqrt(self._intercept_square)

    def _average(self) -> None:
        """Take the weights into their mean: at first mostly of the newest half, in the end of 40,000 transactions."""
        share = max(LEAST_SHARE, 2 * AVERAGED_EVERY / (AVERAGED_EVERY + self.learnt))
        self._means += share * (self._weights - self._means)
        self._mean_intercept += share * (self._intercept - self._mean_intercept)

    def _refine(self) -> None:
        """Make the bins finer; the parts of one begin with its weight, and share its AdaGrad sum."""
        before = self._layout
        bins = [refined(bins, shares(*self._tallies[:, k])) for k, bins in enumerate(before.bins)]
        self._layout = Layout(np.array(bins), self._pairs())
        origins = self._layout.origins(before)
        self._weights, self._means = self._weights[origins], self._means[origins]
        parts = np.bincount(origins, minlength=before.size)
        self._squares = np.maximum(self._squares[origins] / parts[origins], FIRST_SQUARE)
        self._next_refinement *= 2

    def numbers(self) -> Numbers:
        """All that was learnt, as plain numbers."""
        tallied = np.flatnonzero(self._tallies)
        return {
            "edges": [float(cell) for bins in self._layout.bins for cell in np.flatnonzero(np.diff(bins)) + 1],
            "edge_counts": (self._layout.sizes - 1).tolist(),
            "crosses": [place for pair in self._pairs() for place in pair],
            "weights": self._weights.tolist(),
            "means": self._means.tolist(),
            "squares": self._squares.tolist(),
            "intercept": [self._intercept, self._mean_intercept, self._intercept_square],
            "counts": [self.learnt, self._genuine, self._next_refinement],
            "tallied": tallied.tolist(),
            "tallies": self._tallies.ravel()[tallied].tolist(),
        }

    def restore(self, names: Sequence[Hashable], numbers: Numbers) -> None:
        """Take over what another one learnt, which was given the same arguments.

        Args:
            names: Its features.
            numbers: Its `numbers`.

        Raises:
            ValueError: They are none, or of a model with other crosses.
        """
        parts = {part: np.array(values, dtype=np.float64) for part, values in numbers.items()}
        _check(names, parts)
        self._expected = None
        self.names = list(names)
        if parts["crosses"].tolist() != [place for pair in self._pairs() for place in pair]:
            raise ValueError("its crosses are others")
        self._layout = Layout(_bins(parts), self._pairs())
        self._weights, self._means, self._squares = (parts[part] for part in _OF_WEIGHTS)
        if {len(self._weights), len(self._means), len(self._squares)} != {self._layout.size}:
            raise ValueError(f"it has {len(self._weights)} weights for {self._layout.size} bins")
        self._intercept, self._mean_intercept, self._intercept_square = parts["intercept"].tolist()
        self.learnt, self._genuine, self._next_refinement = (int(number) for number in parts["counts"])
        self._tallies = np.zeros((2, len(names), CELLS), dtype=np.int64)
        self._tallies.ravel()[parts["tallied"].astype(np.int64)] = parts["tallies"]

    def contributions(self, rows: Rows) -> NDArray[np.float64]:
        """What each feature adds to the log odds of each row, against the mean transaction; a cross adds to both."""
        layout, columns = self._layout, np.arange(len(self.names))
        added = self._means[layout.places(cells_of(rows))] - self.expected()
        found: NDArray[np.float64] = added[:, columns].copy()
        for n, (i, j) in enumerate(zip(layout.left, layout.right, strict=True), len(columns)):
            found[:, i] += added[:, n] / 2
            found[:, j] += added[:, n] / 2
        return found

    def expected(self) -> Vector:
        """The mean weight of each feature and cross, over the transactions learnt; kept until more are."""
        if self._expected is None:
            self._expected = self._mean_weights()
        return self._expected

    def _mean_weights(self) -> Vector:
        layout = self._layout
        weights = [self._means[start:end] for start, end in zip(layout.starts, layout.ends, strict=True)]
        seen = self._tallies.sum(axis=0)
        mass = [np.bincount(bins, weights=n) / max(n.sum(), 1) for bins, n in zip(layout.bins, seen, strict=True)]
        single = [part @ weight for part, weight in zip(mass, weights, strict=False)]
        pairs = zip(weights[len(mass) :], layout.left, layout.right, strict=True)
        crossed = [mass[i] @ weight.reshape(len(mass[i]), -1) @ mass[j] for weight, i, j in pairs]
        return np.array([*single, *crossed])

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {}
        yield {"undersampling": 0.5}


_OF_WEIGHTS = ("weights", "means", "squares")
#: What `numbers` has, and how many of each where that is fixed.
_PARTS = {**dict.fromkeys((*_OF_WEIGHTS, "edges", "edge_counts", "crosses", "tallied", "tallies")), "intercept": 3}
_PARTS["counts"] = 3
#: Those that are counts or places.
_WHOLE = ("edges", "edge_counts", "crosses", "tallied", "tallies", "counts")
_LARGEST_COUNT = 2.0**53


def _check(names: Sequence[Hashable], parts: Mapping[str, Vector]) -> None:
    sizes = {part: len(parts[part]) if part in parts else -1 for part in _PARTS}
    missing = [part for part, size in sizes.items() if size < 0 or _PARTS[part] not in (None, size)]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    if not np.isfinite(np.concatenate(list(parts.values()))).all():
        raise ValueError("not all of its numbers are finite")
    if sizes["tallied"] != sizes["tallies"] or not _is_within(parts["tallied"], 0, 2 * len(names) * CELLS - 1):
        raise ValueError("its tallies are of other features")
    if sizes["edge_counts"] != len(names) or parts["edge_counts"].sum() != sizes["edges"]:
        raise ValueError("its bins are of other features")
    if not _is_within(parts["edges"], 1, CELLS - 1) or not (parts["squares"] > 0).all():
        raise ValueError("its bins or squares are out of range")
    whole = np.concatenate([parts[part] for part in _WHOLE])
    if (whole % 1).any() or not _is_within(whole, 0, _LARGEST_COUNT):
        raise ValueError("its counts are no counts")
    learnt, _, next_refinement = parts["counts"]
    if parts["intercept"][2] <= 0 or not learnt < next_refinement:
        raise ValueError("its intercept or counts are out of range")


def _is_within(numbers: Vector, least: float, most: float) -> bool:
    return bool(((numbers >= least) & (numbers <= most)).all())


def _bins(parts: Mapping[str, Vector]) -> Places:
    counts = parts["edge_counts"].astype(np.int64)
    marks = np.zeros((len(counts), CELLS), dtype=np.int64)
    marks[np.repeat(np.arange(len(counts)), counts), parts["edges"].astype(np.int64)] = 1
    return np.cumsum(marks, axis=1)
