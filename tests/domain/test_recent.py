import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain import recent
from fraud_stream.domain.recent import SPAN, RecentIds

IDS = st.text("ab", min_size=8, max_size=8)


@pytest.fixture
def plain_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id of eight letters is its own digest, so that digests can be made to overlap."""
    monkeypatch.setattr(recent, "_digest", str.encode)


def test_an_id_is_a_duplicate_for_24_hours() -> None:
    ids = RecentIds()
    assert ids.add("T1", 0, 100.0)
    assert not ids.add("T1", 1, 100.0 + SPAN - 0.001)
    assert ids.add("T1", 2, 100.0 + SPAN)


def test_a_duplicate_does_not_prolong_the_24_hours() -> None:
    ids = RecentIds()
    ids.add("T1", 0, 0.0)
    ids.add("T1", 1, SPAN / 2)
    assert ids.add("T1", 2, SPAN)


def test_a_late_duplicate_is_recognised() -> None:
    ids = RecentIds()
    ids.add("T1", 0, 1_000.0)
    ids.add("T2", 1, 2_000.0)
    assert not ids.add("T1", 2, 500.0)


def test_only_a_known_id_of_another_offset_is_a_repetition() -> None:
    ids = RecentIds()
    ids.add("T1", 7, 0.0)
    ids.add("T1", 9, 0.0)
    assert [ids.repeats("T1", offset) for offset in (7, 9, 8)] == [False, True, True]
    assert not ids.repeats("T2", 7)


def test_at_most_the_newest_are_kept() -> None:
    ids = RecentIds()
    for n in range(10):
        ids.add(f"T{n}", n, float(n), most=4)
    assert (len(ids.times), len(ids.offsets), len(ids.digests)) == (4, 4, 32)
    assert [ids.repeats(f"T{n}", 99) for n in (5, 6, 9)] == [False, True, True]


def test_the_bound_does_not_let_a_duplicate_of_a_kept_id_in() -> None:
    ids = RecentIds()
    for n in range(4):
        ids.add(f"T{n}", n, float(n), most=4)
    assert not ids.add("T3", 4, 4.0, most=4)


def test_what_stretches_over_two_digests_is_no_match(plain_digests: None) -> None:
    ids = RecentIds()
    ids.add("AABBCCDD", 0, 0.0)
    ids.add("EEFFGGHH", 1, 0.0)
    assert ids.add("BBCCDDEE", 2, 0.0)
    assert (ids.repeats("BBCCDDEE", 2), ids.repeats("BBCCDDEE", 3)) == (False, True)


def test_a_match_after_a_false_one_is_found(plain_digests: None) -> None:
    ids = RecentIds()
    for offset, ident in enumerate(("AABBCCDD", "EEFFGGHH", "BBCCDDEE")):
        ids.add(ident, offset, 0.0)
    assert not ids.add("BBCCDDEE", 3, 0.0)


@given(st.lists(st.tuples(IDS, st.sampled_from([0.0, 60.0, SPAN / 2, SPAN])), max_size=40))
@settings(max_examples=200, deadline=None)
def test_an_id_is_known_if_and_only_if_it_came_within_24_hours(arrivals: list[tuple[str, float]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recent, "_digest", str.encode)
        ids, known, time = RecentIds(), dict[str, tuple[int, float]](), 0.0
        for offset, (ident, step) in enumerate(arrivals):
            time += step
            new = ident not in known or known[ident][1] <= time - SPAN
            assert ids.add(ident, offset, time) is new
            if new:
                known[ident] = offset, time
            assert not ids.repeats(ident, known[ident][0])
            assert ids.repeats(ident, -1)


def test_ids_of_any_letters_are_told_apart() -> None:
    ids = RecentIds()
    odd = ["", "é", "😀", '"', "\0", "T1", "T1 ", "\ud800"]
    assert all(ids.add(ident, n, 0.0) for n, ident in enumerate(odd))
    assert not any(ids.add(ident, n, 0.0) for n, ident in enumerate(odd, 100))
