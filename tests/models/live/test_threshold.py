import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.sliding import DAY
from fraud_stream.models.live import odds
from fraud_stream.models.live.threshold import ENOUGH_FRAUDS, HIGHEST, LOWEST, by_best_f1, by_budget
from fraud_stream.models.live.traffic import (
    MOST_DAYS,
    SCORED_DAYS,
    Asked,
    Traffic,
    TrafficDay,
    counted,
    together,
    updated,
)
from tests.models.live.test_measures import scored

ONLINE = "online"


def days(number: int, size: int = 5_000, seed: int = 0) -> list[odds.Counts]:
    return [odds.counted(*scored(size, seed + n)) for n in range(number)]


def test_the_best_f1_is_followed() -> None:
    found = days(9)
    threshold = by_best_f1(found, 7)
    assert threshold is not None
    counts = sum(found[2:], np.zeros_like(found[0]))
    assert odds.rates_at(counts, threshold).f1 > 0.985 * odds.best_f1(counts)[0]


def test_a_new_day_moves_it_by_a_third_at_most() -> None:
    before = days(9)
    scores, frauds = scored(100_000)
    shifted = odds.counted(scores / 10, frauds)
    old, new, alone = by_best_f1(before, 7), by_best_f1([*before, shifted], 7), by_best_f1([shifted], 7)
    assert old is not None
    assert new is not None
    assert alone is not None
    assert odds.bin_of(alone) < odds.bin_of(old) - 30
    assert 0 < odds.bin_of(old) - odds.bin_of(new) < 0.4 * (odds.bin_of(old) - odds.bin_of(alone))


def test_with_few_frauds_there_is_none() -> None:
    scores = np.full(ENOUGH_FRAUDS, 0.9)
    few = odds.counted(scores, np.arange(ENOUGH_FRAUDS) > 0)
    assert by_best_f1([few], 7) is None
    assert by_best_f1([], 7) is None
    assert by_best_f1([odds.counted(scores, scores > 0)], 7) is not None


@given(st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None)
def test_it_stays_within_bounds_whatever_is_scored(genuine: float, fraud: float) -> None:
    scores = np.array([genuine, fraud] * ENOUGH_FRAUDS)
    found = by_best_f1([odds.counted(scores, np.arange(len(scores)) % 2 == 1)], 7)
    assert found is not None
    assert LOWEST <= found <= HIGHEST


def traffic(seed: int, number: int = 20_000, start: float = 0.0, span: float = 2 * DAY) -> dict[int, TrafficDay]:
    times = start + np.linspace(0, span, number, endpoint=False)
    return counted(times, {ONLINE: scored(number, seed)[0]})


@pytest.mark.parametrize("alerts", [20.0, 100.0, 1_000.0])
def test_a_budget_is_kept_and_used(alerts: float) -> None:
    threshold = by_budget(traffic(1).values(), ONLINE, alerts)
    assert threshold is not None
    a_day = (scored(20_000, 1)[0] >= threshold).sum() / 2
    assert 0.75 * alerts <= a_day <= 1.001 * alerts


def test_a_day_that_has_begun_counts_by_its_hours() -> None:
    threshold = by_budget(traffic(1, 5_000, span=DAY / 4).values(), ONLINE, 1_000.0)
    assert threshold is not None
    assert 200 <= (scored(5_000, 1)[0] >= threshold).sum() <= 250


def test_one_event_far_ahead_changes_little() -> None:
    whole = traffic(1)
    ahead = counted(np.array([1e11]), {ONLINE: np.array([0.5])})
    assert by_budget(together([whole, ahead]).values(), ONLINE, 100.0) == by_budget(whole.values(), ONLINE, 100.0)


def test_with_little_traffic_there_is_none() -> None:
    assert by_budget([], ONLINE, 100.0) is None
    assert by_budget(traffic(1, 999).values(), ONLINE, 100.0) is None
    assert by_budget(traffic(1, 5_000, span=600.0).values(), ONLINE, 100.0) is None


def test_a_budget_for_more_than_there_is_stays_above_the_lowest() -> None:
    assert by_budget(traffic(1).values(), ONLINE, 1e9) == LOWEST


def test_no_threshold_is_high_enough_for_a_budget_of_nothing() -> None:
    certain = counted(np.linspace(0, DAY / 2, 2_000), {ONLINE: np.ones(2_000)})
    assert by_budget(certain.values(), ONLINE, 1.0) == odds.EDGES[-1]


