"""Decides every transaction: bytes -> Transaction -> Features -> Decision -> Alert."""

import time
from typing import Any

import msgspec

from agents.deciding import decide
from agents.drift import watcher
from agents.merchants import notes
from agents.models import maker
from agents.outputs import Outputs, broker_time, follower, send_dead_letter
from agents.summary import lately
from agents.tally import tally
from agents.traffic import traffic
from fraud_stream.app import app, settings
from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.observation import CustomerState, Observer
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import WindowStats
from fraud_stream.engine.app import Chunk
from fraud_stream.engine.panes import Windows
from tables import customer_frauds, customer_hopping, customer_profile, customer_tumbling

AMOUNT = maker.names.index("amount")
intake = Intake(settings.fields.names, settings.intake_limits)
observer = Observer(maker, settings.windows.max_events)


class Taken(msgspec.Struct, frozen=True, gc=False):
    """A transaction that is to be decided: the Kafka record, what it says, its facts, whether it was late."""

    record: Any
    transaction: Transaction
    facts: list[float]
    is_late: bool


@app.chunk_agent(settings.topics.transactions, partitions=settings.topics.partitions, followed_by=follower)
async def detection(chunk: Chunk) -> None:
    """Decide a chunk of transactions, in order."""
    tally.read += len(chunk.records)
    taken = take_in(chunk)
    if not taken:
        return
    rows = maker.rows([one.facts for one in taken])
    decisions, opinion, context = decide([one.transaction for one in taken], rows, chunk.partition)
    said, times = opinion.said(len(taken)), [one.transaction.timestamp for one in taken]
    traffic.note(chunk.partition, times, said)
    outputs = Outputs(chunk.partition, context)
    for one, row, decision, of_it in zip(taken, rows, decisions, said, strict=True):
        outputs.send(one.transaction, row, decision, (one.record, one.is_late), of_it)
    outputs.close()
    lately.note(time.monotonic(), rows[:, AMOUNT])
    tally.note(context.decided_at, times, [broker_time(one.record) for one in taken])
    tally.note_scores(opinion.scores(rows))
    watcher.watch_decided(taken, rows, decisions)


def take_in(chunk: Chunk) -> list[Taken]:
    """Read the records and take the transactions into their customers' state; what cannot be read is a dead letter."""
    taken = []
    state = customer_state(chunk.partition)
    for record in chunk.records:
        try:
            transaction = intake.read(record.value, now=broker_time(record))
        except Refused as refused:
            send_dead_letter(record, refused)
            continue
        app.clock.observe(chunk.partition, transaction.timestamp)
        observed = observer.observe(transaction, record.offset, state)
        if observed is not None:
            taken.append(Taken(record, transaction, observed.facts, observed.is_late))
    return taken


def customer_state(partition: int) -> CustomerState:
    """The state of the customers of a partition."""
    return CustomerState(
        customer_profile.customer_profile.partition(partition),
        Windows(customer_tumbling.table, partition, WindowStats),
        Windows(customer_hopping.table, partition, WindowStats),
        customer_frauds.customer_frauds.partition(partition),
        notes.merchants,
    )
