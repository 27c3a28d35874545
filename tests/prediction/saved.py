"""A forest in a file, and rows that it reads."""

from pathlib import Path
from typing import Any

import numpy as np

from fraud_stream.models.artifact import dump
from fraud_stream.models.forest import FEATURES, Forest


def rows(count: int, seed: int = 0) -> Any:
    found = np.random.default_rng(seed).lognormal(size=(count, len(FEATURES)))
    found[:, 0] *= 100
    return found.round(6)


DRAWN = rows(3_000)
FITTED = Forest(DRAWN, DRAWN[:, 0] + 50 * DRAWN[:, 9] > 300)


def save(path: Path) -> Path:
    path.write_bytes(dump(FITTED.classifier, FEATURES))
    return path


def expected(features: Any) -> list[float]:
    return FITTED.probabilities(features).round(6).tolist()
