from typing import Any

import pytest
from faust.serializers.registry import Registry
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.engine.keys import decode_key, encode_key, window_range
from tests.engine.bench import make_app

TEXTS = st.text(max_size=30) | st.sampled_from(['C"1', "C\\", "C'1", "é", "😀", "\0", "\u2028", "</script>", "", " "])
#: Starts of windows: whole or fractional seconds.
SECONDS = st.integers(-1_000, 4_000_000_000).map(float) | st.integers(0, 40_000_000_000).map(lambda tenths: tenths / 10)
WINDOWS = st.tuples(SECONDS, st.sampled_from([1.0, 60.0, 300.0, 3_600.0])).map(lambda parts: window_range(*parts))
KEYS = TEXTS | st.tuples(TEXTS, WINDOWS)

serializers: Registry = make_app().serializers  # type: ignore[assignment]


@given(KEYS)
@settings(max_examples=400, deadline=None)
def test_a_key_is_written_as_faust_writes_it(key: Any) -> None:
    assert encode_key(key) == serializers.dumps_key(None, key, serializer="json")


@given(KEYS)
@settings(max_examples=400, deadline=None)
def test_a_key_that_was_written_is_read_as_it_was(key: Any) -> None:
    found = decode_key(encode_key(key))
    assert found == key
    assert hash(found) == hash(key)


@pytest.mark.parametrize("key", [7, -1, 7.5, True, None, ("C1", "C2"), ("a", ("b", ("c", 1.0)))])
def test_keys_of_other_kinds_are_read_as_they_were(key: Any) -> None:
    assert decode_key(encode_key(key)) == key


def test_different_keys_have_different_bytes() -> None:
    keys = ["C1", '"C1"', "C1 ", ("C1", (0.0, 59.9)), ("C1", (0.0, 299.9)), '["C1",[0.0,59.9]]', 1, "1"]
    assert len({encode_key(key) for key in keys}) == len(keys)


def test_a_window_ends_a_tenth_of_a_second_early() -> None:
    assert window_range(60.0, 300.0) == (60.0, 359.9)
