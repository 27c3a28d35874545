from bisect import bisect_right
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.sliding import DAY, GRACE, HOUR, MILLION, SPANS, SlidingSums, Window
from fraud_stream.sections import WindowSettings

START = 1_700_000_000.0


class Paid(NamedTuple):
    """One transaction: its event time and its amount in cents."""

    time: float
    cents: int


STEPS = st.sampled_from([0.0, 0.001, 1.0, 30.0, HOUR - 1, HOUR, 2 * HOUR, DAY, 3 * DAY, 7 * DAY, 29 * DAY, 31 * DAY])
LATENESS = st.sampled_from([0.0, 0.0, 0.0, 0.001, 10.0, HOUR, DAY / 2, GRACE])
CENTS = st.integers(0, 10_000_000)


@st.composite
def histories(draw: st.DrawFn) -> list[Paid]:
    """Transactions in order of arrival, some of them late, at most by the grace."""
    head, found = START, []
    for step, late, cents in draw(st.lists(st.tuples(STEPS, LATENESS, CENTS), min_size=1, max_size=25)):
        head += step
        found.append(Paid(head - late, cents))
    return found


def brute_force(paid: list[Paid], time: float) -> list[Window]:
    """The definition: what has event time in (time - span, time]."""
    inside = [[one.cents for one in paid if time - span < one.time <= time] for span in SPANS]
    return [Window(len(cents), sum(cents) * 10_000 / 1_000_000) for cents in inside]


def numbers(windows: list[Window]) -> list[float]:
    return [window.count for window in windows] + [round(window.total * MILLION) for window in windows]


def of(paid: list[Paid], most: int = 1_000) -> SlidingSums:
    sums = SlidingSums()
    for one in paid:
        sums.add(one.time, one.cents / 100, most)
    return sums


@given(histories())
@settings(max_examples=300, deadline=None)
def test_windows_equal_the_definition_late_transactions_included(paid: list[Paid]) -> None:
    sums = SlidingSums()
    for n, (time, cents) in enumerate(paid):
        assert sums.longest(time)[:2] == brute_force(paid[:n], time)[-1]
        sums.add(time, cents / 100)
        assert sums.row(time) == numbers(brute_force(paid[: n + 1], time))
        head = max(one.time for one in paid[: n + 1])
        assert sums.windows(head) == brute_force(paid[: n + 1], head)


@given(
    st.lists(st.tuples(st.sampled_from([60.0, HOUR, 6 * HOUR, DAY]), LATENESS, CENTS), min_size=1, max_size=10),
    st.integers(20, 60),
)
@settings(max_examples=30, deadline=None)
def test_windows_are_exact_while_what_expired_is_cut_off(pattern: list[tuple[float, float, int]], times: int) -> None:
    paid, sums, head = [], SlidingSums(), START
    for step, late, cents in pattern * times:
        head += step
        paid.append(Paid(head - late, cents))
        sums.add(head - late, cents / 100)
        paid = [one for one in paid if one.time > head - 32 * DAY]
        assert sums.row(head - late) == numbers(brute_force(paid, head - late))
    assert sums.times[0] > head - SPANS[-1] - GRACE - 33 * DAY


def test_expired_entries_are_cut_off_when_windows_are_read() -> None:
    sums = SlidingSums()
    for n in range(200):
        sums.longest(START + n * DAY)
        sums.add(START + n * DAY, 1.0)
    assert len(sums.times) < 31 + 2 * 32
    assert sums.windows(START + 199 * DAY)[-1] == Window(30, 30.0)


@given(histories())
@settings(max_examples=100, deadline=None)
def test_the_squares_are_those_of_the_longest_window_for_a_late_transaction_too(paid: list[Paid]) -> None:
    sums = of(paid)
    for time in sorted({one.time for one in paid}, reverse=True):
        inside = [one.cents / 100 for one in paid if time - SPANS[-1] < one.time <= time]
        assert sums.longest(time)[2] == pytest.approx(sum(amount * amount for amount in inside), rel=1e-9, abs=1e-3)


def test_large_amounts_that_are_gone_leave_no_rounding_errors_in_the_deviation() -> None:
    sums = of([Paid(START + n * HOUR, 99_999_999) for n in range(2_000)])
    now = START + 2_000 * HOUR + 31 * DAY
    for n in range(100):
        sums.add(now + n, 0.01 if n % 2 else 0.03)
    count, total, squares = sums.longest(now + 99)
    assert squares / count - (total / count) ** 2 == pytest.approx(0.01**2, abs=1e-8)


