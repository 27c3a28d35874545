"""Which models may be the challenger: what each is called, reads, and is fitted by."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fraud_stream.models.batch import FOREST, KIND
from fraud_stream.models.challenger import Challenger
from fraud_stream.models.forest import FEATURES, Forest

Rows = NDArray[np.float64]


class Learnt(Protocol):
    """A fitted model."""

    classifier: Any

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        """The probability of fraud of each row."""
        ...


class Learner(NamedTuple):
    """What fits a model.

    Attributes:
        kind: What such a model is, as it is announced.
        features: The names of the features that it reads, in order.
        fit: Fits one on rows of these, their labels, and for how many transactions each row stands.
    """

    kind: str
    features: tuple[str, ...]
    fit: Callable[[Rows, NDArray[np.bool_], NDArray[np.float64] | None], Learnt]


def learners(made: Sequence[str]) -> Mapping[str, Learner]:
    """By name, those who learn of an application that makes these features."""
    return {
        "boosting": Learner(KIND, tuple(made), Challenger),
        "forest": Learner(FOREST, FEATURES, Forest),
    }
