"""A model as it travels: plain numbers, never a pickle."""

import msgspec


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
        seen: For each origin of labelled transactions the newest offset learnt.
        created_at: When it was published, seconds since 1970.
    """

    name: str
    kind: str
    version: int
    features: list[str]
    learnt: int
    frauds: int
    numbers: dict[str, list[float]]
    seen: dict[str, int]
    created_at: float

    @property
    def id(self) -> str:
        """Name and version, as decisions cite it."""
        return f"{self.name}-{self.version}"
