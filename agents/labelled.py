"""Hands on what was labelled, in order: to the merchants' histories and to the model that learns."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np

from agents.drift import watcher
from agents.merchants import notes
from agents.models import maker
from agents.outputs import broker_time, features_version, follower, send_dead_letter
from agents.quality import evaluator
from agents.trainer import trainer
from fraud_stream.app import app, settings
from fraud_stream.domain.intake import Refused
from fraud_stream.engine.app import Chunk
from fraud_stream.records import Labelled

decoder = msgspec.json.Decoder(Labelled)


#: Its records are four times as large as those they are made of, and come from all partitions to this one.
_FETCH_SIZE = 16_000_000


@app.chunk_agent(settings.topics.labelled, partitions=1, fetch_size=_FETCH_SIZE)
async def labelled(chunk: Chunk) -> None:
    """Take in a chunk of labelled transactions."""
    found = list(read(chunk))
    await evaluator.note(found, chunk)
    await notes.note(found)
    watcher.watch_labelled(found)
    if settings.model.enabled:
        await trainer.take(found, chunk)
    follower.read(read_back(found))


def read_back(found: Iterable[tuple[int, Labelled]]) -> float:
    """The newest time of those that were joined of this worker's partitions."""
    mine = {tp.partition for tp in app.consumer.assignment() if tp.topic == settings.topics.transactions}
    return max((one.stream_time for _, one in found if one.join.partition in mine), default=0.0)


@app.on_partitions_revoked.connect
async def on_revoked(*_: Any, **__: Any) -> None:
    """Stop until it is known who goes on."""
    for part in (trainer, notes, evaluator):
        part.forget()


def read(chunk: Chunk) -> Iterator[tuple[int, Labelled]]:
    """The labelled transactions of a chunk, each with its offset; what is none is a dead letter."""
    for record in chunk.records:
        try:
            yield record.offset, read_labelled(record.value, broker_time(record))
        except Refused as refused:
            send_dead_letter(record, refused)


def read_labelled(value: bytes | None, now: float = math.inf) -> Labelled:
    """The labelled transaction in `value`; `now` is when the broker had it, seconds.

    Raises:
        Refused: It is none: somebody else writes to this topic.
    """
    try:
        found = decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("undecodable", f"no labelled transaction: {error}") from None
    if max(found.timestamp, found.labelled_at, found.stream_time) > now + settings.limits.max_ahead:
        raise Refused("bad_timestamp", "a time too far in the future")
    if not 0 <= found.join.partition < settings.topics.partitions:
        raise Refused("wrong_type", f"there is no partition {found.join.partition}")
    if found.features_version == features_version:
        check_features(found.features)
    return found


def check_features(features: bytes) -> None:
    """Refuse what are no features of this application.

    Raises:
        Refused: They are too many or too few, or not all are finite.
    """
    if len(features) != 8 * len(maker.names):
        raise Refused("wrong_type", f"{len(features)} bytes of features; {8 * len(maker.names)} are needed")
    if not np.isfinite(np.frombuffer(features)).all():
        raise Refused("wrong_type", "features that are not finite")
