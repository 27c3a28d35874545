"""Joins labels with the scored transactions that wait for them."""

import math
from collections import Counter

import msgspec

from agents import outputs
from agents.outputs import broker_time, send_dead_letter
from fraud_stream.app import app, settings
from fraud_stream.domain.intake import YEAR_2000, Refused, event_time
from fraud_stream.domain.pending import EARLY, Pending
from fraud_stream.engine.app import Chunk
from fraud_stream.records import Label

decoder = msgspec.json.Decoder(Label)
#: Labels that were ``joined``, ``early`` (before their transaction) or ``repeated``, since the worker started.
counts: Counter[str] = Counter()


@app.chunk_agent(settings.topics.labels, partitions=settings.topics.partitions)
async def labels(chunk: Chunk) -> None:
    """Join a chunk of labels, in order."""
    joiner, known = outputs.joiner(chunk.partition), outputs.settled(chunk.partition)
    for record in chunk.records:
        try:
            label = read_label(record.value, broker_time(record))
        except Refused as refused:
            send_dead_letter(record, refused)
            continue
        counts[joiner.label(label.transaction_id, early(label, record.offset), known)] += 1


def read_label(value: bytes | None, now: float = math.inf) -> Label:
    """The label in `value`; `now` is when the broker had it, seconds.

    Raises:
        Refused: It is none.
    """
    if value is None:
        raise Refused("null", "the record has no value")
    if len(value) > settings.limits.max_bytes:
        raise Refused("oversize", f"{len(value)} bytes; at most {settings.limits.max_bytes} are read")
    try:
        return with_checked_time(decoder.decode(value), now)
    except msgspec.ValidationError as error:
        raise Refused("wrong_type", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("undecodable", f"not JSON: {error}") from None


def with_checked_time(label: Label, now: float) -> Label:
    """The label with its time in seconds.

    Raises:
        Refused: It is before 2000 or too far ahead of `now`.
    """
    moment = event_time(label.labelled_at)
    if not YEAR_2000 <= moment <= now + settings.limits.max_ahead:
        raise Refused("bad_timestamp", f"labelled_at {label.labelled_at} is before 2000 or too far in the future")
    return label if moment == label.labelled_at else msgspec.structs.replace(label, labelled_at=moment)


def early(label: Label, offset: int) -> Pending:
    """What waits for the transaction of a label that was read at an offset."""
    return Pending(
        EARLY,
        label.labelled_at,
        label.customer_id,
        is_fraud=label.is_fraud,
        labelled_at=label.labelled_at,
        source=label.source,
        kind=label.kind,
        offset=offset,
    )
