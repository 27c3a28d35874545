import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.once import Join
from fraud_stream.domain.outcomes import KNOWN, MEMORY, NOTHING, History, Known, Outcome, Outcomes
from fraud_stream.domain.sliding import DAY, HOUR

LABELS = st.lists(st.tuples(st.integers(0, 70 * 24), st.booleans()), max_size=60)


def outcomes(*labels: tuple[float, bool]) -> Outcomes:
    found = Outcomes()
    for time, is_fraud in labels:
        found.add(time, is_fraud)
    return found


def counted(labels: list[tuple[float, bool]], time: float) -> Known:
    """What `at` must say, from the labels themselves."""
    known = [(at, fraud) for at, fraud in labels if at <= time]
    frauds = sorted(at for at, fraud in known if fraud and at > time - MEMORY)
    inside = [[fraud for at, fraud in known if at > time - days * DAY] for days in (1, 7, 30)]
    since = (time - frauds[-1], time - frauds[0]) if frauds else (MEMORY, MEMORY)
    genuine = sum(at > frauds[-1] for at, _ in known) if frauds else sum(not fraud for _, fraud in known)
    found: Any = (*since, genuine, *(sum(one) for one in inside), *(len(one) for one in inside))
    return found  # type: ignore[no-any-return]


def named(known: Known) -> dict[str, float]:
    return dict(zip(KNOWN, known, strict=True))


@given(LABELS, st.integers(0, 75 * 24))
@settings(max_examples=300, deadline=None)
def test_they_are_counted_as_by_hand_in_whatever_order_they_come(hours: list[tuple[int, bool]], when: int) -> None:
    labels = [(hour * HOUR, is_fraud) for hour, is_fraud in hours]
    if labels and max(labels)[0] - MEMORY > min(labels)[0]:
        labels = [one for one in labels if one[0] > max(labels)[0] - MEMORY]
    assert outcomes(*labels).at(when * HOUR) == counted(labels, when * HOUR)


def test_what_becomes_known_later_does_not_count() -> None:
    found = outcomes((100.0, True), (10 * DAY, True))
    assert named(found.at(DAY))["frauds_7d"] == 1
    assert found.at(99.0) == NOTHING


def test_a_busy_merchant_takes_little_room_and_is_counted_to_the_hour() -> None:
    rnd = random.Random(1)
    labels = sorted((rnd.uniform(0, 90 * DAY), rnd.random() < 0.05) for _ in range(20_000))
    found = outcomes(*labels)
    assert len(found.times) <= 256
    exact, known = named(counted(labels, 90 * DAY)), named(found.at(90 * DAY))
    assert known["labels_24h"] == pytest.approx(exact["labels_24h"], abs=20_000 / 90 / 24 * 2)
    for span in ("7d", "30d"):
        assert known[f"labels_{span}"] == pytest.approx(exact[f"labels_{span}"], abs=20_000 / 90 + 1)
    assert known["since_last"] == pytest.approx(exact["since_last"], abs=HOUR)


def test_what_is_older_than_the_memory_is_forgotten() -> None:
    found = outcomes((0.0, True), *((day * DAY, False) for day in range(1, 100)))
    assert len(found.times) < 75
    assert named(found.at(99 * DAY))["since_last"] == MEMORY
    assert named(found.at(99 * DAY))["genuine_since_fraud"] == 99


def outcome(ident: str, offset: int, settled: int = 0, time: float = 1.0) -> Outcome:
    return Outcome(ident, Join(0, (offset, offset), (settled, settled)), time, True)


def test_a_history_notes_each_transaction_once() -> None:
    history = History()
    assert [history.note(outcome(ident, 3)) for ident in ("T1", "T2", "T1")] == [True, True, False]
    assert (history.noted, named(history.at(2.0))["frauds_24h"]) == (2, 2)


def test_a_copy_does_not_change_with_its_original() -> None:
    history = History()
    history.note(outcome("T1", 0))
    copy = history.copy()
    history.note(outcome("T2", 1))
    assert (copy.noted, list(copy.once.partitions[0].joins), named(copy.at(3.0))["frauds_24h"]) == (1, ["T1"], 1)
