from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.memory import DictProfiles, DictWindows
from fraud_stream.domain.observation import CustomerState, Observed, Observer
from fraud_stream.domain.packed import pack
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import WindowStats

HOUR = 3_600.0
START = 1_700_000_000.0
maker = FeatureMaker()
encode = msgspec.msgpack.Encoder(enc_hook=pack).encode


class LateWindows(DictWindows):
    """Windows that expired before a given time."""

    expired_before = START

    def change(self, key: Any, time: float) -> WindowStats | None:
        return None if time < self.expired_before else super().change(key, time)


def new_state(kind: type[DictWindows] = DictWindows) -> CustomerState:
    return CustomerState(DictProfiles(), kind(HOUR, HOUR), DictWindows(300.0, 60.0), {}, {})


def tx(ident: str, time: float = 0.0, amount: float = 10.0, customer: str = "C1", **fields: Any) -> Transaction:
    return Transaction(ident, customer, START + time, amount, **fields)


def observe_all(
    txs: list[Transaction], state: CustomerState, observer: Observer | None = None
) -> list[Observed | None]:
    seer = observer or Observer(maker)
    return [seer.observe(one, offset, state) for offset, one in enumerate(txs)]


def value(observed: Observed | None, name: str) -> float:
    assert observed is not None
    return float(maker.rows([observed.facts])[0, maker.names.index(name)])


def windows_of(state: CustomerState) -> list[dict[Any, bytes]]:
    tables = (state.tumbling, state.hopping)
    assert all(isinstance(table, DictWindows) for table in tables)
    return [{key: encode(pane) for key, pane in table.panes.items()} for table in tables]  # type: ignore[attr-defined]


def test_a_transaction_is_taken_into_the_profile_and_both_windows() -> None:
    state = new_state()
    (observed,) = observe_all([tx("T1", amount=7.0)], state)
    assert [value(observed, name) for name in ("sliding_sum_1h", "tumbling_sum_1h", "hopping_sum_5m")] == [7.0] * 3
    profile = state.profiles.get("C1")
    assert profile is not None
    assert profile.offset == 0


def test_customers_do_not_share_state() -> None:
    found = observe_all([tx("T1", customer="A"), tx("T2", customer="B")], new_state())
    assert [value(one, "hopping_count_5m") for one in found] == [1, 1]
    assert value(found[1], "history_count") == 0


def test_a_duplicate_is_not_decided_and_counted() -> None:
    state, observer = new_state(), Observer(maker)
    observe_all([tx("T1"), tx("T2", 10.0)], state, observer)
    before = windows_of(state)
    assert observer.observe(tx("T1", 20.0, 500.0), 2, state) is None
    assert windows_of(state) == before
    assert observer.counts == Counter(duplicate=1)


def test_a_duplicate_that_comes_with_a_later_time_leaves_the_next_transactions_features_alone() -> None:
    plain = observe_all([tx("T1"), tx("T2", 1_800.0)], new_state())[-1]
    found = observe_all([tx("T1"), tx("T1", 7_200.0), tx("T2", 1_800.0)], new_state())[-1]
    assert found == plain


def test_a_transaction_too_late_for_a_window_is_decided_marked_and_counted() -> None:
    state, observer = new_state(LateWindows), Observer(maker)
    on_time, late = observe_all([tx("T1"), tx("T2", -60.0)], state, observer)
    assert (on_time is not None and on_time.is_late, late is not None and late.is_late) == (False, True)
    assert value(late, "sliding_count_1h") == 1
    assert observer.counts == Counter(late=1)


def test_a_late_transaction_is_still_added_to_the_window_that_has_not_expired() -> None:
    (late,) = observe_all([tx("T1", -60.0)], new_state(LateWindows))
    assert (value(late, "tumbling_count_1h"), value(late, "hopping_count_5m")) == (0, 1)
    mirrored = CustomerState(DictProfiles(), DictWindows(HOUR, HOUR), LateWindows(300.0, 60.0), {}, {})
    (other,) = observe_all([tx("T1", -60.0)], mirrored)
    assert (value(other, "tumbling_count_1h"), value(other, "hopping_count_5m")) == (1, 0)
    assert late is not None
    assert other is not None
    assert late.is_late
    assert other.is_late


