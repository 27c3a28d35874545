"""What the model costs: CPU of scoring, learning and evaluating, in chunks as a loaded worker's, without a broker."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.material import LABEL_DELAY, steps
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.memory import new_state
from fraud_stream.domain.observation import Observer
from fraud_stream.domain.once import Join
from fraud_stream.domain.sliding import DAY
from fraud_stream.models.live.day import Source
from fraud_stream.models.live.quality import LiveQuality
from fraud_stream.models.online import OnlineModel
from fraud_stream.models.scorer import ModelScorer
from fraud_stream.records import Labelled

T = TypeVar("T")
CHUNK = 2_000
#: A share of frauds as the generator's stream has them; which they are changes nothing of the cost.
_FRAUDS = 0.05


class Cost(NamedTuple):
    """What came of it.

    Attributes:
        transactions: How many were scored and learnt.
        score: CPU microseconds to score one.
        learn: CPU microseconds to learn one.
        evaluate: CPU microseconds to evaluate one with its label.
        state: Bytes of the model's state as it travels.
    """

    transactions: int
    score: float
    learn: float
    evaluate: float
    state: int


def measure(transactions: int) -> Cost:
    """Score and learn the features of so many payments of the generator's stream."""
    maker = FeatureMaker()
    rows = np.vstack(list(_rows(maker, transactions)))
    model, labels = OnlineModel("online", maker.names), np.random.default_rng(1).random(len(rows)) < _FRAUDS
    chunks = [slice(n, n + CHUNK) for n in range(0, len(rows), CHUNK)]
    learn = sum(_cpu(partial(model.learn, rows[chunk], labels[chunk].tolist())) for chunk in chunks)
    state = model.publish(0.0)
    scorer = ModelScorer(state, maker.names)
    score = sum(_cpu(partial(scorer.scores, rows[chunk])) for chunk in chunks)
    each = [cost / len(rows) * 1e6 for cost in (score, learn, _evaluating(labels))]
    return Cost(len(rows), each[0], each[1], each[2], len(msgspec.json.encode(state)))


def _evaluating(labels: NDArray[np.bool_]) -> float:
    """CPU seconds to evaluate labelled transactions whose labels took up to a week."""
    from agents.quality import columns  # noqa: PLC0415 - reads the settings, which the other benchmarks need not

    def note(chunk: list[Labelled]) -> None:
        quality.note(columns(chunk), [Source(one.join.offsets[0], one.transaction_id, one.join) for one in chunk])

    quality, chunks = LiveQuality(), list(_chunks_of(_labelled(labels)))
    return sum(_cpu(partial(note, chunk)) for chunk in chunks)


def _labelled(labels: NDArray[np.bool_]) -> Iterator[Labelled]:
    rnd = np.random.default_rng(1)
    scores, delays = rnd.beta(0.3, 6.0, len(labels)).tolist(), (rnd.random(len(labels)) * 7 * DAY).tolist()
    for n, (is_fraud, score, delay) in enumerate(zip(labels.tolist(), scores, delays, strict=True)):
        known = 1.7e9 + n
        yield Labelled(
            f"T{n}", f"CUST-{n * 7919 % 50_000:08d}", known - delay, 5.0, is_fraud, known, "benchmark", None, score,
            score, "accept", "online-1", b"", "", None, Join(n % 4, (n, n), (n - 100, n - 100)),
        )  # fmt: skip


def _rows(maker: FeatureMaker, transactions: int) -> Iterator[NDArray[np.float64]]:
    intake, observer, state, facts = Intake(), Observer(maker), new_state(3_600.0, 300.0, 60.0), []
    for offset, step in enumerate(steps(transactions, LABEL_DELAY)):
        try:
            observed = observer.observe(intake.read(step.transaction.value), offset, state)
        except Refused:
            continue
        if observed is not None:
            facts.append(observed.facts)
    yield maker.rows(facts)


def _chunks_of(values: Iterable[T]) -> Iterator[list[T]]:
    left = iter(values)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before
