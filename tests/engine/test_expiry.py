from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.engine.expiry import Deadlines, StreamClock


def test_the_streams_time_never_goes_back() -> None:
    clock = StreamClock()
    for time in (50.0, 40.0, 60.0, 59.9):
        clock.observe(0, time)
    assert clock.now(0) == 60.0


def test_each_partition_has_its_own_time_from_zero_on() -> None:
    clock = StreamClock()
    clock.observe(1, 50.0)
    assert (clock.now(0), clock.now(1)) == (0.0, 50.0)


def test_the_streams_time_goes_back_to_what_is_stored() -> None:
    clock = StreamClock()
    clock.observe(0, 50.0)
    clock.take()
    clock.observe(0, 60.0)
    clock.observe(1, 70.0)
    assert (clock.settled(0), clock.now(0)) == (0.0, 60.0)
    clock.settle()
    assert (clock.settled(0), clock.settled(1)) == (50.0, 0.0)
    clock.go_back()
    assert (clock.now(0), clock.now(1)) == (50.0, 0.0)


def test_what_was_taken_before_the_time_went_back_settles_nothing() -> None:
    clock = StreamClock()
    clock.observe(0, 50.0)
    clock.take()
    clock.go_back()
    clock.settle()
    assert clock.settled(0) == 0.0


def test_what_a_table_has_in_it_is_known_and_was_not_seen() -> None:
    clock = StreamClock()
    clock.recover(0, 50.0)
    clock.recover(0, 40.0)
    assert (clock.now(0), clock.seen(0), clock.settled(0)) == (50.0, 0.0, 0.0)
    clock.observe(0, 60.0)
    clock.go_back()
    assert clock.now(0) == 50.0


def test_a_key_expires_at_the_end_of_its_deadlines_bucket() -> None:
    deadlines = Deadlines(60.0)
    deadlines.add("C1", 60.0)
    deadlines.add("C2", 60.1)
    assert list(deadlines.expired(59.9)) == []
    assert list(deadlines.expired(60.0)) == ["C1"]
    assert list(deadlines.expired(119.9)) == []
    assert list(deadlines.expired(120.0)) == ["C2"]


def test_a_key_with_one_deadline_is_told_once() -> None:
    deadlines = Deadlines(60.0)
    for deadline in (10.0, 20.0, 60.0):
        deadlines.add("C1", deadline)
    assert list(deadlines.expired(1e9)) == ["C1"]
    assert list(deadlines.expired(1e9)) == []


def test_many_keys_may_have_one_deadline() -> None:
    deadlines = Deadlines(60.0)
    deadlines.add_all(["C1", "C2"], 10.0)
    deadlines.add_all(["C2", "C3"], 20.0)
    assert sorted(deadlines.expired(60.0)) == ["C1", "C2", "C3"]
    assert list(deadlines.expired(1e9)) == []


def test_a_bucket_that_was_told_may_be_filled_again() -> None:
    deadlines = Deadlines(60.0)
    deadlines.add("C1", 10.0)
    assert list(deadlines.expired(60.0)) == ["C1"]
    deadlines.add("C2", 20.0)
    assert list(deadlines.expired(60.0)) == ["C2"]


def test_the_earliest_deadline_is_told_first() -> None:
    deadlines = Deadlines(60.0)
    for key, deadline in (("late", 600.0), ("early", 1.0), ("middle", 300.0)):
        deadlines.add(key, deadline)
    assert list(deadlines.expired(1_000.0)) == ["early", "middle", "late"]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1_000)), max_size=30), st.lists(st.floats(0, 1_200), max_size=10)
)
@settings(max_examples=150, deadline=None)
def test_no_key_expires_before_its_deadline_and_none_a_bucket_after_it(
    added: list[tuple[int, float]], times: list[float]
) -> None:
    deadlines, waiting = Deadlines(60.0), {(key, deadline) for key, deadline in added}
    for key, deadline in added:
        deadlines.add((key, deadline), deadline)
    for now in sorted(times):
        told = set(deadlines.expired(now))
        assert told <= waiting
        assert all(deadline <= now for _, deadline in told)
        waiting -= told
        assert all(deadline > now - 60.0 for _, deadline in waiting)
