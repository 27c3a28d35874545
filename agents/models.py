"""Reads `models` whole: every worker scores with the newest models that fit, and knows what else is published there."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from fraud_stream.app import app, settings
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.models import batch, promotion
from fraud_stream.models.batch_shelf import BatchShelf
from fraud_stream.models.online import Learning
from fraud_stream.models.panel import Panel
from fraud_stream.models.promotion import Chair
from fraud_stream.models.shelf import ModelShelf

maker = FeatureMaker(settings.feature_settings)
learning = Learning(settings.model.learning_rate, settings.model.undersampling)
shelf = ModelShelf(settings.model.name, maker.names, settings.model.min_frauds, learning)
challengers = BatchShelf(maker.names)
chair = Chair(settings.model.decides)
panel = Panel(shelf, challengers, chair)
#: Who takes the records of a kind, a challenger in a thread, as that takes a while; all others are for the shelf.
takers: dict[str, Callable[[bytes], Awaitable[None] | None]] = {}
if settings.model.enabled:
    takers |= {
        batch.KIND: lambda value: asyncio.to_thread(challengers.offer, value),
        promotion.KIND: chair.offer,
    }


class Announced(msgspec.Struct):
    """As much of a record on `models` as tells whom it is for."""

    kind: str = ""


_look = msgspec.json.Decoder(Announced).decode


def take(_: bytes | None, value: bytes | None) -> Awaitable[None] | None:
    """Give a record of `models` to whoever reads its kind."""
    taker = None if value is None else takers.get(kind_of(value))
    if value is not None and taker is not None:
        return taker(value)
    if settings.model.enabled:
        shelf.offer(value)
    return None


def kind_of(value: bytes | None) -> str:
    """What was announced; nothing where that cannot be told."""
    try:
        return _look(value or b"{}").kind
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


reader = app.read_whole(settings.topics.models, take)
