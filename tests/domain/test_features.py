import math
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fraud_stream.domain.features import FeatureMaker, FeatureSettings, feature_list, span_name
from fraud_stream.domain.memory import new_state
from fraud_stream.domain.observation import Observer
from fraud_stream.domain.outcomes import History
from fraud_stream.domain.profile import ENOUGH_HISTORY
from fraud_stream.domain.rules import CompiledRule, Rule
from fraud_stream.domain.sliding import DAY, HOUR
from fraud_stream.domain.transaction import Transaction

#: Wednesday 31 January 2024, 12:00:00 in UTC.
NOON = 1_706_702_400.0


def tx(time: float = 0.0, amount: float = 10.0, **fields: Any) -> Transaction:
    """A payment `time` seconds after noon."""
    return Transaction(fields.pop("ident", f"T{time}-{amount}"), "C1", NOON + time, amount, **fields)


def rows(*txs: Transaction, **changes: Any) -> list[dict[str, float]]:
    """The features of each payment, by name."""
    maker = FeatureMaker(FeatureSettings(**changes))
    chosen = maker.settings
    state, observer = new_state(chosen.tumbling_size, chosen.hopping_size, 60.0), Observer(maker)
    observed = [observer.observe(one, offset, state) for offset, one in enumerate(txs)]
    facts = [one.facts for one in observed if one is not None]
    found = maker.rows(facts).tolist() if facts else []
    return [dict(zip(maker.names, row, strict=True)) for row in found]


def last(*txs: Transaction, **changes: Any) -> dict[str, float]:
    return rows(*txs, **changes)[-1]


def habit(*amounts: float, step: float = DAY, **fields: Any) -> list[Transaction]:
    """Payments of a customer with a history, `step` apart, the last one `step` before noon."""
    return [tx((n - len(amounts)) * step, amount, **fields) for n, amount in enumerate(amounts)]


def test_the_payment_itself() -> None:
    found = last(tx(amount=99.0))
    assert (found["amount"], found["amount_log"]) == (99.0, math.log(100.0))


@pytest.mark.parametrize(("offset", "hour"), [(0.0, 12.5), (2.0, 14.5), (-3.5, 9.0), (14.0, 2.5)])
def test_the_hour_is_local_with_its_fraction(offset: float, hour: float) -> None:
    assert last(tx(1_800.0), utc_offset=offset)["hour"] == hour


@pytest.mark.parametrize(
    ("time", "settings_of", "night"),
    [
        (12 * HOUR, {}, 1.0),
        (18 * HOUR - 1, {}, 1.0),
        (18 * HOUR, {}, 0.0),
        (12 * HOUR - 1, {}, 0.0),
        (18 * HOUR, {"night_end": 6.5}, 1.0),
        (0.0, {"utc_offset": 13.0}, 1.0),
        (0.0, {"night_end": 0.0}, 0.0),
    ],
)
def test_the_night_lasts_from_midnight_to_its_end(time: float, settings_of: dict[str, float], night: float) -> None:
    assert last(tx(time), **settings_of)["is_night"] == night


@pytest.mark.parametrize(
    ("day", "weekend"), [(0, 0.0), (2, 0.0), (3, 1.0), (4, 1.0), (5, 0.0)], ids=["Wed", "Fri", "Sat", "Sun", "Mon"]
)
def test_saturday_and_sunday_are_the_weekend(day: int, weekend: float) -> None:
    assert last(tx(day * DAY))["is_weekend"] == weekend


def test_the_weekend_is_local() -> None:
    friday_23h = tx(2 * DAY + 11 * HOUR)
    assert last(friday_23h)["is_weekend"] == 0.0
    assert last(friday_23h, utc_offset=1.0)["is_weekend"] == 1.0


@pytest.mark.parametrize(
    ("method", "risky"), [("Cryptocurrency", 1.0), ("Gift Card", 1.0), ("Credit Card", 0.0), (None, 0.0)]
)
def test_risky_payment_methods(method: str | None, risky: float) -> None:
    assert last(tx(payment_method=method))["is_risky_payment_method"] == risky


def test_risky_payment_methods_are_a_setting() -> None:
    assert last(tx(payment_method="Cash"), risky_payment_methods=frozenset({"Cash"}))["is_risky_payment_method"] == 1.0


