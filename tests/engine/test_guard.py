import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_stream.engine.guard import SIZE, guard_of, is_older, pack_guard

GUARDS = st.integers(0, 2**63 - 1)


@given(GUARDS, GUARDS, st.binary(max_size=20), st.binary(max_size=20))
def test_a_value_is_older_if_and_only_if_its_number_is_smaller(one: int, other: int, this: bytes, that: bytes) -> None:
    assert is_older(pack_guard(one) + this, pack_guard(other) + that) is (one < other)


@given(GUARDS)
def test_nothing_is_older_than_nothing(number: int) -> None:
    assert not is_older(pack_guard(number), None)


@given(GUARDS, st.binary(max_size=20))
def test_the_guard_of_a_stored_value_can_be_read(number: int, value: bytes) -> None:
    assert guard_of(pack_guard(number) + value) == number


@pytest.mark.parametrize("number", [0, 255, 256, 2**32, 2**63 - 1])
def test_a_guard_has_its_fixed_size_and_its_most_significant_byte_first(number: int) -> None:
    assert len(pack_guard(number)) == SIZE
    assert int.from_bytes(pack_guard(number), "big") == number
