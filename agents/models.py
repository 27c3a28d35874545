"""Reads `models` whole: every worker scores with the newest models that fit, and knows which of them decides."""

import asyncio
from collections.abc import Awaitable

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


class Announced(msgspec.Struct):
    """As much of a record on `models` as tells whom it is for."""

    kind: str = ""


_look = msgspec.json.Decoder(Announced).decode


def take(value: bytes | None) -> Awaitable[None] | None:
    """Take over what was announced: a challenger in a thread, as that takes a while."""
    kind = kind_of(value)
    if value is not None and kind == batch.KIND:
        return asyncio.to_thread(challengers.offer, value)
    if value is not None and kind == promotion.KIND:
        chair.offer(value)
    else:
        shelf.offer(value)
    return None


def kind_of(value: bytes | None) -> str:
    """What was announced; nothing where that cannot be told."""
    try:
        return _look(value or b"{}").kind
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


reader = app.read_whole(settings.topics.models, take) if settings.model.enabled else None
