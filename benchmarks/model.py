"""What the model costs: CPU of scoring and of learning, in chunks as a worker under load has them, without a broker."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.material import LABEL_DELAY, steps
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.memory import new_state
from fraud_stream.domain.observation import Observer
from fraud_stream.models.online import OnlineModel
from fraud_stream.models.scorer import ModelScorer

CHUNK = 2_000
#: A share of frauds as the generator's stream has them; which they are changes nothing of the cost.
_FRAUDS = 0.05


class Cost(NamedTuple):
    """What came of it.

    Attributes:
        transactions: How many were scored and learnt.
        score: CPU microseconds to score one.
        learn: CPU microseconds to learn one.
        state: Bytes of the model's state as it travels.
    """

    transactions: int
    score: float
    learn: float
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
    return Cost(len(rows), score / len(rows) * 1e6, learn / len(rows) * 1e6, len(msgspec.json.encode(state)))


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


def _cpu(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before
