"""A worker that joins, crashes, and joins again: each label counts once, whatever was settled."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fraud_stream.domain.joining import Joiner
from fraud_stream.domain.once import Join, Offsets, Once
from fraud_stream.domain.outcomes import History
from fraud_stream.domain.pending import EARLY, SCORED, Pending

IDENTS = 6


class Waiting(dict[str, Pending]):
    """What waits, in a dictionary."""

    def put(self, key: str, value: Pending | None) -> None:
        assert value is not None
        self[key] = value


class Frauds(dict[str, History]):
    """Known frauds, in a dictionary."""

    def change(self, key: str, new: type[History]) -> History:
        return self.setdefault(key, new())


class Life(NamedTuple):
    """What a worker does before it dies: which of the two topics it reads a record of next, and when it commits.

    Attributes:
        reads: For each record read whether it is a label.
        commits: After how many records read it commits.
    """

    reads: list[bool]
    commits: list[int]


LIVES = st.lists(st.builds(Life, st.lists(st.booleans(), max_size=10), st.lists(st.integers(1, 10), max_size=3)))


class Worker:
    """Joins transactions and labels of one partition, and dies without warning."""

    def __init__(self, order: list[int]) -> None:
        self.order = order
        self.settled: Offsets = (0, 0)
        self.stored = Waiting()
        self.labelled: list[tuple[str, Join]] = []

    def live(self, life: Life) -> None:
        waiting, places, settled = Waiting(self.stored), list(self.settled), (0, 0)
        joiner = Joiner(0, waiting, Frauds(), 1e9, lambda ident, *rest: self.labelled.append((ident, rest[-1])))
        for read, is_label in enumerate([*life.reads, *[False] * IDENTS, *[True] * IDENTS]):
            offset = places[is_label]
            if offset < IDENTS:
                places[is_label] += 1
                if is_label:
                    label = Pending(EARLY, 0.0, "C", is_fraud=True, labelled_at=1.0, offset=offset)
                    joiner.label(f"T{self.order[offset]}", label, settled)
                else:
                    joiner.scored(f"T{offset}", Pending(SCORED, 0.0, "C", offset=offset), settled)
            if read + 1 in life.commits:
                self.stored, settled = Waiting(waiting), (places[0], places[1])
                self.settled = settled
            if life.commits and read + 1 >= max(len(life.reads), 1) and life is not LAST:
                return


LAST = Life([], [])


@given(st.permutations(range(IDENTS)), LIVES)
@hypothesis_settings(max_examples=500, deadline=None)
def test_each_label_counts_once_whatever_crashes(order: list[int], lives: list[Life]) -> None:
    worker, once = Worker(order), Once()
    for life in [*lives, LAST]:
        worker.live(life)
    counted = [ident for ident, join in worker.labelled if once.is_first(ident, join)]
    assert sorted(counted) == [f"T{n}" for n in range(IDENTS)]


def test_what_a_crash_may_repeat_is_repeated() -> None:
    """Else the test above shows nothing: without the memory it counts labels twice."""
    worker = Worker(list(range(IDENTS)))
    worker.live(Life([True, False], [3]))
    worker.live(LAST)
    assert len(worker.labelled) == IDENTS + 1


def test_little_is_remembered_where_all_is_settled() -> None:
    once = Once()
    for n in range(10_000):
        once.is_first(f"T{n}", Join(0, (n, n), (max(0, n - 100), max(0, n - 90))))
    assert len(once.partitions[0].joins) <= 101


def test_an_owner_that_knows_less_of_what_is_settled_changes_nothing() -> None:
    once = Once()
    once.is_first("T9", Join(0, (9, 9), (5, 5)))
    once.is_first("T8", Join(0, (8, 8), (0, 0)))
    assert once.partitions[0].settled == (5, 5)


@pytest.mark.parametrize(("settled", "is_first"), [((6, 0), False), ((0, 6), False), ((6, 6), True)])
def test_it_is_remembered_until_both_halves_are_settled(settled: Offsets, is_first: bool) -> None:
    once = Once()
    once.is_first("T5", Join(0, (5, 5)))
    once.is_first("T7", Join(0, (7, 7), settled))
    assert once.is_first("T5", Join(0, (5, 5))) is is_first


def test_partitions_have_their_own_offsets() -> None:
    once = Once()
    once.is_first("T5", Join(0, (5, 5)))
    once.is_first("T7", Join(1, (7, 7), (6, 6)))
    assert not once.is_first("T5", Join(0, (5, 5)))