def test_the_history_is_what_came_before() -> None:
    assert [row["history_count"] for row in rows(*habit(1, 1, 1), tx())] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["amount_zscore", "amount_zscore_30d"])
def test_an_amount_is_compared_with_the_amounts_before_it(name: str) -> None:
    found = last(*habit(10, 20, 30, 40, 50), tx(amount=100.0))
    assert found[name] == pytest.approx((100 - 30) / math.sqrt(200))


@pytest.mark.parametrize("name", ["amount_zscore", "amount_zscore_30d"])
def test_a_short_history_is_no_habit(name: str) -> None:
    assert last(*habit(*range(10, 10 + ENOUGH_HISTORY - 1)), tx(amount=500.0))[name] == 0.0
    assert last(*habit(*range(10, 10 + ENOUGH_HISTORY)), tx(amount=500.0))[name] > 0.0


@pytest.mark.parametrize("name", ["amount_zscore", "amount_zscore_30d"])
def test_who_always_pays_the_same_is_given_a_tenth_of_it_as_deviation(name: str) -> None:
    assert last(*habit(*[100.0] * 6), tx(amount=150.0))[name] == pytest.approx(5.0)
    assert last(*habit(*[0.0] * 6), tx(amount=0.5))[name] == pytest.approx(50.0)


@pytest.mark.parametrize("name", ["amount_zscore", "amount_zscore_30d"])
def test_zscores_are_cut_at_100(name: str) -> None:
    assert last(*habit(*[1.0] * 6), tx(amount=1_000_000.0))[name] == 100.0
    deep = [*habit(*[1_000_000.0] * 6), tx(amount=0.0)]
    assert last(*deep)[name] == pytest.approx(-10.0)


def test_the_last_30_days_forget_and_the_whole_history_does_not() -> None:
    old = [tx(-40 * DAY - n, 1_000.0) for n in range(6)]
    found = last(*sorted(old, key=lambda one: one.timestamp), *habit(*[10.0] * 5), tx(amount=20.0))
    assert found["amount_zscore_30d"] == pytest.approx(10.0)
    assert found["amount_zscore"] < 0
    assert found["amount_ratio_30d"] == pytest.approx(2.0)


def test_the_ratio_is_one_where_there_is_nothing_to_compare_with() -> None:
    assert last(tx(amount=70.0))["amount_ratio_30d"] == 1.0
    assert last(tx(-31 * DAY, 5.0), tx(amount=70.0))["amount_ratio_30d"] == 1.0
    assert last(tx(-1, 0.0), tx(amount=70.0))["amount_ratio_30d"] == 1.0


def test_the_time_since_the_last_payment() -> None:
    assert last(tx())["seconds_since_last_log"] == math.log1p(30 * DAY)
    assert last(tx(-60.0), tx())["seconds_since_last_log"] == pytest.approx(math.log(61.0))
    assert last(tx(60.0), tx())["seconds_since_last_log"] == 0.0


@pytest.mark.parametrize(("field", "name"), [("device_id", "is_new_device"), ("location", "is_new_location")])
def test_what_a_customer_with_a_history_never_used_is_new(field: str, name: str) -> None:
    known = habit(*[10.0] * ENOUGH_HISTORY, **{field: "A"})
    assert last(*known, tx(**{field: "A"}))[name] == 0.0
    assert last(*known, tx(**{field: "B"}))[name] == 1.0
    assert last(*known, tx())[name] == 0.0
    assert last(*known[1:], tx(**{field: "B"}))[name] == 0.0
    assert [row[name] for row in rows(*known, tx(**{field: "B"}), tx(1.0, **{field: "B"}))][-2:] == [1.0, 0.0]


def test_a_device_without_an_id_is_known_by_its_kind() -> None:
    known = habit(*[10.0] * ENOUGH_HISTORY, device_type="mobile")
    assert last(*known, tx(device_type="mobile"))["is_new_device"] == 0.0
    assert last(*known, tx(device_type="mobile", device_id="D1"))["is_new_device"] == 1.0


@pytest.mark.parametrize(("field", "name"), [("location", "sliding_locations_1h"), ("device_id", "sliding_devices_1h")])
def test_different_values_of_the_last_hour(field: str, name: str) -> None:
    before = [
        tx(-HOUR, **{field: "A"}),
        tx(-HOUR + 1, **{field: "B"}),
        tx(-2.0, **{field: "C"}),
        tx(-1.0, **{field: "C"}),
    ]
    assert last(*before, tx(**{field: "D"}))[name] == 3
    assert last(tx())[name] == 0


