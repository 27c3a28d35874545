"""A saved model, ready to predict: from a file, or as it was announced."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.decision import RISK_LEVELS
from fraud_stream.errors import ModelError
from fraud_stream.models.artifact import CLASSES, TRUSTED, check, check_features, digest, flat, load
from fraud_stream.models.batch import FOREST, BatchModel
from fraud_stream.models.bulk import probabilities
from fraud_stream.models.card import Card, beside, read_card

#: By how much the sum of trees may differ with the order in which they are added.
_SAME = 1e-9
Say = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_LEVELS = np.array(list(RISK_LEVELS.values()))


class Cuts(NamedTuple):
    """From which probability on a transaction is what.

    Attributes:
        fraud: Taken for fraud: at least ``MEDIUM``.
        block: If it is, ``HIGH``: it would be blocked.
        chosen_by: Who chose the first.
    """

    fraud: float
    block: float
    chosen_by: str


class Predicted(NamedTuple):
    """What is said of transactions: see `Cuts`."""

    probabilities: NDArray[np.float64]
    frauds: NDArray[np.bool_]
    levels: NDArray[np.str_]


class Predictor(NamedTuple):
    """A model that predicts.

    Attributes:
        id: Its name and version, or the name of its file.
        features: What it reads, in order: the columns of a row.
        say: The probability of fraud of each of such rows.
        sha256: Of its file, in hexadecimal digits.
        threshold: What its card takes for fraud; None where it has none.
    """

    id: str
    features: tuple[str, ...]
    say: Say
    sha256: str
    threshold: float | None

    def predict(self, rows: NDArray[np.float64], cuts: Cuts) -> Predicted:
        """What it says of rows of its features."""
        found = self.say(rows)
        frauds = found >= cuts.fraud
        return Predicted(found, frauds, _LEVELS[frauds.astype(int) + (frauds & (found >= cuts.block))])


def of_file(path: Path, made: Sequence[str]) -> Predictor:
    """The model in a file of `fraud-stream train`.

    Args:
        path: The file.
        made: The features that this application makes.

    Raises:
        ModelError: It cannot be read or used here; the message says why.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from None
    card = _card(path, data)
    try:
        classifier = load(data, [name for names in TRUSTED.values() for name in names])
        kind = _kind(classifier)
        reads = tuple(str(name) for name in getattr(classifier, "feature_names_in_", ()))
        check_features("it", kind, reads, made)
        say = _looked_through(classifier, kind, reads)
    except ModelError as error:
        raise ModelError(f"the model {path} cannot be used: {error}") from None
    threshold = card.threshold.value if card else None
    return Predictor(card.id if card else path.stem, reads, say, digest(data), threshold)


def of_announced(model: BatchModel, made: Sequence[str]) -> Predictor:
    """The model that is announced: see `of_file`."""
    check(model, made)
    try:
        classifier = load(model.data, TRUSTED[model.kind])
        say = _looked_through(classifier, model.kind, model.features)
    except ModelError as error:
        raise ModelError(f"model {model.id} cannot be used: {error}") from None
    return Predictor(model.id, tuple(model.features), say, model.sha256, None)


def _looked_through(classifier: Any, kind: str, reads: Sequence[str]) -> Say:
    """What it says of many rows; that its trees are trees, as scikit-learn walks them unchecked, is made sure before.

    Boosted trees are some three times as fast by NumPy as by scikit-learn, and forests half as fast.

    Raises:
        ModelError: They are none, or it does not.
    """
    trees = flat(classifier, kind, reads, reads)
    vars(classifier).pop("feature_names_in_", None)  # with it, rows without names are warned of
    tried = np.random.default_rng(0).lognormal(size=(100, len(reads)))
    try:
        differs = np.abs(probabilities(classifier, tried) - trees.probabilities(tried)).max()
    except Exception as error:  # whatever scikit-learn stumbles over in an object that may be anything
        raise ModelError(f"it is no fitted classifier: {error!r}") from None
    if not differs < _SAME:
        raise ModelError("it says otherwise than its trees")
    return partial(probabilities, classifier) if kind == FOREST else trees.probabilities


def _card(path: Path, data: bytes) -> Card | None:
    """The card beside a model.

    Raises:
        ModelError: It is that of another model.
    """
    card = read_card(path)
    if card is not None and card.sha256 != digest(data):
        raise ModelError(
            f"the model {path} is not the one that {beside(path)} is of: its SHA-256 is another; "
            "it is damaged, or one of the two was exchanged"
        )
    return card


def _kind(classifier: Any) -> str:
    kind = next((kind for kind, made in CLASSES.items() if isinstance(classifier, made)), None)
    if kind is None:
        raise ModelError(f"it is a {type(classifier).__name__}, no model of `fraud-stream train`")
    return kind
