"""What an earlier version has stored is read by this one, or refused.

The bytes below were written by the code of 2026-11-23, and, where their name says so, by that of the day before.  Who
changes what is stored changes no bytes here: either they are still read, or workers that are upgraded stop, and
docs/operations.md has to say so.
"""

from typing import Any

import pytest

from fraud_stream.domain.outcomes import History
from fraud_stream.domain.pending import SCORED, Pending
from fraud_stream.domain.profile import Habit, Profile
from fraud_stream.domain.windows import WindowStats
from fraud_stream.engine.legible import load_value
from fraud_stream.errors import StateError
from tables.codecs import StructCodec
from tables.pending import PendingCodec

PROFILE = (
    "000000000000000499039303cb404e000000000000cb4095e0000000000098c4180000002f8064d9410000003e8064d9"
    "410000004d8064d941c4188096980000000000002d31010000000080c3c90100000000c400c400940000000094030303"
    "0394ce03938700ce03938700ce03938700ce03938700cb4095e00000000000cb41d964804d00000081a44f736c6fcb41"
    "d964804d00000083a3442d31cb41d964802f000000a3442d32cb41d964803e000000a3442d33cb41d964804d00000093"
    "c4180000002f8064d9410000003e8064d9410000004d8064d941c4180100000000000000020000000000000003000000"
    "00000000c418ef7e1e20fbb644bbd8aa861fbe8a76cb2119aa41729169449303cb404e000000000000c400c0"
)
WINDOWS = (
    "00000000000000049c0303cb404e000000000000cb4095e00000000000cb4024000000000000cb403e000000000000cb"
    "41d964802f000000cb41d964804d00000091a44f736c6f93a3442d31a3442d32a3442d3392a34d2d31a34d2d3091a542"
    "6f6f6b73"
)
PENDING = (
    "000000000000000141d9648020000000dc001101cb41d9648020000000ad435553542d3030303030303031cb40240000"
    "00000000cb3fd0000000000000cb3fe0000000000000a6726576696577a86f6e6c696e652d31c418000000000000f03f"
    "00000000000000400000000000000840c2cb0000000000000000a0c0a34d2d3107cb3fd0000000000000c0"
)
FRAUDS = (
    "0000000000000000940081aa706172746974696f6e738093c408000000208064d941c4080100000000000000c4080100000000000000ff"
)
#: Before customers had habits and groups of alerts.
PROFILE_OF_THE_DAY_BEFORE = (
    "000000000000000497039303cb404e000000000000cb4095e0000000000098c4180000002f8064d9410000003e8064d9"
    "410000004d8064d941c4188096980000000000002d31010000000080c3c90100000000c400c400940000000094030303"
    "0394ce03938700ce03938700ce03938700ce03938700cb4095e00000000000cb41d964804d00000081a44f736c6fcb41"
    "d964804d00000083a3442d31cb41d964802f000000a3442d32cb41d964803e000000a3442d33cb41d964804d00000093"
    "c4180000002f8064d9410000003e8064d9410000004d8064d941c4180100000000000000020000000000000003000000"
    "00000000c418ef7e1e20fbb644bbd8aa861fbe8a76cb2119aa4172916944"
)
#: When features were a list of numbers.
PENDING_OF_THE_DAY_BEFORE = (
    "000000000000000141d96480200000009d01cb41d9648020000000ad435553542d3030303030303031cb402400000000"
    "0000cb3fd0000000000000cb3fe0000000000000a6726576696577a86f6e6c696e652d3193cb3ff0000000000000cb40"
    "00000000000000cb4008000000000000c2cb0000000000000000a0c0"
)
profiles, windows, frauds, pending = (
    StructCodec(Profile),
    StructCodec(WindowStats),
    StructCodec(History),
    PendingCodec(),
)


@pytest.mark.parametrize(
    ("codec", "stored"),
    [(profiles, PROFILE), (windows, WINDOWS), (frauds, FRAUDS), (pending, PENDING)],
    ids=["customer_profile", "windows", "customer_frauds", "pending"],
)
def test_what_was_stored_is_read_and_written_as_it_was(codec: Any, stored: str) -> None:
    data = bytes.fromhex(stored)
    assert codec.dump(codec.load(data)) == data


def test_it_means_what_it_meant() -> None:
    profile = profiles.load(bytes.fromhex(PROFILE))
    assert (profile.offset, profile.moments.count, profile.moments.total, list(profile.devices)) == (
        3,
        3,
        60.0,
        ["D-1", "D-2", "D-3"],
    )
    stats = windows.load(bytes.fromhex(WINDOWS))
    assert (stats.offset, stats.count, stats.total, stats.low, stats.high) == (3, 3, 60.0, 10.0, 30.0)
    waiting = pending.load(bytes.fromhex(PENDING))
    assert (waiting.stage, waiting.row, waiting.merchant_id, waiting.online_score) == (SCORED, [1, 2, 3], "M-1", 0.25)
    assert frauds.load(bytes.fromhex(FRAUDS)).at(1_704_067_260.0)[3:6] == (1, 1, 1)


def test_fields_that_an_earlier_version_did_not_have_are_as_of_a_new_customer() -> None:
    profile = profiles.load(bytes.fromhex(PROFILE_OF_THE_DAY_BEFORE))
    assert (profile.moments.count, profile.habit, profile.alerts) == (3, Habit(), None)


def test_a_field_of_another_type_is_refused() -> None:
    data = bytes.fromhex(PENDING_OF_THE_DAY_BEFORE)
    with pytest.raises(StateError, match=r"table pending has a value of 'TXN-1' .*Expected `bytes`, got `array`"):
        load_value(pending, "pending", "TXN-1", data)


def test_fields_that_a_later_version_has_are_passed_over() -> None:
    """So a version may be gone back to, at the price of what only the later one knew."""
    later = pending.dump(pending.load(bytes.fromhex(PENDING)))
    assert later[16:19] == b"\xdc\x00\x11", "an array of 17"
    read = pending.load(later[:18] + b"\x12" + later[19:] + b"\xa3new")
    assert isinstance(read, Pending)
    assert pending.dump(read) == later
