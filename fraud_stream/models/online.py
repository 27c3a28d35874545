"""The online model: River's StandardScaler, clipped, and LogisticRegression; it learns one label at a time."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from river import compose, linear_model, optim, preprocessing, utils

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
    >>> for offset in range(100):
    ...     _ = model.learn([float(offset % 2)], offset % 2 == 1, "labels-0", offset)
    >>> model.learn([1.0], True, "labels-0", 7)  # learnt before
    False
    >>> model.probability([1.0]) > 0.5 > model.probability([0.0])
    True
    """

    def __init__(self, name: str, features: Sequence[str], learning_rate: float = 0.01) -> None:
        self.name = name
        self.features = tuple(features)
        self.learnt = self.frauds = self.version = 0
        self.seen: dict[str, int] = {}
        self._scaler = ClippedScaler()
        self._regression = linear_model.LogisticRegression(optim.SGD(learning_rate))
        self._pipeline = compose.Pipeline(self._scaler, self._regression)

    def learn(self, row: Sequence[float], is_fraud: bool, origin: str, offset: int) -> bool:
        """Learn one labelled transaction; False where it was learnt before."""
        if offset <= self.seen.get(origin, -1):
            return False
        self.seen[origin] = offset
        self._pipeline.learn_one(dict(zip(self.features, row, strict=True)), is_fraud)
        self.learnt += 1
        self.frauds += is_fraud
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
