"""A model that was fitted off the stream, as it travels on `models`."""

from typing import Annotated

import msgspec

NAME = "challenger"
KIND = "hist-gradient-boosting"
FOREST = "random-forest"
Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Measures(msgspec.Struct, frozen=True):
    """How good scores are.

    Attributes:
        average_precision: Area under the precision-recall curve.
        roc_auc: Area under the ROC curve.
    """

    average_precision: Share
    roc_auc: Share


class HeldOut(msgspec.Struct, frozen=True):
    """What the newest transactions showed, by a model that was fitted on what was labelled before the first of them.

    Attributes:
        begins: Event time of the first, seconds since 1970.
        ends: Event time of the last.
        transactions: How many there were.
        frauds: Frauds among them.
        challenger: Of that model's scores.
        online: Of the scores that the online model had given them in the stream; null where it had not been asked.
        blend: Of both, blended.
    """

    begins: float
    ends: float
    transactions: Count
    frauds: Count
    challenger: Measures
    online: Measures | None = None
    blend: Measures | None = None


class BatchModel(msgspec.Struct, frozen=True):
    """A classifier that was fitted on labelled history, in skops's format, and what is known of it.

    Attributes:
        name: The model's name, the key on the `models` topic: ``challenger``.
        kind: What it is: ``hist-gradient-boosting`` or ``random-forest``.
        version: Grows by one with each that is announced.
        features: The names of the features it reads, in order.
        features_version: A short name of that list.
        learnt: Transactions it was fitted on.
        frauds: Frauds among them.
        trained_from: Event time of the oldest of them, seconds since 1970.
        trained_to: Event time of the newest.
        held_out: What the newest part showed; null where it had too few frauds to judge by.
        libraries: The versions of the libraries that made it.
        sha256: SHA-256 of `data`, in hexadecimal digits.
        created_at: When it was made, seconds since 1970.
        data: The classifier in skops's format, in Base64.
    """

    name: str
    kind: str
    version: Annotated[int, msgspec.Meta(ge=1)]
    features: list[str]
    features_version: str
    learnt: Count
    frauds: Count
    trained_from: float
    trained_to: float
    held_out: HeldOut | None
    libraries: dict[str, str]
    sha256: str
    created_at: float
    data: bytes

    @property
    def id(self) -> str:
        """Name and version, as decisions cite it."""
        return f"{self.name}-{self.version}"
