"""How fast a rule is judged on history: over columns in memory, and read from the topics `scored` and `labelled`."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from types import SimpleNamespace
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Run
from benchmarks.material import LABEL_DELAY, Keyed, steps
from benchmarks.stage import Stage, stage
from benchmarks.topics import Filler
from fraud_stream.commands.scored_history import from_labelled, from_scored
from fraud_stream.domain.decision import Judge, NoModel, Thresholds
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.once import Join
from fraud_stream.domain.pending import EARLY, Pending
from fraud_stream.domain.rules import CompiledRule, Rule
from fraud_stream.domain.transaction import Transaction
from fraud_stream.engine.garbage import collect_rarely
from fraud_stream.evaluation.backtest import Backtest, Trial
from fraud_stream.evaluation.past import Needed, Past
from fraud_stream.evaluation.taking import Taker
from fraud_stream.reports import Context, Reporter, Told
from fraud_stream.settings import Settings

#: The rule on trial; it is compared with those of `faust.conf`, which are eleven.
TRIED = Rule("tried", "amount > 150 and hopping_count_5m >= 2 and is_night == 1")
CHUNK = 2_000
#: Columns in memory are gone through so often: once takes too little time to measure.
TIMES = 10


class Speed(NamedTuple):
    """What came of it.

    Attributes:
        columns: Over columns in memory.
        scored: From the topic `scored`, with the labels of `labels`.
        labelled: From the topic `labelled`.
        record_bytes: Mean size of a record on `scored`.
        features: Features that the rules name.
        rules: How many rules.
    """

    columns: Run
    scored: Run
    labelled: Run
    record_bytes: float
    features: int
    rules: int


class _Judged(NamedTuple):
    """Payments of a chunk as the worker would have them."""

    transactions: list[Transaction]
    rows: NDArray[np.float64]
    offset: int


def measure(broker: str, transactions: int) -> Speed:
    """Judge a rule on so many payments of the generator's stream, on a broker of that kind."""
    with stage(broker) as place:
        size = fill(place, transactions)
        asked = _rules(place.settings)
        needed = Needed.by(asked, FeatureMaker(place.settings.feature_settings).names)
        past = list(from_scored(place.settings, needed, Counter()))
        collect_rarely()  # as the command does; this process measures and ends
        columns = _timed(asked, lambda: past, TIMES)
        scored = _timed(asked, lambda: from_scored(place.settings, needed, Counter()))
        labelled = _timed(asked, lambda: from_labelled(place.settings, needed, Counter()))
    return Speed(columns, scored, labelled, size, len(needed.features), len(asked))


def _rules(settings: Settings) -> list[CompiledRule]:
    names = FeatureMaker(settings.feature_settings).names
    return [CompiledRule(rule, names) for rule in (TRIED, *settings.rules)]


def _timed(asked: Sequence[CompiledRule], history: Callable[[], Iterable[Past]], times: int = 1) -> Run:
    began, cpu, found = time.perf_counter(), time.process_time(), 0
    for _ in range(times):
        found += _tried(asked, history()).transactions
    return Run(found, time.perf_counter() - began, time.process_time() - cpu)


def _tried(asked: Sequence[CompiledRule], history: Iterable[Past]) -> Backtest:
    trial = Trial(asked[0], asked[1:])
    for past in history:
        trial.add(past)
    found = trial.result()
    if found is None or not found.figures.hits or not found.labelled:
        raise BenchmarkError("the rule hits nothing, or nothing has a label: measure with more transactions")
    return found


def fill(place: Stage, transactions: int) -> float:
    """Put what a worker would have made of so many payments onto `scored` and `labelled`, and the labels.

    Returns:
        The mean size of a record on `scored`.
    """
    filler, topics, labels = Filler(place.settings.broker), place.settings.topics, list[Keyed]()
    taker, size = Taker(place.settings), 0
    for judged in _judged(taker, transactions, labels):
        both = list(_records(place.settings, taker.maker, judged))
        size += sum(len(scored.value) for scored, _ in both)
        filler.put(topics.scored, (scored for scored, _ in both))
        filler.put(topics.labelled, (labelled for _, labelled in both))
    filler.put(topics.labels, labels)
    return size / filler.sent[topics.scored]


def _judged(taker: Taker, transactions: int, labels: list[Keyed]) -> Iterator[_Judged]:
    """The payments with their features; `labels` are added to."""
    intake, flow, offset = Intake(), steps(transactions, LABEL_DELAY), 0
    while chunk := list(islice(flow, CHUNK)):
        taken, facts = [], []
        for step in chunk:
            labels += step.labels
            try:
                transaction = intake.read(step.transaction.value)
            except Refused:
                continue
            of_it = taker.take(transaction)
            if of_it is not None:
                taken.append(transaction)
                facts.append(of_it)
        yield _Judged(taken, taker.maker.rows(facts), offset)
        offset += len(taken)


def _records(settings: Settings, maker: FeatureMaker, judged: _Judged) -> Iterator[tuple[Keyed, Keyed]]:
    """The records on `scored` and on `labelled` of each payment; every twentieth is labelled fraud."""
    judge, reporter = Judge(maker.names, settings.rules, Thresholds()), Reporter(maker.names, maker.version)
    decisions = judge.decide(judged.transactions, judged.rows, NoModel())
    context, encode = Context(0, "online-1", judge.rulebook.version, time.time()), msgspec.json.Encoder().encode
    for n, (tx, decision) in enumerate(zip(judged.transactions, decisions, strict=True)):
        row, offset = judged.rows[n], judged.offset + n
        alert = None if decision.verdict == "accept" else reporter.alert(tx, row.tolist(), decision, context)
        told = Told(SimpleNamespace(offset=offset, timestamp=tx.timestamp * 1_000), False, alert, context)
        waits = reporter.pending(tx, row.tobytes(), decision, told)
        label = Pending(EARLY, tx.timestamp, tx.customer_id, is_fraud=offset % 20 == 0, source="benchmark")
        joined = reporter.labelled(tx.transaction_id, (waits, label), Join(0, (offset, offset)), tx.timestamp)
        scored = reporter.scored(tx, row.tolist(), decision, told)
        yield Keyed(tx.customer_id, encode(scored)), Keyed(tx.transaction_id, encode(joined))
