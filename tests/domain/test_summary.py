"""What has come lately: equal to counting everything anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_stream.domain.summary import LONGEST, Amounts, Lately

AMOUNTS = st.lists(st.floats(0, 1e6), min_size=1, max_size=5)
STEPS = st.lists(st.tuples(st.floats(0, 40), AMOUNTS), min_size=1, max_size=40)


@given(STEPS, st.floats(0, LONGEST))
def test_it_tells_what_counting_everything_anew_tells(steps: list[tuple[float, list[float]]], back: float) -> None:
    lately, now, noted = Lately(), 1_700_000_000.0, list[tuple[float, float]]()
    for gap, amounts in steps:
        now += gap
        lately.note(now, np.array(amounts))
        noted += [(now, amount) for amount in amounts]
    expected = [amount for at, amount in noted if int(at) >= int(now - back)]
    found = lately.since(now - back)
    assert (found.number, found.smallest, found.largest) == (len(expected), min(expected), max(expected))
    assert lately.take().number == len(noted)
    assert found.total == pytest.approx(sum(expected))
    assert found.average == pytest.approx(sum(expected) / len(expected))


def test_where_nothing_came_there_is_no_average() -> None:
    lately = Lately()
    lately.note(100.0, np.array([5.0]))
    assert lately.since(101.0) == Amounts()
    assert lately.since(101.0).average is None


def test_it_holds_one_entry_a_second_and_not_for_ever() -> None:
    lately = Lately()
    for n in range(100_000):
        lately.note(1_000.0 + n / 100, np.array([1.0]))
    assert len(lately._seconds) <= LONGEST + 2
    assert lately.since(1_000.0 + 999 - 59).number == 6_000
