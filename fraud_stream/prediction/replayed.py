"""Payments of a file with the features that the stream would have computed of them, from the file's own past."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.transaction import Transaction
from fraud_stream.errors import InputFileError
from fraud_stream.evaluation.taking import Taker, TakerOfLabelled
from fraud_stream.files.mapping import FieldMapping
from fraud_stream.files.rows import mapped_rows
from fraud_stream.files.translation import Translated, Translator
from fraud_stream.prediction.parts import Part, Refuse, Reject
from fraud_stream.settings import Settings

#: Payments whose features are computed together.
_TOGETHER = 10_000


class Order(NamedTuple):
    """How to go through a file.

    Attributes:
        mapping: What its columns are called.
        label_delay: Seconds of event time from a payment to its label, where the file has labels.
        in_order: Whether to sort it by time first, in memory.
    """

    mapping: FieldMapping
    label_delay: float
    in_order: bool


class Replayed:
    """Goes through a file as the stream would.

    Args:
        path: The file.
        order: How.
        features: What is wanted of the features, in order.
        settings: What they depend on.

    Attributes:
        backwards: How many payments were earlier than the one before them.
    """

    def __init__(self, path: Path, order: Order, features: tuple[str, ...], settings: Settings) -> None:
        self.backwards = 0
        self._rows = mapped_rows(path, order.mapping, in_order=order.in_order)
        self._translate = Translator(order.mapping).translate
        self._intake = Intake(limits=settings.intake_limits)
        self._taker = Taker(settings)
        self._labelled = TakerOfLabelled(self._taker, order.label_delay)
        self._places = [self._taker.maker.names.index(name) for name in features]
        self._path, self._before = path, 0.0

    @property
    def size(self) -> int:
        """How much there is to read."""
        return self._rows.size

    @property
    def position(self) -> int:
        """How much of that has been read."""
        return self._rows.position

    def parts(self, refuse: Refuse) -> Iterator[Part]:
        """The payments, in the order of the file."""
        found, rejected = self._taken(refuse), True
        while part := list(islice(found, _TOGETHER)):
            rejected = False
            payments, facts = [one for one, _ in part], [facts for _, facts in part]
            rows = np.ascontiguousarray(self._taker.maker.rows(facts)[:, self._places])
            yield Part([tx.transaction_id for tx in payments], np.array([tx.amount for tx in payments]), rows)
        if rejected:
            raise InputFileError(f"{self._path}: no row is a transaction")

    def _taken(self, refuse: Refuse) -> Iterator[tuple[Transaction, list[float]]]:
        for row in self._rows:
            one = self._translate(row)
            try:
                transaction = self._intake.read(one.value)
            except Refused as refused:
                refuse(Reject(self._rows.line, refused.reason, refused.detail, one.transaction_id))
                continue
            facts = self._labelled.take(transaction, one.is_fraud)
            if facts is None:
                refuse(_duplicate(self._rows.line, one))
                continue
            self.backwards += transaction.timestamp < self._before
            self._before = transaction.timestamp
            yield transaction, facts


def _duplicate(line: int, one: Translated) -> Reject:
    detail = "the customer's transaction of this id came before; the stream ignores the second"
    return Reject(line, "duplicate", detail, one.transaction_id)