@pytest.mark.parametrize(("span", "place"), [(span, place) for place, span in enumerate(SPANS)])
def test_a_window_is_open_at_its_beginning_and_closed_at_its_end(span: float, place: int) -> None:
    sums = of([Paid(START, 500)])
    assert sums.windows(START)[place] == Window(1, 5.0)
    assert sums.windows(START + span - 0.001)[place] == Window(1, 5.0)
    assert sums.windows(START + span)[place] == Window(0, 0.0)


def test_no_history_has_empty_windows() -> None:
    assert SlidingSums().windows(START) == [Window(0, 0.0)] * len(SPANS)
    assert SlidingSums().longest(START) == (0, 0.0, 0.0)


def test_what_leaves_a_window_takes_away_exactly_what_it_brought() -> None:
    sums = of([Paid(START + n * 10, 10) for n in range(10_000)], most=100_000)
    assert sums.windows(START + 99_990 + HOUR)[0] == Window(0, 0.0)


def busy(count: int, step: float) -> list[Paid]:
    return [Paid(START + n * step, 100 + n % 7) for n in range(count)]


@given(st.sampled_from([1.0, 20.0, 300.0, 4_000.0]), st.integers(100, 700))
@settings(max_examples=25, deadline=None)
def test_buckets_keep_every_window_right_to_within_a_bucket(step: float, count: int) -> None:
    paid = busy(count, step)
    sums, times = of(paid, most=80), [one.time for one in paid]
    head = times[-1]
    for span, window in zip(SPANS, sums.windows(head), strict=True):
        width = 60.0 if span == HOUR else HOUR
        least, most = (count - bisect_right(times, head - length) for length in (span, span + width))
        assert least <= window.count <= most
        cents = [one.cents for one in paid]
        # a hundredth of a cent: the sums below are of floats, those of the windows are not
        assert sum(cents[-least:]) / 100 - 1e-4 <= window.total <= sum(cents[-most:]) / 100 + 1e-4


def test_buckets_lose_no_transaction_of_the_longest_window() -> None:
    sums = of(busy(5_000, 60.0), most=300)
    assert sums.windows(START + 4_999 * 60.0)[-1].count == 5_000


def test_the_number_of_transactions_put_into_buckets_is_told() -> None:
    sums = SlidingSums()
    told = [sums.add(START + n * 20, 1.0, most=80) for n in range(200)]
    single = len(sums.times) - len(sums.buckets)
    assert sum(told) == 200 - len(sums.times)
    assert sum(sums.buckets) + single == 200
    assert set(told[:80]) == {0}


def test_a_late_transaction_after_buckets_is_counted_once() -> None:
    sums = of(busy(200, 20.0), most=80)
    sums.add(START, 1_000.0, most=80)
    assert sums.windows(START + 199 * 20.0)[-1] == Window(201, sum(100 + n % 7 for n in range(200)) / 100 + 1_000)
    assert list(sums.times) == sorted(sums.times)


SMALLEST = next(bound.ge for bound in WindowSettings.model_fields["max_events"].metadata if hasattr(bound, "ge"))


def test_a_late_transaction_leaves_every_bucket_with_its_own_count() -> None:
    """Each amount is 1, so that a window's count and its total are one number."""
    sums, time = SlidingSums(), START
    for n in range(300):
        time += 7.0 + n % 13
        sums.add(time, 1.0, most=80)
    sums.add(START + 400.0, 1.0, most=80)
    for later in range(0, 4_000, 50):
        windows = sums.windows(time + later)
        assert [window.count for window in windows] == [window.total for window in windows]


@pytest.mark.parametrize("most", [SMALLEST, WindowSettings().max_events, 5_000])
def test_the_number_of_entries_is_bounded_for_a_customer_busy_all_month(most: int) -> None:
    sums = of(busy(31 * 24 * 3, 1_200.0), most)
    head, longest, folds = sums.times[-1], 0, 0
    for second in range(1, 601):
        folds += bool(sums.add(head + second, 1.0, most))
        longest = max(longest, len(sums.times))
    assert longest <= most
    assert folds <= 30  # each costs as much as all entries
