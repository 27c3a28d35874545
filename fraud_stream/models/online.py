"""The model that learns label after label, and how its state travels."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.errors import ModelError
from fraud_stream.models.binned import BinnedLogisticRegression, logistic
from fraud_stream.models.state import ModelState, Progress

KIND = "binned-logistic-regression"
#: Features that say more together: an amount out of habit soon after others, or of a customer with known frauds; a new
#: device, a new place and such an amount; a merchant's frauds by how long they are known, and by what was genuine
#: since.
CROSSES = (
    ("amount_ratio_winsorised", "outliers_7d"),
    ("amount_ratio_winsorised", "customer_frauds_30d"),
    ("is_new_device", "is_new_location"),
    ("is_new_device", "amount_ratio_winsorised"),
    ("is_new_location", "amount_ratio_winsorised"),
    ("merchant_risk_7d", "merchant_days_since_fraud"),
    ("merchant_days_since_first_fraud", "merchant_genuine_since_fraud"),
    ("merchant_risk_smoothed", "merchant_genuine_since_fraud"),
    ("merchant_risk_smoothed", "merchant_days_since_first_fraud"),
)


class Learning(msgspec.Struct, frozen=True):
    """How the model learns.

    Attributes:
        rate: AdaGrad's learning rate.
        undersampling: The share of the genuine transactions that are learnt.
    """

    rate: float = 0.1
    undersampling: float = 1.0


class OnlineModel:
    """A model that learns.

    Args:
        name: Its name.
        features: The names of the features of a row, in order.
        learning: How it learns.

    Attributes:
        learnt: Transactions it was given to learn.
        frauds: Frauds among them.
        version: Number of states published.

    >>> model = OnlineModel("online", ["amount"])
    >>> model.learn(np.arange(9_000.0)[:, None] % 2, [n % 2 == 1 for n in range(9_000)])
    >>> high, low = model.probabilities(np.array([[1.0], [0.0]]))
    >>> high > 0.5 > low
    True
    """

    def __init__(self, name: str, features: Sequence[str], learning: Learning | None = None) -> None:
        learning = learning or Learning()
        self.name = name
        self.features = tuple(features)
        self.learnt = self.frauds = self.version = 0
        self._regression = BinnedLogisticRegression(CROSSES, learning.rate, learning.undersampling)
        self._regression.meet(features)

    def learn(self, rows: NDArray[np.float64], labels: Sequence[bool]) -> None:
        """Learn labelled transactions in order: a row of features and a label each."""
        self._regression.learn_rows(self.features, rows, labels)
        self.learnt += len(labels)
        self.frauds += sum(labels)

    def probabilities(self, rows: NDArray[np.float64]) -> list[float]:
        """The probability of fraud of each row."""
        found: list[float] = logistic(self._regression.logits(self.features, rows)).tolist()
        return found

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each feature of each row adds to the log odds of fraud."""
        return self._regression.contributions(rows)

    def publish(self, now: float, progress: Progress | None = None) -> ModelState:
        """The next version of the model, as plain numbers, with how far what it learnt was taken in."""
        self.version += 1
        return ModelState(
            self.name,
            KIND,
            self.version,
            list(self.features),
            self.learnt,
            self.frauds,
            self._regression.numbers(),
            now,
            progress or Progress(),
        )

    @classmethod
    def resume(cls, state: ModelState, features: Sequence[str], learning: Learning | None = None) -> "OnlineModel":
        """Go on learning where a published state left off.

        Raises:
            ModelError: The state is another kind of model, reads other features, or is damaged.
        """
        _check(state, features)
        model = cls(state.name, features, learning)
        model.learnt, model.frauds, model.version = state.learnt, state.frauds, state.version
        try:
            model._regression.restore(features, state.numbers)
        except (ValueError, OverflowError, IndexError) as error:
            raise ModelError(f"model {state.id} cannot be used: {error}") from None
        return model


def _check(state: ModelState, features: Sequence[str]) -> None:
    if state.kind != KIND:
        raise ModelError(f"model {state.id} is a {state.kind!r}; this application uses {KIND!r}")
    if list(state.features) != list(features):
        other = sorted(set(state.features) ^ set(features)) or "their order"
        raise ModelError(f"model {state.id} reads other features than this application makes: {other}")
