"""Scoring with a published model: a whole chunk at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.decision import Contribution
from fraud_stream.models.online import Learning, OnlineModel
from fraud_stream.models.state import ModelState


class ModelScorer:
    """The online model as the decisions ask it.

    Args:
        state: The model.
        features: The names of the features of a row, in order.
        min_frauds: It is not asked before it has learnt so many frauds.
        learning: How it learns.

    Raises:
        ModelError: The state does not fit.
    """

    def __init__(
        self, state: ModelState, features: Sequence[str], min_frauds: int = 0, learning: Learning | None = None
    ) -> None:
        self.id = state.id
        self._model = OnlineModel.resume(state, features, learning)
        self._ready = state.frauds >= min_frauds

    def scores(self, rows: NDArray[np.float64]) -> list[float] | None:
        """The probability of fraud of each row; None while the model has learnt too few frauds."""
        return self._model.probabilities(rows) if self._ready else None

    def contributions(self, rows: NDArray[np.float64], most: int) -> list[list[Contribution]]:
        """For each row what added to the log odds, against the mean transaction: at most the `most` largest."""
        added, features = self._model.contributions(rows), self._model.features
        largest = np.argsort(-added, axis=1, kind="stable")[:, :most]
        columns = (np.take_along_axis(numbers, largest, axis=1).tolist() for numbers in (rows, added))
        return [
            [Contribution(features[n], *numbers) for n, *numbers in zip(*parts, strict=True) if numbers[1] > 0]
            for parts in zip(largest.tolist(), *columns, strict=True)
        ]
