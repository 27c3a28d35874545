"""What is known of a saved model, beside it as JSON: the model card of the field, in figures.

Source: Mitchell, Wu, Zaldivar, Barnes, Vasserman, Hutchinson, Spitzer, Raji, Gebru: Model cards for model reporting.
FAT* 2019.
"""

from pathlib import Path
from typing import Literal

import msgspec

from fraud_stream.errors import ModelError
from fraud_stream.models.batch import HeldOut

#: What is behind a model's name, instead of its own ending.
ENDING = ".metrics.json"


class ConfusionMatrix(msgspec.Struct, frozen=True):
    """Transactions by label and by what is said of them; rounded, where each stands for several."""

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int


class Threshold(msgspec.Struct, frozen=True):
    """From which probability a transaction is taken for fraud.

    Attributes:
        value: The probability.
        chosen_by: ``best F1``: in the newest part of what came before the test, by a model fitted on what was known
            before that part; ``[model] alert_threshold``: that part had too few frauds.
    """

    value: float
    chosen_by: Literal["best F1", "[model] alert_threshold"]


class Figures(msgspec.Struct, frozen=True):
    """How good it is in the test, which had no part in fitting or choosing the threshold.

    Attributes:
        accuracy: The share of transactions of which it says the right thing.
        precision: The share of frauds among those that it takes for fraud.
        recall: The share of the frauds that it finds.
        f1: The harmonic mean of both.
        average_precision: Area under the precision-recall curve.
        roc_auc: Area under the ROC curve.
        confusion_matrix: What it says of frauds and of genuine transactions.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    average_precision: float
    roc_auc: float
    confusion_matrix: ConfusionMatrix


class Data(msgspec.Struct, frozen=True):
    """What it was fitted on.

    Attributes:
        source: Where that came from.
        begins: Event time of the oldest transaction, seconds since 1970.
        ends: Event time of the newest.
        read: Labelled transactions that were read.
        learnt: Those that it was fitted on.
        frauds: Frauds among them.
        genuine_share: The share of the genuine ones that was kept, each for so many more.
        left_out: What was of no use, by why.
    """

    source: str
    begins: float
    ends: float
    read: int
    learnt: int
    frauds: int
    genuine_share: float
    left_out: dict[str, int]


class Card(msgspec.Struct, frozen=True):
    """A saved model.

    Attributes:
        id: Its name and version.
        kind: What it is.
        created_at: When it was made, seconds since 1970.
        file: The name of its file.
        sha256: SHA-256 of that file, in hexadecimal digits.
        features: The features that it reads, in order.
        features_version: A short name of all features that the application makes.
        threshold: What it takes for fraud.
        test: How good it is; null where there were too few frauds to judge by.
        held_out: Which transactions that was tested on, beside the online model and the blend; likewise.
        data: What it was fitted on.
        importances: How much each feature lowers impurity, of a forest, largest first; they add up to 1.
        libraries: The versions of what made it.
    """

    id: str
    kind: str
    created_at: float
    file: str
    sha256: str
    features: list[str]
    features_version: str
    threshold: Threshold
    test: Figures | None
    held_out: HeldOut | None
    data: Data
    importances: dict[str, float] | None
    libraries: dict[str, str]


def beside(model: Path) -> Path:
    """Where the card of a model's file is.

    >>> beside(Path("models/challenger-1.skops")).name
    'challenger-1.metrics.json'
    """
    return model.with_name(model.stem + ENDING)


def read_card(model: Path) -> Card | None:
    """The card of a model's file; None where there is none.

    Raises:
        ModelError: It cannot be read, or is no card.
    """
    path = beside(model)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Card)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read what is known of the model in {path}: {error}") from None
