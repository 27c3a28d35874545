import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.packed import Doubles, Longs, pack, unpack
from fraud_stream.domain.profile import MAX_KNOWN, Moments, Profile, seen_within_hour
from fraud_stream.domain.sliding import HOUR
from fraud_stream.domain.transaction import Transaction

encode = msgspec.msgpack.Encoder(enc_hook=pack).encode
decode = msgspec.msgpack.Decoder(Profile, dec_hook=unpack).decode


def tx(ident: str, time: float = 0.0, amount: float = 10.0, **fields: str) -> Transaction:
    return Transaction(ident, "C1", time, amount, **fields)


def add(profile: Profile, one: Transaction, offset: int, most: int = 1_000) -> bool:
    is_new = profile.note(one, offset, most)
    if is_new:
        profile.apply(one, most)
    return is_new


def of(*txs: Transaction) -> Profile:
    profile = Profile()
    for offset, one in enumerate(txs):
        add(profile, one, offset)
    return profile


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=50))
@settings(max_examples=100, deadline=None)
def test_moments_are_those_of_numpy(cents: list[int]) -> None:
    moments, amounts = Moments(), [cent / 100 for cent in cents]
    for amount in amounts:
        moments.add(amount)
    assert moments.count == len(amounts)
    assert moments.mean == pytest.approx(np.mean(amounts))
    assert moments.deviation == pytest.approx(np.std(amounts), abs=max(amounts) * 1e-6 + 1e-9)


def test_a_duplicate_changes_nothing_but_the_offset() -> None:
    profile = of(tx("T1", 60.0, location="Oslo"), tx("T2", 70.0))
    before = encode(msgspec.structs.replace(profile, offset=9))
    assert not add(profile, tx("T1", 80.0, 999.0, location="Rome", device_id="D9"), offset=9)
    assert encode(profile) == before


def test_a_transaction_is_in_everything() -> None:
    profile = of(tx("T1", 60.0, 12.5, location="Oslo", device_id="D1"))
    assert (profile.offset, profile.moments.total, profile.last_time) == (0, 12.5, 60.0)
    assert (profile.locations, profile.devices) == ({"Oslo": 60.0}, {"D1": 60.0})
    assert profile.sums.windows(60.0)[0] == (1, 12.5)
    assert (profile.ids.repeats("T1", 0), profile.ids.repeats("T1", 1)) == (False, True)


def test_a_late_transaction_takes_nothing_back_in_time() -> None:
    profile = of(tx("T1", 100.0, location="Oslo"), tx("T2", 50.0, location="Oslo"))
    assert (profile.last_time, profile.locations) == (100.0, {"Oslo": 100.0})


def test_a_device_is_its_id_or_else_its_kind() -> None:
    assert of(tx("T1", device_id="D1", device_type="mobile"), tx("T2", device_type="web")).devices.keys() == {
        "D1",
        "web",
    }


def test_what_is_missing_is_no_place_and_no_device() -> None:
    profile = of(tx("T1"))
    assert (profile.locations, profile.devices) == ({}, {})


def test_the_place_unseen_for_the_longest_time_is_forgotten_first() -> None:
    txs = [tx(f"T{n}", float(n), location=f"L{n}") for n in range(MAX_KNOWN)]
    profile = of(*txs, tx("again", 200.0, location="L0"), tx("new", 201.0, location="new"))
    assert len(profile.locations) == MAX_KNOWN
    assert "L0" in profile.locations
    assert "new" in profile.locations
    assert "L1" not in profile.locations


@pytest.mark.parametrize(
    ("known", "seen"),
    [
        ({}, 0),
        ({"Oslo": 100.0}, 1),
        ({"Oslo": 100.0 - HOUR}, 0),
        ({"Oslo": 100.0 - HOUR + 0.001}, 1),
        ({"Oslo": 100.0, "Rome": 100.0 - HOUR, "Lima": 99.0}, 2),
    ],
)
def test_places_of_the_last_hour(known: dict[str, float], seen: int) -> None:
    assert seen_within_hour(known, 100.0) == seen


def test_new_profiles_share_nothing() -> None:
    of(tx("T1", location="Oslo"))
    assert Profile().locations == {}
    assert Profile().moments.count == 0


def test_the_most_events_bound_both_the_sums_and_the_ids() -> None:
    profile = Profile()
    for n in range(300):
        add(profile, tx(f"T{n}", n * 20.0), n, most=100)
    assert len(profile.sums.times) <= 100
    assert len(profile.ids.times) == 100
    assert profile.moments.count == 300


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 10_000)), max_size=30), st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_a_profile_that_was_stored_and_read_goes_on_as_if_it_had_not_been(
    steps: list[tuple[int, int]], cut: int
) -> None:
    time, one, other = 0.0, Profile(), Profile()
    for offset, (step, cents) in enumerate(steps):
        if offset == cut:
            other = decode(encode(other))
        time += step
        for profile in (one, other):
            add(profile, tx(f"T{offset % 20}", time, cents / 100, location=f"L{step % 5}"), offset, 25)
            profile.sums.windows(time)
    assert encode(one) == encode(other)


def test_arrays_are_stored_as_their_bytes() -> None:
    assert unpack(Doubles, pack(Doubles.of([1.5, -2.5]))).tolist() == [1.5, -2.5]
    assert unpack(Longs, pack(Longs.of([2**62, -1]))).tolist() == [2**62, -1]
    with pytest.raises(TypeError, match="cannot store a set"):
        pack({1})
