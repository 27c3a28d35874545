"""A model as it travels: plain numbers, never a pickle."""

from typing import Annotated

import msgspec

from fraud_stream.domain.once import Once

Count = Annotated[int, msgspec.Meta(ge=0)]


class Progress(msgspec.Struct, frozen=True):
    """How far labelled transactions were taken in.

    Attributes:
        read: The newest offset of `labelled` that was.
        waiting: The offsets up to it that were not learnt yet, as ranges: first and last.
        once: Tells what was taken in before.
    """

    read: int = -1
    waiting: list[tuple[int, int]] = []
    once: Once = msgspec.field(default_factory=Once)


class ModelState(msgspec.Struct, frozen=True):
    """A model as plain numbers.

    Attributes:
        name: The model's name, the key on the `models` topic.
        kind: What the numbers are, for example ``binned-logistic-regression``.
        version: Grows by one with each published state.
        features: The names of the features it reads, in order.
        learnt: Transactions learnt.
        frauds: Frauds among them.
        numbers: The parameters by name.
        created_at: When it was published, seconds since 1970.
        progress: How far the labelled transactions were taken in that it was learnt from.
    """

    name: str
    kind: str
    version: Count
    features: list[str]
    learnt: Count
    frauds: Count
    numbers: dict[str, list[float]]
    created_at: float
    progress: Progress = Progress()

    @property
    def id(self) -> str:
        """Name and version, as decisions cite it."""
        return f"{self.name}-{self.version}"