@pytest.mark.parametrize(("name", "span"), [("1h", HOUR), ("24h", DAY), ("7d", 7 * DAY), ("30d", 30 * DAY)])
def test_sliding_windows_have_the_payment_in_them(name: str, span: float) -> None:
    found = last(tx(-span, 1.0), tx(-span + 1, 2.0), tx(0.0, 4.0))
    assert (found[f"sliding_count_{name}"], found[f"sliding_sum_{name}"]) == (2, 6.0)


def test_a_late_payment_sees_the_windows_that_end_with_it() -> None:
    found = last(tx(-60.0, 1.0), tx(60.0, 2.0), tx(0.0, 4.0))
    assert (found["sliding_count_1h"], found["sliding_sum_1h"]) == (2, 5.0)


def test_the_tumbling_window_is_the_full_hour() -> None:
    places = {"location": "Oslo", "device_id": "D1", "merchant_id": "M1"}
    other = {"location": "Rome", "device_id": "D2", "merchant_id": "M2"}
    found = last(
        tx(-1.0, 1.0, location="Lima"), tx(0.0, 2.0, **places), tx(1.0, 3.0, **places), tx(3_599.0, 4.0, **other)
    )
    names = ("count", "sum", "locations", "devices", "merchants")
    assert [found[f"tumbling_{name}_1h"] for name in names] == [3, 9.0, 2, 2, 2]


def test_the_hopping_window_is_the_earliest_that_contains_the_payment() -> None:
    places = {"location": "Oslo", "device_id": "D1", "merchant_id": "M1"}
    before = [tx(-1.0, 1.0, location="Lima"), tx(0.0, 2.0, **places), tx(59.0, 3.0), tx(61.0, 5.0, merchant_id="M2")]
    found = last(*before, tx(299.0, 7.0, location="Rome"))
    names = ("count", "sum", "locations", "devices", "merchants")
    assert [found[f"hopping_{name}_5m"] for name in names] == [4, 17.0, 2, 1, 2]
    assert last(*before, tx(300.0, 7.0))["hopping_count_5m"] == 2


PLACES = st.none() | st.sampled_from(["Oslo", "Rome"])


@given(
    st.lists(st.tuples(st.integers(-3_000_000, 3_000_000), st.integers(0, 100_000_000), PLACES, PLACES), max_size=12),
    st.sampled_from([{}, {"hopping_size": 600.0, "tumbling_size": 60.0, "utc_offset": -12.0, "night_end": 24.0}]),
)
@settings(max_examples=100, deadline=None)
def test_every_row_has_a_finite_number_for_every_name(
    payments: list[tuple[int, int, str | None, str | None]], changes: dict[str, float]
) -> None:
    txs = [
        tx(float(time), cents / 100, ident=f"T{n}", location=place, device_id=device)
        for n, (time, cents, place, device) in enumerate(payments)
    ]
    found = rows(*txs, **changes)
    assert len(found) == len(txs)
    assert all(math.isfinite(value) for row in found for value in row.values())


def test_names_follow_the_sizes_of_the_windows() -> None:
    names = FeatureMaker(FeatureSettings(tumbling_size=1_800.0, hopping_size=90.0)).names
    assert {"tumbling_count_30m", "tumbling_merchants_30m", "hopping_sum_90s"} <= set(names)
    assert not any("_5m" in name or (name.startswith("tumbling") and name.endswith("_1h")) for name in names)


def test_every_feature_says_its_unit_and_its_meaning_and_has_a_name_of_its_own() -> None:
    features = feature_list(FeatureSettings())
    assert len({feature.name for feature in features}) == len(features)
    assert all(feature.unit and feature.meaning for feature in features)
    assert [feature.name for feature in features] == list(FeatureMaker().names)


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(1, "1s"), (45, "45s"), (90, "90s"), (60, "1m"), (5_400, "90m"), (7_200, "2h"), (90_000, "25h"), (172_800, "2d")],
)
def test_a_length_of_time_is_named_in_its_largest_whole_unit(seconds: float, name: str) -> None:
    assert span_name(seconds) == name


