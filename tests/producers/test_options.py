import click
import pytest

from fraud_stream.options import Moment, Span
from producers.options import Rate, Speed


@pytest.mark.parametrize(
    ("text", "rate"), [("1000/h", 1_000 / 3_600), ("50/s", 50.0), ("6/m", 0.1), ("max", float("inf"))]
)
def test_rates(text: str, rate: float) -> None:
    assert Rate().convert(text, None, None) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("kind", "text", "allowed"),
    [
        (Rate(), "1000", "1000/h, 50/s or max"),
        (Rate(), "0/s", "1000/h, 50/s or max"),
        (Rate(), "-5/s", "1000/h, 50/s or max"),
        (Speed(), "fast", "original, max or a number"),
        (Speed(), "0", "original, max or a number"),
        (Span(), "10x", "10s, 5m, 1h or 7d"),
        (Span(), "-1", "10s, 5m, 1h or 7d"),
        (Span(), "nan", "10s, 5m, 1h or 7d"),
        (Span(), "1..5s", "10s, 5m, 1h or 7d"),
        (Moment(), "tomorrow", "2024-01-31 12:00:00"),
        (Moment(), "1999-12-31", "after 1999"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(kind: click.ParamType, text: str, allowed: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        kind.convert(text, None, None)
    assert repr(text) in str(caught.value)
    assert allowed in str(caught.value)


def test_no_delay_is_a_length_of_time() -> None:
    assert Span().convert("0", None, None) == 0