def test_partitions_add_up_to_the_whole() -> None:
    times, scores = np.linspace(0, 3 * DAY, 9_000, endpoint=False), scored(9_000)[0]
    parts = [counted(times[n::3], {ONLINE: scores[n::3]}) for n in range(3)]
    whole, added = counted(times, {ONLINE: scores}), together(parts)
    assert added == whole
    assert by_budget(added.values(), ONLINE, 50.0) == by_budget(whole.values(), ONLINE, 50.0)


def test_a_partition_remembers_so_many_days_and_the_scores_of_the_last() -> None:
    record = updated(None, 3, traffic(1, 40_000, span=40 * DAY))
    record = updated(record, 3, traffic(2, 100, start=40 * DAY, span=DAY))
    assert (record.name, record.transactions, len(record.days)) == ("traffic-3", 40_100, MOST_DAYS)
    assert sum(bool(day.asked) for day in record.days.values()) == SCORED_DAYS
    assert record.check() == record


def test_what_was_not_scored_counts_as_a_transaction_only() -> None:
    (day,) = counted(np.array([1.0, 2.0]), {ONLINE: np.array([np.nan, 0.5]), "blend": np.full(2, np.nan)}).values()
    assert (day.transactions, list(day.asked)) == (2, [ONLINE])
    asked = day.asked[ONLINE]
    assert (asked.counts.sum(), asked.first, asked.last) == (1, 2.0, 2.0)


def test_a_budget_is_told_by_the_scores_of_who_decides() -> None:
    times = np.linspace(0, DAY, 10_000, endpoint=False)
    low, high = scored(10_000)[0] / 2, np.full(10_000, np.nan)
    high[5_000:] = 0.5 + low[5_000:]  # it was asked from noon on
    days = list(counted(times, {ONLINE: low, "challenger": high}).values())
    for name, column, share in ((ONLINE, low, 1.0), ("challenger", high, 0.5)):
        threshold = by_budget(days, name, 200.0)
        assert threshold is not None
        assert 0.75 * share <= (column >= threshold).sum() / 200 <= share
    assert by_budget(days, "blend", 200.0) is None


def test_hours_in_which_the_model_was_not_asked_do_not_count() -> None:
    asked = traffic(1, 5_000, start=DAY / 2, span=DAY / 4)
    silent = counted(np.linspace(0, DAY / 2, 5_000), {ONLINE: np.full(5_000, np.nan)})
    for parts in ([silent, asked], [asked, silent]):
        whole = together(parts)
        assert whole[0].transactions == 10_000
        assert by_budget(whole.values(), ONLINE, 100.0) == by_budget(asked.values(), ONLINE, 100.0)


DAMAGED = {
    "length": {1: TrafficDay(1, {ONLINE: Asked(DAY, DAY, b"1")})},
    "negative": {1: TrafficDay(1, {ONLINE: Asked(DAY, DAY, np.full(odds.BINS, -1).tobytes())})},
    "count": {1: TrafficDay(-1, {})},
    "day": {-1: TrafficDay(1, {})},
    "days": {n: TrafficDay(1, {}) for n in range(40)},
    "hours": {1: TrafficDay(1, {ONLINE: Asked(DAY, 1.5e308, bytes(8 * odds.BINS))})},
    "contestants": {1: TrafficDay(1, {str(n): Asked(DAY, DAY, bytes(8 * odds.BINS)) for n in range(9)})},
}


@pytest.mark.parametrize("found", DAMAGED.values(), ids=DAMAGED)
def test_damaged_traffic_is_refused(found: dict[int, TrafficDay]) -> None:
    with pytest.raises(ValueError, match="traffic-0 counts nothing"):
        Traffic("traffic-0", "traffic", 0, 1, found).check()


def test_a_record_of_before_keeps_its_number_of_transactions() -> None:
    old = {"transactions": 7, "first": 0.0, "last": 1.0, "scores": b""}
    record = {"name": "traffic-0", "kind": "traffic", "partition": 0, "transactions": 7, "days": {"1": old}}
    found = msgspec.json.decode(msgspec.json.encode(record), type=Traffic).check()
    assert found.days == {1: TrafficDay(7)}