@given(st.integers(1, 31 * 86_400), st.integers(1, 31 * 86_400))
@example(1_234_567, 1_234_568)
@settings(max_examples=200, deadline=None)
def test_different_lengths_have_different_names(one: int, other: int) -> None:
    assert (span_name(one) == span_name(other)) == (one == other)


@given(st.integers(1, 31 * 86_400))
@settings(max_examples=200, deadline=None)
def test_a_rule_may_name_a_feature_of_any_window(seconds: int) -> None:
    name = f"hopping_count_{span_name(seconds)}"
    assert re.fullmatch(r"\w+", name)
    assert CompiledRule(Rule("r", f"{name} > 1"), [name]).comparisons[0].name == name


def test_what_labels_have_told_by_name() -> None:
    """Each feature of a customer and a merchant whose histories are known to the day."""
    maker, observer = FeatureMaker(), Observer(FeatureMaker())
    state = new_state(HOUR, 300.0, 60.0)
    customer, merchant = History(), History()
    for days, is_fraud in ((3.0, True), (20.0, True)):
        customer.outcomes.add(NOON - days * DAY, is_fraud)
    for days, is_fraud in ((40, True), (25, False), (6, True), (5, False), (4, False), (0.5, False)):
        merchant.outcomes.add(NOON - days * DAY, is_fraud)
    state.customers["C1"], state.merchants["M1"] = customer, merchant  # type: ignore[index]
    observed = observer.observe(tx(0.0, merchant_id="M1"), 0, state)
    assert observed is not None
    found = dict(zip(maker.names, maker.rows([observed.facts])[0].tolist(), strict=True))
    expected = {
        "customer_days_since_fraud": 3.0,
        "customer_days_since_first_fraud": 20.0,
        "customer_frauds_24h": 0.0,
        "customer_frauds_7d": 1.0,
        "customer_frauds_30d": 2.0,
        "merchant_days_since_fraud": 6.0,
        "merchant_days_since_first_fraud": 40.0,
        "merchant_frauds_24h": 0.0,
        "merchant_frauds_7d": 1.0,
        "merchant_frauds_30d": 1.0,
        "merchant_labels_24h": 1.0,
        "merchant_labels_7d": 4.0,
        "merchant_labels_30d": 5.0,
        "merchant_risk_24h": 0.0,
        "merchant_risk_7d": 0.25,
        "merchant_risk_30d": 0.2,
        "merchant_genuine_since_fraud": 3.0,
        "merchant_risk_smoothed": 1.01 / 6,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert [name for name in maker.names if name.startswith(("customer_", "merchant_"))] == list(expected)


def test_habits_by_name() -> None:
    found = last(*habit(10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 100.0, 10.0), tx(amount=30.0))
    mean = (7 * 10 + 30) / 8  # the outlier is cut at three times the mean before it
    assert found["amount_ratio_winsorised"] == pytest.approx(30.0 / mean)
    assert [found[f"outliers_{span}"] for span in ("24h", "7d", "30d")] == [0.0, 1.0, 1.0]
    assert [found[f"sliding_mean_{span}"] for span in ("1h", "7d")] == pytest.approx([30.0, (5 * 10 + 100 + 30) / 7])


def test_payments_of_nothing_do_not_make_everything_an_outlier() -> None:
    found = last(*habit(*[0.0] * 5, *[50.0] * 60), tx(amount=50.0))
    assert 1.0 < found["amount_ratio_winsorised"] < 1.3
    assert found["outliers_30d"] == 0.0


def test_a_row_is_the_same_alone_and_among_others() -> None:
    """What is asked by ``POST /predict`` is one of few, and in the stream one of many."""
    maker = FeatureMaker()
    state, observer = new_state(HOUR, 300.0, 60.0), Observer(maker)
    paid = [*habit(*(10.0 * n for n in range(1, 40)), location="A", device_id="D"), tx(1.0, 5_000.0, location="B")]
    taken = [observer.observe(one, offset, state) for offset, one in enumerate(paid)]
    facts = [one.facts for one in taken if one is not None]
    together = maker.rows(facts)
    assert together.shape == (40, len(maker.names))
    assert together.flags.c_contiguous
    assert [maker.rows([one]).tobytes() for one in facts] == [row.tobytes() for row in together]
