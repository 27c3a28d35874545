"""What a rule would have caught on history, and what it would have cost, beside the rules in force."""

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud_stream.domain.rules import CompiledRule
from fraud_stream.domain.sliding import DAY
from fraud_stream.evaluation.past import FRAUD, GENUINE, UNKNOWN, Labels, Mask, Numbers, Past

#: Spreads the bits of a time over a number: 2 ** 64 over the golden ratio (Knuth, TAOCP 3, section 6.4).
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class Period(NamedTuple):
    """Which transactions are looked at.

    Attributes:
        since: Their first event time, seconds since 1970.
        until: The first event time behind them.
        last: Only those of so many seconds up to the newest of them.
    """

    since: float = -math.inf
    until: float = math.inf
    last: float = math.inf


class Figures(msgspec.Struct, frozen=True):
    """What a rule, or several together, would have done.

    Attributes:
        hits: Transactions that it hits.
        hits_a_day: These a day of event time; None where all happened at one moment.
        frauds: Frauds among them.
        genuine: Genuine payments among them.
        unknown: Hits without a label.
        precision: The share of the frauds among the hits with a label; None where there is none.
        recall: The share of all known frauds that it hits; None where none is known.
        saved: Amount of the frauds that it hits; None where no transaction at all has a label.
        cost: Amount of the genuine payments that it hits, likewise.
        false_a_day: Genuine payments that it hits a day, likewise.
    """

    hits: int
    hits_a_day: float | None
    frauds: int
    genuine: int
    unknown: int
    precision: float | None
    recall: float | None
    saved: float | None
    cost: float | None
    false_a_day: float | None


class Compared(msgspec.Struct, frozen=True):
    """A rule in force.

    Attributes:
        id: Its name.
        when: Its condition.
        figures: What it would have done.
        shared: Its hits that the rule on trial hits too.
    """

    id: str
    when: str
    figures: Figures
    shared: int


class Example(msgspec.Struct, frozen=True, order=True):
    """A hit: event time in seconds since 1970, ids and amount."""

    time: float
    transaction_id: str
    customer_id: str
    amount: float


class Examples(msgspec.Struct, frozen=True):
    """The newest hits of each kind, the newest first."""

    frauds: list[Example]
    genuine: list[Example]
    unknown: list[Example]


