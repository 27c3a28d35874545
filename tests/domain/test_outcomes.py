import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.outcomes import MEMORY, NOTHING, SPANS, History, Known, Outcomes
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
    inside = [[fraud for at, fraud in known if at > time - span] for span in SPANS]
    return Known(
        tuple(len(one) for one in inside),
        tuple(sum(one) for one in inside),
        time - frauds[-1] if frauds else MEMORY,
        time - frauds[0] if frauds else MEMORY,
        sum(at > frauds[-1] for at, _ in known) if frauds else len(known),
    )


@given(LABELS, st.integers(0, 75 * 24))
@settings(max_examples=300, deadline=None)
def test_they_are_counted_as_by_hand_in_whatever_order_they_come(hours: list[tuple[int, bool]], when: int) -> None:
    labels = [(hour * HOUR, is_fraud) for hour, is_fraud in hours]
    if labels and max(labels)[0] - MEMORY > min(labels)[0]:
        labels = [one for one in labels if one[0] > max(labels)[0] - MEMORY]
    assert outcomes(*labels).at(when * HOUR) == counted(labels, when * HOUR)


def test_what_becomes_known_later_does_not_count() -> None:
    found = outcomes((100.0, True), (10 * DAY, True))
    assert found.at(DAY).frauds == (1, 1, 1)
    assert found.at(99.0) == NOTHING


def test_a_busy_merchant_takes_little_room_and_is_counted_to_the_hour() -> None:
    rnd = random.Random(1)
    labels = sorted((rnd.uniform(0, 90 * DAY), rnd.random() < 0.05) for _ in range(20_000))
    found = outcomes(*labels)
    assert len(found.times) <= 257
    exact, known = counted(labels, 90 * DAY), found.at(90 * DAY)
    for some, all_ in zip(known.labels, exact.labels, strict=True):
        assert some == pytest.approx(all_, abs=20_000 / 90 + 1)
    assert known.labels[0] == pytest.approx(exact.labels[0], abs=20_000 / 90 / 24 * 2)
    assert known.since_last == pytest.approx(exact.since_last, abs=HOUR)


def test_what_is_older_than_the_memory_is_forgotten() -> None:
    found = outcomes((0.0, True), *((day * DAY, False) for day in range(1, 100)))
    assert len(found.times) < 75
    assert found.at(99 * DAY).since_last == MEMORY
    assert found.at(99 * DAY).genuine == 100


def test_a_history_notes_each_offset_of_an_origin_once() -> None:
    history = History()
    assert [history.note("a", 3, 1.0, True), history.note("a", 2, 1.0, True), history.note("b", 2, 1.0, True)] == [
        True, False, True,
    ]  # fmt: skip
    assert (history.noted, history.seen, history.at(2.0).frauds[0]) == (2, {"a": 3, "b": 2}, 2)


def test_a_copy_does_not_change_with_its_original() -> None:
    history = History()
    history.note("a", 0, 1.0, True)
    copy = history.copy()
    history.note("a", 1, 2.0, True)
    assert (copy.noted, copy.seen, copy.at(3.0).frauds[0]) == (1, {"a": 0}, 1)
