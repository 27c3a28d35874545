"""What watching for drift costs, how soon it finds a change, and how often it is wrong; without a broker."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fraud_stream.models.drift import (
    ALERT_RATE,
    FRAUD_LABEL_RATE,
    LOG_AMOUNT,
    MISSED_FRAUD_RATE,
    STREAMS,
    MeanDetector,
    Values,
)
from fraud_stream.sections import DriftSettings

CHUNK = 2_000
#: Streams of each kind, and numbers of each before the change.
RUNS, BEFORE = 20, 100_000
#: A change that is not found within so many numbers counts as not found.
PATIENCE = 100_000
_DELTA = DriftSettings().delta
Numbers = Callable[[np.random.Generator, int, float], Values]


def _flags(share: float) -> Numbers:
    return lambda rng, count, times: (rng.random(count) < share * times).astype(float)


def _amounts(rng: np.random.Generator, count: int, times: float) -> Values:
    return np.log1p(times * rng.lognormal(3.5, 1.0, count))


#: About what the Handbook's payments give; each number is multiplied at the change.
_USUAL: dict[str, Numbers] = {
    ALERT_RATE: _flags(0.008),
    LOG_AMOUNT: _amounts,
    FRAUD_LABEL_RATE: _flags(0.008),
    MISSED_FRAUD_RATE: _flags(0.25),
}
_CHANGES = (
    (ALERT_RATE, 3.0),
    (ALERT_RATE, 1.5),
    (LOG_AMOUNT, 1.5),
    (LOG_AMOUNT, 1.1),
    (FRAUD_LABEL_RATE, 3.0),
    (FRAUD_LABEL_RATE, 1.5),
    (MISSED_FRAUD_RATE, 2.0),
    (MISSED_FRAUD_RATE, 1.5),
)


class Delay(NamedTuple):
    """How many numbers after a change it was found.

    Attributes:
        stream: The stream.
        times: What its mean was multiplied by.
        median: The median of the runs.
        longest: The longest.
        missed: Runs in which it was not found.
    """

    stream: str
    times: float
    median: int
    longest: int
    missed: int


class Watching(NamedTuple):
    """What came of it.

    Attributes:
        cpu: CPU microseconds a transaction to watch it, chunk by chunk, once decided and once labelled.
        numbers: Numbers of each stream in which nothing had changed.
        false_alarms: Drifts found in those, by stream.
        delays: How soon changes were found.
    """

    cpu: float
    numbers: int
    false_alarms: dict[str, int]
    delays: list[Delay]


def measure(transactions: int) -> Watching:
    """Watch `transactions` numbers of each stream without change `RUNS` times, and changes as often."""
    false_alarms = {name: sum(_false_alarms(name, transactions, seed) for seed in range(RUNS)) for name in STREAMS}
    return Watching(_cost(transactions), RUNS * transactions, false_alarms, [_delay(*change) for change in _CHANGES])


def _detector(name: str) -> MeanDetector:
    return MeanDetector(STREAMS[name], _DELTA)


def _false_alarms(name: str, count: int, seed: int) -> int:
    return len(_detector(name).observe(_USUAL[name](np.random.default_rng(seed), count, 1.0)))


def _delay(name: str, times: float) -> Delay:
    waits = [_wait(name, times, seed) for seed in range(RUNS)]
    found = [wait for wait in waits if wait is not None]
    return Delay(name, times, round(statistics.median(found)), max(found), RUNS - len(found))


def _wait(name: str, times: float, seed: int) -> int | None:
    rng, detector = np.random.default_rng(seed), _detector(name)
    detector.observe(_USUAL[name](rng, BEFORE, 1.0))
    found = detector.observe(_USUAL[name](rng, PATIENCE, times))
    return found[0].index + 1 if found else None


def _cost(transactions: int) -> float:
    """As the agents watch: lists of flags, and a column of amounts."""
    rng, detectors = np.random.default_rng(1), {name: _detector(name) for name in STREAMS}
    amounts = rng.lognormal(3.5, 1.0, transactions)
    alerts, frauds = ((rng.random(transactions) < 0.008).tolist() for _ in range(2))
    before = time.process_time()
    for start in range(0, transactions, CHUNK):
        part = slice(start, start + CHUNK)
        detectors[ALERT_RATE].observe(np.array(alerts[part], dtype=float))
        detectors[LOG_AMOUNT].observe(np.log1p(amounts[part]))
        detectors[FRAUD_LABEL_RATE].observe(np.array(frauds[part], dtype=float))
        detectors[MISSED_FRAUD_RATE].observe(np.array([one for one in frauds[part] if one], dtype=float))
    return (time.process_time() - before) / transactions * 1e6
