import math
from datetime import UTC, datetime

import pytest

from fraud_stream.domain.intake import event_time
from fraud_stream.files.times import event_seconds, time_text


@pytest.mark.parametrize(
    "value",
    [
        "2024-01-31",
        "2024-01-31T12:00:00.25+02:00",
        "2024-01-31 12:00:00Z",
        1_706_702_400,
        1_706_702_400_250,
        "1706702400",
    ],
)
def test_times_are_read_as_the_worker_reads_them(value: float | str) -> None:
    assert event_seconds(value) == event_time(value)


@pytest.mark.parametrize(
    "value", [None, "", "2019-11-31", "soon", "1999-12-31", -5, math.nan, math.inf, [], "nan", "1e999"]
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert event_seconds(value) is None


def test_text_and_seconds_are_inverse() -> None:
    moment = datetime(2024, 2, 29, 23, 59, 59, 7_000, tzinfo=UTC).timestamp()
    assert time_text(round(moment * 1_000)) == "2024-02-29 23:59:59.007"
    assert event_seconds("2024-02-29 23:59:59.007") == pytest.approx(moment)
