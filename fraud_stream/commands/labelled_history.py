"""Labelled history for `fraud-stream train`: from the topic `labelled`, or made from a file as the stream would."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec
import numpy as np

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.evaluation.prequential import Payment, Prequential, Scored
from fraud_stream.evaluation.training_set import Columns, TrainingSet, transaction_number
from fraud_stream.reading import read_all
from fraud_stream.records import Labelled
from fraud_stream.settings import Settings

_TOGETHER = 2_000
_decode = msgspec.json.Decoder(Labelled).decode


class Feed(NamedTuple):
    """What was read.

    Attributes:
        left_out: How many transactions were of no use, by the reason.
    """

    left_out: Counter[str]


def from_topic(settings: Settings, maker: FeatureMaker, history: TrainingSet) -> Feed:
    """Read the topic `labelled` to its end.

    Raises:
        BrokerError: There is no such topic, or the broker does not answer.
    """
    feed = Feed(Counter())
    values = (message.value() for message in read_all(settings, settings.topics.labelled))
    found = usable(values, maker, feed.left_out)
    while part := list(islice(found, _TOGETHER)):
        history.add(_columns(part))
    return feed


def usable(values: Iterable[bytes | None], maker: FeatureMaker, left_out: Counter[str]) -> Iterator[Labelled]:
    """The labelled transactions that have this application's features; the others are counted, by the reason."""
    for value in values:
        try:
            one = _decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            left_out["records that are no labelled transactions"] += 1
            continue
        if one.features_version != maker.version:
            left_out["transactions of other features than this application makes"] += 1
        elif not is_finite(one.features, len(maker.names)):
            left_out["transactions with damaged features"] += 1
        else:
            yield one


def is_finite(features: bytes, width: int) -> bool:
    """Whether these are so many finite numbers."""
    return len(features) == 8 * width and bool(np.isfinite(np.frombuffer(features)).all())


def _columns(part: list[Labelled]) -> Columns:
    return Columns(
        np.array([transaction_number(one.customer_id, one.transaction_id) for one in part], dtype=np.uint64),
        np.array([one.timestamp for one in part]),
        np.array([one.labelled_at for one in part]),
        np.array([one.is_fraud for one in part], dtype=bool),
        np.array([_online_score(one) for one in part], dtype=float),
        np.frombuffer(b"".join(one.features for one in part)).reshape(len(part), -1),
    )


def _online_score(one: Labelled) -> float | None:
    """What the online model had said: records from before there were challengers name one score alone."""
    return one.score if one.online_score is None and one.challenger_score is None else one.online_score


def from_payments(settings: Settings, payments: Iterable[Payment], delay: float, history: TrainingSet) -> Feed:
    """Go through payments in order of time, as the stream would; labels that would still be to come are left out.

    Args:
        settings: Windows, rules and how the online model learns.
        payments: In order of event time.
        delay: Seconds from a payment to its label.
        history: What to add to.
    """
    waiting = deque[Columns]()
    for chunk in Prequential(settings, delay, with_challenger=False).scored(payments):
        waiting.append(_of_scored(chunk, delay))
        now = float(waiting[-1].times[-1])
        while waiting and waiting[0].known[-1] <= now:
            history.add(waiting.popleft())
    unknown = sum(len(part.times) for part in waiting)
    return Feed(Counter({"payments whose labels are still to come": unknown} if unknown else {}))


def _of_scored(chunk: Scored, delay: float) -> Columns:
    transactions = [one.transaction for one in chunk.payments]
    times = np.array([tx.timestamp for tx in transactions])
    return Columns(
        np.array([transaction_number(tx.customer_id, tx.transaction_id) for tx in transactions], dtype=np.uint64),
        times,
        times + delay,
        np.array([one.is_fraud for one in chunk.payments], dtype=bool),
        np.array(chunk.scores["online"]),
        chunk.rows,
    )
