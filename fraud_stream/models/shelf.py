"""The model in force: the newest published state that fits."""

import logging
from collections.abc import Sequence

import msgspec

from fraud_stream.domain.decision import NoModel, Scorer
from fraud_stream.errors import ModelError
from fraud_stream.models.online import Learning
from fraud_stream.models.scorer import ModelScorer
from fraud_stream.models.state import ModelState

log = logging.getLogger(__name__)


class ModelShelf:
    """Keeps the model in force.

    Args:
        name: The model's name; states of other models are not meant for here.
        features: The names of the features that this application makes.
        min_frauds: The model is not asked before it has learnt so many frauds.
        learning: How it learns.

    Attributes:
        state: The state in force; None before the first.
        scorer: What scores with it.
        refused: How many states did not fit.
    """

    def __init__(self, name: str, features: Sequence[str], min_frauds: int, learning: Learning | None = None) -> None:
        self.state: ModelState | None = None
        self.scorer: Scorer = NoModel()
        self.refused = 0
        self._name = name
        self._features = tuple(features)
        self._min_frauds = min_frauds
        self._learning = learning
        self._decoder = msgspec.json.Decoder(ModelState)

    def offer(self, data: bytes | None) -> None:
        """Take a published state into force if it fits and is newer; else the one in force stays."""
        if data is None:
            return
        try:
            self._take(self._decoder.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ModelError) as error:
            self.refused += 1
            log.error("refused a model, the one in force stays: %s", error)

    def _take(self, state: ModelState) -> None:
        if state.name != self._name or (self.state is not None and state.version <= self.state.version):
            return
        self.scorer = ModelScorer(state, self._features, self._min_frauds, self._learning)
        self.state = state
