"""Reads `models` whole: every worker scores with the newest model that fits, and knows what else is published there."""

from collections.abc import Callable

import msgspec

from fraud_stream.app import app, settings
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.models.online import Learning
from fraud_stream.models.shelf import ModelShelf

maker = FeatureMaker(settings.feature_settings)
learning = Learning(settings.model.learning_rate, settings.model.undersampling)
shelf = ModelShelf(settings.model.name, maker.names, settings.model.min_frauds, learning)
#: Who is given the records of a kind; those of all others are for the shelf.
takers: dict[str, Callable[[bytes], None]] = {}


class _Kind(msgspec.Struct):
    kind: str = ""


_kind_decoder = msgspec.json.Decoder(_Kind)


def take(value: bytes | None) -> None:
    """Give a record of `models` to whoever reads its kind."""
    taker = None if value is None else takers.get(_kind(value))
    if value is not None and taker is not None:
        taker(value)
    elif settings.model.enabled:
        shelf.offer(value)


def _kind(value: bytes) -> str:
    try:
        return _kind_decoder.decode(value).kind
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


reader = app.read_whole(settings.topics.models, take)