class Backtest(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        begin: The first event time that was looked at, seconds since 1970.
        end: The last one.
        days: Between them.
        transactions: How many were looked at, each once.
        repeated: Records left out as their transaction had come before.
        labelled: Transactions with a label.
        frauds: Frauds among them.
        fraud_amount: Their amount.
        figures: What the rule on trial would have done.
        shared: Its hits that rules in force hit as well.
        alone: What it would have done that no rule in force does: its hits without `shared`.
        in_force: All rules in force together.
        together: They and the rule on trial.
        rules: Each rule in force.
        examples: Hits of the rule on trial.
    """

    begin: float
    end: float
    days: float
    transactions: int
    repeated: int
    labelled: int
    frauds: int
    fraud_amount: float
    figures: Figures
    shared: int
    alone: Figures
    in_force: Figures
    together: Figures
    rules: list[Compared]
    examples: Examples


class _Seen(NamedTuple):
    """What is kept of transactions: one column each; of `hits` one row for each rule."""

    numbers: Numbers
    times: NDArray[np.float64]
    amounts: NDArray[np.float64]
    labels: Labels
    hits: Mask

    def only(self, chosen: Mask | NDArray[np.int64]) -> "_Seen":
        return _Seen._make(column[..., chosen] for column in self)


class Trial:
    """Evaluates rules over history, part by part.

    Of a transaction a few numbers are kept, and whether each rule hits it: 25 bytes and one for each rule.

    Args:
        tried: The rule on trial.
        in_force: The rules that it is compared with.
        period: Which transactions are looked at.
        examples: How many hits of each kind are named.

    Attributes:
        read: How many transactions were added, of any time.
        oldest: The first event time of these; inf where there is none.
        newest: The last one; -inf likewise.
    """

    def __init__(
        self, tried: CompiledRule, in_force: Sequence[CompiledRule], period: Period | None = None, examples: int = 5
    ) -> None:
        self.read, self.oldest, self.newest = 0, math.inf, -math.inf
        self._rules = [tried, *in_force]
        self._period = period or Period()
        self._most = examples
        self._parts: list[_Seen] = []
        self._examples: dict[int, set[Example]] = {label: set() for label in (FRAUD, GENUINE, UNKNOWN)}

    def add(self, past: Past) -> None:
        """Evaluate the rules over transactions."""
        self.read += len(past.times)
        self.oldest = min(self.oldest, float(past.times.min(initial=math.inf)))
        self.newest = max(self.newest, float(past.times.max(initial=-math.inf)))
        inside = (past.times >= self._period.since) & (past.times < self._period.until)
        part = past if inside.all() else past.only(inside)
        hits = np.array([rule.hits(part.columns) for rule in self._rules])
        self._parts.append(_Seen(part.numbers, part.times, part.amounts, part.labels, hits))
        self._note_examples(part, hits[0])

    def result(self) -> Backtest | None:
        """What came of it; None where there is no transaction in the period."""
        if not any(len(part.times) for part in self._parts):
            return None
        seen = _Seen(*(np.concatenate(columns, axis=-1) for columns in zip(*self._parts, strict=True)))
        if self._period.last < math.inf:
            seen = seen.only(seen.times > seen.times.max() - self._period.last)
        once = _once(seen)
        return self._found(once, len(seen.times) - len(once.times))

    def _found(self, seen: _Seen, repeated: int) -> Backtest:
        scale, tried, others = _Scale(seen), seen.hits[0], np.logical_or.reduce(seen.hits[1:], axis=0)
        return Backtest(
            scale.begin,
            scale.end,
            scale.days,
            len(seen.times),
            repeated,
            scale.labelled,
            scale.frauds,
            math.fsum(seen.amounts[scale.is_fraud]),
            scale.figures(tried),
            int(np.count_nonzero(tried & others)),
            scale.figures(tried & ~others),
            scale.figures(others),
            scale.figures(tried | others),
            [
                Compared(one.rule.id, one.rule.when, scale.figures(hits), int(np.count_nonzero(hits & tried)))
                for one, hits in zip(self._rules[1:], seen.hits[1:], strict=True)
            ],
            Examples(*(self._newest(label, scale.begin) for label in (FRAUD, GENUINE, UNKNOWN))),
        )

    def _note_examples(self, past: Past, hits: Mask) -> None:
        for label, known in self._examples.items():
            rows = np.flatnonzero(hits & (past.labels == label))
            newest = rows[np.argsort(past.times[rows], kind="stable")[max(len(rows) - self._most, 0) :]]
            known |= {_example(past, row) for row in newest.tolist()}
            self._examples[label] = set(heapq.nlargest(self._most, known))

    def _newest(self, label: int, begin: float) -> list[Example]:
        return sorted((one for one in self._examples[label] if one.time >= begin), reverse=True)


def _example(past: Past, row: int) -> Example:
    ids = past.transaction_ids[row], past.customer_ids[row]
    return Example(float(past.times[row]), *ids, float(past.amounts[row]))


def _once(seen: _Seen) -> _Seen:
    """Each transaction once: a crash may send a record again, and its customer, id and time tell it."""
    keys = seen.numbers.view(np.uint64) ^ (seen.times.view(np.uint64) * _SPREAD)
    first = np.unique(keys, return_index=True)[1]
    return seen if len(first) == len(keys) else seen.only(np.sort(first))


class _Scale:
    """What figures are measured against: the labels and the length of the history."""

    def __init__(self, seen: _Seen) -> None:
        self.begin, self.end = float(seen.times.min()), float(seen.times.max())
        self.days = (self.end - self.begin) / DAY
        self.is_fraud, self._is_genuine = seen.labels == FRAUD, seen.labels == GENUINE
        self.frauds = int(np.count_nonzero(self.is_fraud))
        self.labelled = self.frauds + int(np.count_nonzero(self._is_genuine))
        self._amounts = seen.amounts

    def figures(self, hits: Mask) -> Figures:
        right, wrong = hits & self.is_fraud, hits & self._is_genuine
        every, frauds, genuine = (int(np.count_nonzero(mask)) for mask in (hits, right, wrong))
        return Figures(
            every,
            _ratio(every, self.days),
            frauds,
            genuine,
            every - frauds - genuine,
            _ratio(frauds, frauds + genuine),
            _ratio(frauds, self.frauds),
            self._amount(right),
            self._amount(wrong),
            _ratio(genuine, self.days) if self.labelled else None,
        )

    def _amount(self, chosen: Mask) -> float | None:
        return math.fsum(self._amounts[chosen]) if self.labelled else None  # the same in any order


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