def test_a_replay_is_not_decided_again_and_counted() -> None:
    state, observer = new_state(), Observer(maker)
    txs = [tx("T1"), tx("T2", 10.0)]
    observe_all(txs, state, observer)
    profile, windows = encode(state.profiles.get("C1")), windows_of(state)
    assert observe_all(txs, state, observer) == [None, None]
    assert observer.counts == Counter(replayed=2)
    assert encode(state.profiles.get("C1")) == profile
    assert windows_of(state) == windows


def test_a_replay_catches_lost_windows_up_and_duplicates_stay_out_of_them() -> None:
    txs = [tx("T1"), tx("T2", 10.0, 20.0), tx("T1", 30.0, 999.0), tx("T3", 400.0, 5.0)]
    whole = new_state()
    observe_all(txs, whole)
    lost = CustomerState(whole.profiles, *new_state()[1:])
    assert observe_all(txs, lost) == [None] * 4
    assert windows_of(lost) == windows_of(whole)


def test_windows_are_caught_up_with_transactions_whose_id_is_forgotten() -> None:
    """More payments of one customer in one commit than ids are kept, and a day between them."""
    txs = [*(tx(f"T{n}", n * 0.01) for n in range(1_500)), tx("next-day", 90_000.0), tx("day-after", 180_000.0)]
    whole = new_state()
    observe_all(txs, whole)
    lost = CustomerState(whole.profiles, *new_state()[1:])
    observe_all(txs, lost)
    assert windows_of(lost) == windows_of(whole)


def test_after_a_replay_the_next_transaction_is_decided_as_if_nothing_had_been_lost() -> None:
    txs = [tx(f"T{n}", n * 50.0) for n in range(10)]
    expected = observe_all([*txs, tx("new", 500.0)], new_state())[-1]
    before = new_state()
    observe_all(txs, before)
    lost = CustomerState(before.profiles, *new_state()[1:])
    assert observe_all([*txs, tx("new", 500.0)], lost)[-1] == expected


STEPS = st.tuples(
    st.sampled_from([0.0, 1.0, 59.0, 61.0, 400.0, 4_000.0]), st.integers(0, 8), st.sampled_from(["A", "B"])
)


@given(st.lists(STEPS, max_size=20), st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_a_crash_anywhere_changes_no_decision_and_no_state(
    steps: list[tuple[float, int, str]], one: int, other: int
) -> None:
    """The profiles of some prefix were saved, the windows of a shorter one; then all is read again."""
    time, txs = 0.0, []
    for step, number, customer in steps:
        time += step
        txs.append(tx(f"T{number}-{customer}", time, float(number), customer, location=f"L{number}"))
    profiles_to, windows_to = max(one, other), min(one, other)
    clean, saved, windows = new_state(), new_state(), new_state()
    expected = observe_all(txs, clean)
    observe_all(txs[:profiles_to], saved)
    observe_all(txs[:windows_to], windows)
    state = CustomerState(saved.profiles, windows.tumbling, windows.hopping, {}, {})
    again = observe_all(txs, state)
    assert again[:profiles_to] == [None] * len(txs[:profiles_to])
    assert again[profiles_to:] == expected[profiles_to:]
    assert windows_of(state) == windows_of(clean)
    for customer in "AB":
        assert encode(state.profiles.get(customer)) == encode(clean.profiles.get(customer))


def test_at_most_so_many_transactions_of_a_customer_are_kept_one_by_one() -> None:
    state = new_state()
    observer = Observer(maker, max_events=100)
    observe_all([tx(f"T{n}", n * 20.0) for n in range(300)], state, observer)
    profile = state.profiles.get("C1")
    assert isinstance(profile, Profile)
    assert len(profile.ids.times) == 100
    assert observer.counts["folded"] == 300 - len(profile.sums.times)


@pytest.mark.parametrize("name", ["hopping_count_5m", "tumbling_count_1h", "sliding_count_1h"])
def test_the_windows_of_a_row_have_the_transaction_in_them(name: str) -> None:
    found = observe_all([tx(f"T{n}", n * 10.0) for n in range(3)], new_state())
    assert [value(one, name) for one in found] == [1, 2, 3]
