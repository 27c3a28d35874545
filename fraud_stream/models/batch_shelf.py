"""The challenger that scores beside the model in force: the newest announced one that fits."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from fraud_stream.errors import ModelError
from fraud_stream.models.batch import NAME, BatchModel
from fraud_stream.models.flat_trees import FlatTrees

log = logging.getLogger(__name__)


class InForce(NamedTuple):
    """A challenger that scores.

    Attributes:
        model: What is known of it, without its data.
        trees: What scores with it.
    """

    model: BatchModel
    trees: FlatTrees


class BatchShelf:
    """Keeps the challenger.

    Args:
        features: The names of the features that this application makes.

    Attributes:
        in_force: The challenger; None before the first.
        refused: How many did not fit.
        refusal: Why the last of them did not.
    """

    def __init__(self, features: Sequence[str]) -> None:
        self.in_force: InForce | None = None
        self.refused = 0
        self.refusal: str | None = None
        self._features = tuple(features)
        self._decoder = msgspec.json.Decoder(BatchModel)

    def offer(self, data: bytes) -> None:
        """Take an announced challenger if it fits and is newer; else the one there stays.

        It takes a while, the first time seconds: call it in a thread.  What scores is swapped at once.
        """
        try:
            self._take(self._decoder.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ModelError) as error:
            self.refused += 1
            self.refusal = str(error)
            log.error("refused a challenger, the one in force stays: %s", error)

    def _take(self, model: BatchModel) -> None:
        if model.name != NAME or (self.in_force is not None and model.version <= self.in_force.model.version):
            return
        # scikit-learn takes seconds to import, and a worker without a challenger does without
        from fraud_stream.models.artifact import trees_of  # noqa: PLC0415

        trees = trees_of(model, self._features)
        self.in_force = InForce(msgspec.structs.replace(model, data=b""), trees)
        log.info("challenger %s scores beside the model in force", model.id)
