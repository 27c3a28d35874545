"""What is promised of the stream: at full speed it is as good as `fraud-stream evaluate` says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.replay import Test, compare, payments_of
from benchmarks.stage import stage
from fraud_stream.domain.sliding import DAY


def day(month: int, day: int) -> float:
    return datetime(2018, month, day, tzinfo=UTC).timestamp()


@pytest.mark.broker
@pytest.mark.embedded
def test_at_full_speed_the_stream_is_as_good_as_offline(shared_data: Path) -> None:
    file, begin = shared_data / "handbook" / "transactions.parquet", day(8, 8)
    payments = payments_of(file, "handbook", day(7, 18), begin + 7 * DAY)
    with stage("embedded") as place:
        found = compare(place, payments, Test(begin, begin + 7 * DAY, 7 * DAY))
    offline, stream = found["offline"], found["stream"]
    assert offline is not None
    assert stream is not None
    assert stream == pytest.approx(offline, abs=0.005)
