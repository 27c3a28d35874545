"""The models that score a chunk, and which of them decides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.decision import Contribution, Scorer
from fraud_stream.models.batch_shelf import BatchShelf
from fraud_stream.models.blend import blended
from fraud_stream.models.promotion import Chair, Decides
from fraud_stream.models.shelf import ModelShelf

Rows = NDArray[np.float64]
Scores = Sequence[float] | None
#: What the online model and the challenger say of one transaction: a probability of fraud, None where not asked.
Said = tuple[float | None, float | None]
NOTHING_SAID: Said = (None, None)


class Decided(NamedTuple):
    """The probabilities that count, and whose they are: all who had a say, by name and version."""

    id: str
    scores: Scores


class Opinion:
    """What the models say of one chunk; the decisions take it for the scorer of that chunk.

    Args:
        model: The online model.
        said: Its probability of each row, and the challenger's; None where one must not be asked.
        decided: Which count.
        challenger_id: The challenger's name and version; None where there is none.
    """

    def __init__(self, model: Scorer, said: tuple[Scores, Scores], decided: Decided, challenger_id: str | None) -> None:
        self.id, self._scores = decided
        self.challenger_id = challenger_id
        self._model, self._said = model, said

    def scores(self, rows: Rows) -> Scores:
        """The probability of fraud of each row of the chunk, by those who decide; None where none must be asked."""
        return self._scores

    def contributions(self, rows: Rows, most: int) -> list[list[Contribution]]:
        """The online model's reasons, whoever decides: trees have none that are cheap and exact."""
        return [[] for _ in rows] if self._said[0] is None else self._model.contributions(rows, most)

    def said(self, transactions: int) -> list[Said]:
        """What each model says of each of the chunk's transactions."""
        online, challenger = ([None] * transactions if scores is None else scores for scores in self._said)
        return list(zip(online, challenger, strict=True))


class Panel:
    """Asks the online model and the challenger.

    Args:
        online: Keeps the online model.
        challenger: Keeps the challenger.
        chair: Says who decides.
    """

    def __init__(self, online: ModelShelf, challenger: BatchShelf, chair: Chair) -> None:
        self._online, self._challenger, self._chair = online, challenger, chair

    @property
    def decides(self) -> Decides:
        """Who decides: where the challenger that is to have a say is not there, the online model."""
        return "online" if self._challenger.in_force is None else self._chair.decides

    def ask(self, rows: Rows) -> Opinion:
        """What the models say of a chunk.

        Where the one who is to decide is not there, the online model does; where that has learnt too little, none.
        """
        model, there = self._online.scorer, self._challenger.in_force
        online = Decided(model.id, model.scores(rows))
        if there is None:
            return Opinion(model, (online.scores, None), online, None)
        trees = Decided(there.model.id, there.trees.probabilities(rows).tolist())
        return Opinion(model, (online.scores, trees.scores), self._decided(online, trees), trees.id)

    def _decided(self, online: Decided, trees: Decided) -> Decided:
        decides = self._chair.decides
        if decides == "challenger":
            return trees
        if decides == "online" or online.scores is None or trees.scores is None:
            return online
        both = blended(np.array(online.scores), np.array(trees.scores))
        return Decided(f"{online.id}+{trees.id}", both.tolist())
