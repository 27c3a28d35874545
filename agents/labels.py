"""Joins labels with the scored transactions that wait for them."""

from collections import Counter

from agents import outputs
from agents.outputs import broker_time, send_dead_letter
from fraud_stream.app import app, settings
from fraud_stream.domain.intake import Refused
from fraud_stream.domain.pending import EARLY, Pending
from fraud_stream.engine.app import Chunk
from fraud_stream.label_intake import LabelIntake
from fraud_stream.records import Label

read_label = LabelIntake(settings.limits).read
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
