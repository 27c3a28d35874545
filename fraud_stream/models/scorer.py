"""Scoring with a published model: a whole chunk at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.decision import Contribution
from fraud_stream.models.online import LIMIT, check_state
from fraud_stream.models.state import ModelState

#: Beyond this the logistic function is 0 or 1 to the last digit.
_LARGEST_LOGIT = 35.0


class LinearScorer:
    """A clipped, scaled logistic regression: one matrix product a chunk.

    Args:
        state: The model.
        features: The names of the features of a row, in order.
        min_frauds: It is not asked before it has learnt so many frauds.

    Raises:
        ModelError: The state does not fit.
    """

    def __init__(self, state: ModelState, features: Sequence[str], min_frauds: int = 0) -> None:
        check_state(state, features)
        self.state = state
        self._features = tuple(features)
        self._ready = state.frauds >= min_frauds
        deviations = np.sqrt(np.array(state.numbers["variances"]))
        self._scales = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0)
        self._means = np.array(state.numbers["means"])
        self._weights = np.array(state.numbers["weights"])
        self._intercept = state.numbers["intercept"][0]

    @property
    def id(self) -> str:
        """Name and version."""
        return self.state.id

    def scores(self, rows: NDArray[np.float64]) -> list[float] | None:
        """The probability of fraud of each row; None while the model has learnt too few frauds."""
        if not self._ready:
            return None
        logits = self._scaled(rows) @ self._weights + self._intercept
        scores: list[float] = (1.0 / (1.0 + np.exp(-np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)))).tolist()
        return scores

    def _scaled(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = np.clip((rows - self._means) * self._scales, -LIMIT, LIMIT)
        return scaled

    def contributions(self, rows: NDArray[np.float64], most: int) -> list[list[Contribution]]:
        """For each row what added to the log odds, against the mean transaction: at most the `most` largest."""
        added = self._scaled(rows) * self._weights
        largest = np.argsort(-added, axis=1, kind="stable")[:, :most]
        columns = (np.take_along_axis(numbers, largest, axis=1).tolist() for numbers in (rows, added))
        return [
            [Contribution(self._features[n], *numbers) for n, *numbers in zip(*parts, strict=True) if numbers[1] > 0]
            for parts in zip(largest.tolist(), *columns, strict=True)
        ]
