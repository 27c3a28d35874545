"""The online model: River's StandardScaler, clipped, and LogisticRegression; it learns label after label."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from river import compose, linear_model, optim, preprocessing, utils

from fraud_stream.domain.matrix import matrix
from fraud_stream.errors import ModelError
from fraud_stream.models.state import ModelState

KIND = "clipped-scaled-logistic-regression"
#: Scaled values are cut here, in deviations.  A value that was hardly ever seen, such as the first Saturday of a
#: stream, would else lie so many deviations off that it outweighs everything.
LIMIT = 4.0


class ClippedScaler(preprocessing.StandardScaler):
    """River's StandardScaler, its values cut at `LIMIT`."""

    def transform_one(self, x: dict[Hashable, Any]) -> dict[Hashable, Any]:
        """The scaled values of one transaction."""
        scaled = super().transform_one(x)  # type: ignore[no-untyped-call]  # River has no types here
        return {name: min(max(value, -LIMIT), LIMIT) for name, value in scaled.items()}

    def learn_and_transform(self, names: Sequence[str], rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Learn each row and scale it, in order: as one at a time, ten times as fast.

        Welford's update as River does it (Technometrics 4(3), 1962): the mean moves by (x - mean) / n, and the sum of
        squares grows by (x - mean before) * (x - mean after).

        Args:
            names: The names of the features of a row, in order.
            rows: One row each, at least one.
        """
        counts, mean, variance = (self._array(part, names) for part in (self.counts, self.means, self.vars))
        mean = np.where(counts > 0, mean, rows[0])  # of what never varied the mean is then exact
        n = counts + np.arange(1, len(rows) + 1)[:, None]
        means = mean + np.cumsum(rows - mean, axis=0) / n
        before = np.vstack([mean, means[:-1]])
        variances = (counts * variance + np.cumsum((rows - before) * (rows - means), axis=0)) / n
        variances = np.maximum(variances, 0.0)  # below it is only rounding
        self._keep(names, n[-1], means[-1], variances[-1])
        deviations = np.sqrt(variances)
        scaled = np.divide(rows - means, deviations, out=np.zeros_like(rows), where=deviations > 0)
        clipped: NDArray[np.float64] = np.clip(scaled, -LIMIT, LIMIT)
        return clipped

    @staticmethod
    def _array(part: Mapping[str, float], names: Sequence[str]) -> NDArray[np.float64]:
        return np.array([part.get(name, 0.0) for name in names], dtype=float)

    def _keep(self, names: Sequence[str], *parts: NDArray[np.float64]) -> None:
        for held, values in zip((self.counts, self.means, self.vars), parts, strict=True):
            for name, value in zip(names, values.tolist(), strict=True):
                held[name] = value


class ChunkedRegression(linear_model.LogisticRegression):
    """River's LogisticRegression with plain gradient descent: three times as fast a chunk as one transaction at a time.

    Args:
        learning_rate: Step of the stochastic gradient descent.
    """

    def __init__(self, learning_rate: float = 0.01) -> None:
        super().__init__(optim.SGD(learning_rate))

    def learn_rows(self, names: Sequence[str], rows: NDArray[np.float64], labels: Sequence[bool]) -> None:
        """Learn each row in order: River's loss and its optimizer's steps, on a vector of weights, not a dictionary.

        Args:
            names: The names of the features of a row, in order.
            rows: One row each.
            labels: One label each.
        """
        held = self.weights
        weights = np.array([held.get(name, 0.0) for name in names], dtype=float)
        for row, label in zip(rows, labels, strict=True):
            gradient = self.loss.gradient(label, float(row @ weights) + self.intercept)
            self.intercept -= self.intercept_lr.get(self.optimizer.n_iterations) * gradient
            self.optimizer.step(weights, gradient * row)
        self._weights = utils.VectorDict(dict(zip(names, weights.tolist(), strict=True)))


class Lesson(msgspec.Struct, frozen=True, gc=False):
    """A labelled transaction to learn.

    Attributes:
        row: Its features.
        is_fraud: Its label.
        origin: Where it is from: a topic and partition in which it is read once.
        offset: Its offset there.
    """

    row: Sequence[float]
    is_fraud: bool
    origin: str
    offset: int


class OnlineModel:
    """A model that learns.

    Args:
        name: Its name.
        features: The names of the features of a row, in order.
        learning_rate: Step of the stochastic gradient descent.

    Attributes:
        learnt: Transactions learnt.
        frauds: Frauds among them.
        seen: For each origin of labelled transactions the newest offset learnt.
        version: Number of states published.

    >>> model = OnlineModel("online", ["amount"])
    >>> model.learn(Lesson([float(n % 2)], n % 2 == 1, "labels-0", n) for n in range(100))
    100
    >>> model.learn([Lesson([1.0], True, "labels-0", 7)])  # learnt before
    0
    >>> model.probability([1.0]) > 0.5 > model.probability([0.0])
    True
    """

    def __init__(self, name: str, features: Sequence[str], learning_rate: float = 0.01) -> None:
        self.name = name
        self.features = tuple(features)
        self.learnt = self.frauds = self.version = 0
        self.seen: dict[str, int] = {}
        self._scaler = ClippedScaler()
        self._regression = ChunkedRegression(learning_rate)
        self._pipeline = compose.Pipeline(self._scaler, self._regression)

    def learn(self, lessons: Iterable[Lesson]) -> int:
        """Learn labelled transactions in order, as River's pipeline does; how many were not learnt before."""
        new = [lesson for lesson in lessons if self._is_new(lesson)]
        if new:
            scaled = self._scaler.learn_and_transform(self.features, matrix([lesson.row for lesson in new]))
            self._regression.learn_rows(self.features, scaled, [lesson.is_fraud for lesson in new])
        self.learnt += len(new)
        self.frauds += sum(lesson.is_fraud for lesson in new)
        return len(new)

    def _is_new(self, lesson: Lesson) -> bool:
        if lesson.offset <= self.seen.get(lesson.origin, -1):
            return False
        self.seen[lesson.origin] = lesson.offset
        return True

    def probability(self, row: Sequence[float]) -> float:
        """The probability that a transaction with these features is fraud."""
        return float(self._pipeline.predict_proba_one(dict(zip(self.features, row, strict=True)))[True])

    def publish(self, now: float) -> ModelState:
        """The next version of the model, as plain numbers."""
        self.version += 1
        return ModelState(
            self.name,
            KIND,
            self.version,
            list(self.features),
            self.learnt,
            self.frauds,
            self._numbers(),
            dict(self.seen),
            now,
        )

    def _numbers(self) -> dict[str, list[float]]:
        parts: Mapping[str, Mapping[str, float]] = {
            "counts": self._scaler.counts,
            "means": self._scaler.means,
            "variances": self._scaler.vars,
            "weights": self._regression.weights,
        }
        numbers = {part: [float(values.get(name, 0.0)) for name in self.features] for part, values in parts.items()}
        return {**numbers, "intercept": [float(self._regression.intercept)]}

    @classmethod
    def resume(cls, state: ModelState, features: Sequence[str], learning_rate: float = 0.01) -> "OnlineModel":
        """Go on learning where a published state left off.

        Raises:
            ModelError: The state is another kind of model, or reads other features.
        """
        check_state(state, features)
        model = cls(state.name, features, learning_rate)
        model.learnt, model.frauds, model.version = state.learnt, state.frauds, state.version
        model.seen = dict(state.seen)
        model._restore(state.numbers)
        return model

    def _restore(self, numbers: Mapping[str, Sequence[float]]) -> None:
        def named(part: str) -> dict[str, float]:
            return dict(zip(self.features, numbers[part], strict=True))

        self._scaler.counts.update({name: int(count) for name, count in named("counts").items()})
        self._scaler.means.update(named("means"))
        self._scaler.vars.update(named("variances"))
        self._regression._weights = utils.VectorDict(named("weights"))
        self._regression.intercept = numbers["intercept"][0]


def check_state(state: ModelState, features: Sequence[str]) -> None:
    """Refuse a state that does not fit.

    Raises:
        ModelError: It is another kind of model, reads other features, or is not made of finite numbers.
    """
    if state.kind != KIND:
        raise ModelError(f"model {state.id} is a {state.kind!r}; this application uses {KIND!r}")
    if list(state.features) != list(features):
        other = sorted(set(state.features) ^ set(features)) or "their order"
        raise ModelError(f"model {state.id} reads other features than this application makes: {other}")
    sizes = {part: len(state.numbers.get(part, ())) for part in ("counts", "means", "variances", "weights")}
    if set(sizes.values()) != {len(features)} or len(state.numbers.get("intercept", ())) != 1:
        raise ModelError(f"model {state.id} has numbers missing: {sizes}")
    if not all(math.isfinite(number) for numbers in state.numbers.values() for number in numbers):
        raise ModelError(f"model {state.id} has numbers that are not finite")
    if any(number < 0 for part in ("counts", "variances") for number in state.numbers[part]):
        raise ModelError(f"model {state.id} has counts or variances below zero")
