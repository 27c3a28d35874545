"""What is promised of the stream: at full speed it knows of each payment what `fraud-stream evaluate` knows of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.replay import Trial, compare, payments_of
from benchmarks.stage import stage
from fraud_stream.domain.sliding import DAY
from tests.harness import ON_KAFKA


def day(month: int, day: int) -> float:
    return datetime(2018, month, day, tzinfo=UTC).timestamp()


@pytest.mark.broker
@pytest.mark.skipif(not ON_KAFKA, reason="the embedded broker has no fair order of partitions; `make test-kafka`")
def test_at_full_speed_the_features_are_those_of_the_evaluation(shared_data: Path) -> None:
    """All 59 of 100,000 payments and more, those that labels tell too: the labels are on their topic long before."""
    file, begin = shared_data / "handbook" / "transactions.parquet", day(8, 1)
    payments = payments_of(file, "handbook", day(7, 18), begin + 14 * DAY)
    with stage("kafka") as place:
        found = compare(place, payments, Trial(begin, begin + 14 * DAY, 7 * DAY))
    assert len(payments) > 250_000
    assert found.features_differ == 0.0
    assert found.stream is not None
