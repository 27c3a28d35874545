"""Two models' scores as one."""

import numpy as np
from numpy.typing import NDArray


def blended(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two models' probabilities as one: the mean of their log odds.

    >>> blended(np.array([0.5, 0.2]), np.array([0.5, 0.8])).round(3).tolist()
    [0.5, 0.5]
    """
    logits = [np.log(p) - np.log1p(-p) for p in (np.clip(part, 1e-12, 1 - 1e-12) for part in (one, other))]
    found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(logits[0] + logits[1]) / 2))
    return found


def contestants(online: NDArray[np.float64], challenger: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The probabilities of all who may decide, by name; nan where one was not asked, of the blend where one of both."""
    return {"online": online, "challenger": challenger, "blend": blended(online, challenger)}
