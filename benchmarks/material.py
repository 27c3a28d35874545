"""The input of the measurements: the generator's own stream, the same in every run."""

from collections.abc import Iterator
from typing import NamedTuple

from producers.labels import DelayedLabels
from producers.order import FILE_START, NATURAL_RATE
from producers.stream import Recipe, Sent, Stream

#: As many as the generator has by default; each pays 4.8 times a day.
CUSTOMERS = 5_000
SEED = 1
#: Seconds of event time from a transaction to its label: the generator's default.
LABEL_DELAY = 10.0


class Keyed(NamedTuple):
    """A record for a topic: key and value."""

    key: str
    value: bytes


class Step(NamedTuple):
    """What is sent at one moment.

    Attributes:
        transaction_id: The transaction.
        transaction: It as a record.
        labels: The labels that have become known before it, as records.
    """

    transaction_id: str
    transaction: Keyed
    labels: list[Keyed]


def steps(count: int, label_delay: float, customers: int = CUSTOMERS) -> Iterator[Step]:
    """The first `count` transactions of the stream, with the labels that become known meanwhile.

    Args:
        count: How many.
        label_delay: Seconds of event time from a transaction to its label.
        customers: How many there are; each pays 4.8 times a day.
    """
    known: list[Keyed] = []
    labels = DelayedLabels(lambda customer, value: known.append(Keyed(customer, value)), "generator", label_delay)
    recipe = Recipe(rate=customers * NATURAL_RATE, start=FILE_START, count=count, customers=customers, seed=SEED)
    for sent in Stream(recipe):
        labels.advance(sent.time)
        yield Step(sent.transaction_id, Keyed(sent.customer_id, sent.value), known.copy())
        known.clear()
        _add_label(labels, sent)


def _add_label(labels: DelayedLabels, sent: Sent) -> None:
    if sent.is_news:
        labels.add(sent.transaction_id, sent.customer_id, sent.event_time, sent.kind is not None, sent.kind)
