"""History for `fraud-stream backtest` from topics: of each record only what rules name is decoded."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from fraud_stream.commands.labelled_history import usable
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.matrix import matrix
from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.past import KnownLabels, Needed, Past, numbered
from fraud_stream.files.translation import truth
from fraud_stream.reading import read_batches
from fraud_stream.records import Labelled
from fraud_stream.settings import Settings

#: Text fields that a labelled transaction has.
LABELLED_TEXTS = ("merchant_id",)
#: Seconds before its event time at which no record of a transaction was written, whatever clocks there are.
_CLOCKS = DAY
Values = Sequence[bytes | None]


class _Label(msgspec.Struct, gc=False):
    """What is read of a label."""

    transaction_id: str
    customer_id: str
    is_fraud: bool


_decode_label = msgspec.json.Decoder(_Label).decode


class ScoredDecoder:
    """Decodes scored transactions; a file may have `is_fraud` beside them, their label.

    Args:
        needed: What is decoded of their features and fields.
        left_out: Counts what cannot be used, by what is wrong.
    """

    def __init__(self, needed: Needed, left_out: Counter[str]) -> None:
        self._needed, self._left_out = needed, left_out
        # in the order in which they are written: a field that is met in its turn is found at once
        features = msgspec.defstruct("Features", [(name, float) for name in needed.features], gc=False)
        fields: list[Any] = [("transaction_id", str), ("customer_id", str), ("timestamp", float), ("amount", float)]
        texts = [(name, str | None, None) for name in needed.texts]
        transaction = msgspec.defstruct("Transaction", [*fields, *texts], gc=False)
        parts: list[Any] = [("transaction", transaction), ("features", features), ("is_fraud", Any, None)]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("Scored", parts, gc=False)).decode

    def past(self, values: Values) -> Past | None:
        """The transactions in these records; None where there is none."""
        found = decoded(self._decode, values, "scored transactions", self._left_out)
        if not found:
            return None
        fields = zip(*(msgspec.structs.astuple(one.transaction) for one in found), strict=True)
        transactions, customers, times, amounts, *texts = fields
        labels = [None if one.is_fraud is None else truth(one.is_fraud) for one in found]
        columns = {**self._features(found), **self._texts(texts)}
        return Past.of((customers, transactions), times, amounts, labels, columns)

    def _features(self, found: Sequence[Any]) -> dict[str, Any]:
        names = self._needed.features
        if not names:
            return {}
        rows = matrix([msgspec.structs.astuple(one.features) for one in found])
        return dict(zip(names, rows.T.copy(), strict=True))

    def _texts(self, texts: Sequence[Any]) -> dict[str, Any]:
        return {name: np.array(text, dtype=object) for name, text in zip(self._needed.texts, texts, strict=True)}


def decoded(decode: Callable[[bytes], Any], values: Values, what: str, left_out: Counter[str]) -> list[Any]:
    """What is in these records; those that cannot be decoded are counted, by what is wrong."""
    try:
        return [decode(value) for value in values]  # type: ignore[arg-type]  # a tombstone is a TypeError
    except (TypeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return list(_one_by_one(decode, values, what, left_out))


def _one_by_one(decode: Callable[[bytes], Any], values: Values, what: str, left_out: Counter[str]) -> Iterator[Any]:
    for value in values:
        try:
            yield decode(value or b"")
        except msgspec.ValidationError as error:
            left_out[f"records that are no {what}, or lack something: {error}"] += 1
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            left_out[f"records that are no {what}, nor JSON"] += 1


def from_scored(settings: Settings, needed: Needed, left_out: Counter[str], since: float = -math.inf) -> Iterator[Past]:
    """The topic `scored`, with labels from `labels`, each transaction's first.

    Args:
        settings: Where the topics are.
        needed: What rules name.
        left_out: Counts records of no use, by what is wrong.
        since: Earlier transactions may be left out, seconds since 1970: those that were written long before.

    Raises:
        BrokerError: A topic is not there, or the broker does not answer.
    """
    labels = known_labels(settings, left_out)
    decoder = ScoredDecoder(needed, left_out)
    for values in _values(settings, settings.topics.scored, since):
        past = decoder.past(values)
        if past is not None:
            yield past._replace(labels=labels.of(past.numbers))


def known_labels(settings: Settings, left_out: Counter[str]) -> KnownLabels:
    """All labels that the topic `labels` holds."""
    numbers, frauds = [np.empty(0, np.int64)], [np.empty(0, np.bool_)]
    for values in _values(settings, settings.topics.labels):
        found = decoded(_decode_label, values, "labels", left_out)
        numbers.append(numbered([one.customer_id for one in found], [one.transaction_id for one in found]))
        frauds.append(np.array([one.is_fraud for one in found], dtype=bool))
    return KnownLabels(np.concatenate(numbers), np.concatenate(frauds))


def from_labelled(
    settings: Settings, needed: Needed, left_out: Counter[str], since: float = -math.inf
) -> Iterator[Past]:
    """The topic `labelled`: see `from_scored`."""
    maker = FeatureMaker(settings.feature_settings)
    for values in _values(settings, settings.topics.labelled, since):
        found = list(usable(values, maker, left_out))
        if found:
            yield labelled_past(found, maker.names, needed)


def labelled_past(found: Sequence[Labelled], names: Sequence[str], needed: Needed) -> Past:
    """Labelled transactions, at least one, whose features are those of `names`."""
    customers, transactions = [one.customer_id for one in found], [one.transaction_id for one in found]
    rows = np.frombuffer(b"".join(one.features for one in found)).reshape(len(found), -1)
    features = {name: rows[:, names.index(name)].copy() for name in needed.features}
    texts = {name: np.array([getattr(one, name) for one in found], dtype=object) for name in needed.texts}
    times, amounts, labels = zip(*((one.timestamp, one.amount, one.is_fraud) for one in found), strict=True)
    return Past.of((customers, transactions), times, amounts, labels, {**features, **texts})


def _values(settings: Settings, topic: str, since: float = -math.inf) -> Iterable[Values]:
    """What a topic holds; all transactions from `since` on, as none may lie far ahead of the clock."""
    written = since - settings.limits.max_ahead - _CLOCKS
    return ([message.value() for message in batch] for batch in read_batches(settings, topic, max(written, 0.0)))
