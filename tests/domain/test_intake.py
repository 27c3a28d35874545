import json
import math
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fraud_stream.domain.intake import LONGEST_ID, LONGEST_TEXT, REASONS, YEAR_2000, Intake, Limits, Refused, event_time
from fraud_stream.domain.transaction import OPTIONAL, REQUIRED, Transaction

#: The later of the broker's time and the stream's.
NOW = 1_800_000_000.0
NOON = 1_706_702_400.0


def body(**changes: Any) -> dict[str, Any]:
    """A complete record with `changes`; a change to `...` leaves the field out."""
    record = {
        "transaction_id": "T1",
        "customer_id": "C1",
        "timestamp": NOON,
        "amount": 9.5,
        "merchant_id": "M1",
        "product_category": "Books",
        "payment_method": "Credit Card",
        "device_type": "mobile",
        "device_id": "D1",
        "location": "Oslo",
    }
    return {name: value for name, value in {**record, **changes}.items() if value is not ...}


def encoded(**changes: Any) -> bytes:
    return json.dumps(body(**changes)).encode()


def read(value: bytes | None, intake: Intake | None = None) -> Transaction:
    return (intake or Intake()).read(value, now=NOW)


def refusal(value: bytes | None, intake: Intake | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        read(value, intake)
    return caught.value


def check(value: bytes | None, intake: Intake) -> None:
    """A record is read as a transaction that can be relied on, or refused for a known reason; nothing else happens."""
    found = outcome(value, intake)
    if isinstance(found, Refused):
        assert found.reason in REASONS
        assert isinstance(found.detail, str)
    else:
        check_fields(found)


def outcome(value: bytes | None, intake: Intake) -> Transaction | Refused:
    try:
        return read(value, intake)
    except Refused as refused:
        return refused


def check_fields(tx: Transaction) -> None:
    texts = [tx.transaction_id, tx.customer_id, *(getattr(tx, field) for field in OPTIONAL)]
    assert all(text is None or (type(text) is str and 0 < len(text) <= LONGEST_TEXT) for text in texts)
    assert len(tx.transaction_id) <= LONGEST_ID
    assert len(tx.customer_id) <= LONGEST_ID
    assert type(tx.timestamp) is type(tx.amount) is float
    assert YEAR_2000 <= tx.timestamp <= NOW + 3_600
    assert 0 <= tx.amount <= 1_000_000
    msgspec.json.encode(tx)  # keys and outputs are made of it
    tx.customer_id.encode()


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=20) | st.sampled_from(
    ["", " ", '"', "\\", "\0", "C'1", "é", "😀", "x" * 300, "x" * 2_000, "nan", "inf", "-1", "1e5", "null", "[]"]
)
NUMBERS = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([0, -0.0, -1, NOON, NOON * 1_000, 1e18, 1e308, 946_684_799.9, 946_684_800, 10**30])
)
SCALARS = st.none() | st.booleans() | TEXTS | NUMBERS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
TIMES = st.sampled_from(
    [
        "2024-01-31",
        "2024-01-31 12:00:00",
        "2024-01-31T12:00:00.5+02:00",
        "2024-13-01",
        "1970-01-01",
        "9999-12-31",
        "soon",
    ]
)
FIELDS = st.sampled_from([*REQUIRED, *OPTIONAL, "user_id", "merchant", "device", "other"])


@given(st.binary(max_size=100))
@settings(max_examples=200, deadline=None)
def test_any_bytes(value: bytes) -> None:
    check(value, Intake())


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_any_json(value: Any) -> None:
    check(json.dumps(value).encode(), Intake())


@given(st.dictionaries(FIELDS, st.just(...) | TIMES | VALUES, max_size=4))
@example({"timestamp": "9999-12-31T23:59:59+23:59", "amount": "1e400"})
@settings(max_examples=500, deadline=None)
def test_any_fields(changes: dict[str, Any]) -> None:
    check(encoded(**changes), Intake())


@given(st.integers(0, len(encoded()) - 1), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
@example(20, 0xFF)
def test_a_record_with_one_byte_changed(place: int, byte: int) -> None:
    value = bytearray(encoded())
    value[place] = byte
    check(bytes(value), Intake())


@given(st.integers(0, len(encoded())))
@settings(max_examples=100, deadline=None)
def test_a_record_cut_off_anywhere(length: int) -> None:
    value = encoded()[:length]
    check(value, Intake())
    if length < len(encoded()):
        assert refusal(value).reason == "undecodable"


def test_a_complete_record() -> None:
    assert read(encoded()) == Transaction("T1", "C1", NOON, 9.5, "M1", "Books", "Credit Card", "mobile", "D1", "Oslo")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null"),
        (b"", "undecodable"),
        (b"{", "undecodable"),
        (b"\xff\xfe", "undecodable"),
        (b'{"x": ' + b"[" * 30_000, "undecodable"),
        (b"null", "wrong_type"),
        (b"[]", "wrong_type"),
        (b"{}", "missing_field"),
        (encoded(transaction_id=...), "missing_field"),
        (encoded(customer_id=None), "missing_field"),
        (encoded(amount=...), "missing_field"),
        (encoded(timestamp=None), "missing_field"),
        (encoded(transaction_id=True), "wrong_type"),
        (encoded(customer_id=["C1"]), "wrong_type"),
        (encoded(customer_id=7.5), "wrong_type"),
        (encoded(location={}), "wrong_type"),
        (encoded(amount="ten"), "wrong_type"),
        (encoded(amount=False), "wrong_type"),
        (encoded(timestamp=[]), "wrong_type"),
        (encoded(transaction_id=""), "bad_id"),
        (encoded(customer_id=""), "bad_id"),
        (encoded(customer_id="x" * 257), "bad_id"),
        (encoded(amount=-0.01), "bad_amount"),
        (encoded(amount=1_000_000.01), "bad_amount"),
        (encoded(amount="nan"), "bad_amount"),
        (encoded(amount="inf"), "bad_amount"),
        (encoded(timestamp="soon"), "bad_timestamp"),
        (encoded(timestamp="nan"), "bad_timestamp"),
        (encoded(timestamp="inf"), "bad_timestamp"),
        (encoded(timestamp=0), "bad_timestamp"),
        (encoded(timestamp=YEAR_2000 - 1), "bad_timestamp"),
        (encoded(timestamp="1999-12-31 23:59:59"), "bad_timestamp"),
        (encoded(timestamp="0001-01-01T00:00:00+23:59"), "bad_timestamp"),
        (encoded(timestamp=1e300), "bad_timestamp"),
        (encoded(timestamp=NOW + 3_601), "bad_timestamp"),
        (encoded(location="x" * 1_025), "oversize"),
        (b'{"transaction_id": "' + b"x" * 1_000_000 + b'"}', "oversize"),
    ],
)
def test_what_cannot_be_processed_is_refused_with_its_reason(value: bytes | None, reason: str) -> None:
    assert refusal(value).reason == reason


@pytest.mark.parametrize("field", ["transaction_id", "customer_id", "location"])
def test_text_that_is_not_utf8_is_refused(field: str) -> None:
    value = encoded(**{field: "HERE"}).replace(b"HERE", b"\xff")
    assert refusal(value).reason == "undecodable"


@pytest.mark.parametrize("field", ["transaction_id", "customer_id", "location"])
@pytest.mark.parametrize("digits", [400, 4_000, 5_000])
def test_a_number_of_any_length_is_refused_at_worst(field: str, digits: int) -> None:
    value = encoded(**{field: "HERE"}).replace(b'"HERE"', b"9" * digits)
    check(value, Intake())


def test_a_lone_surrogate_is_refused() -> None:
    assert refusal(encoded(customer_id="HERE").replace(b"HERE", b"\\ud800")).reason == "undecodable"


def test_the_refusal_of_a_missing_field_names_it_and_its_other_names() -> None:
    assert refusal(encoded(customer_id=..., amount=...)).detail == "customer_id or user_id, amount"


@pytest.mark.parametrize(
    ("field", "alias"), [("customer_id", "user_id"), ("merchant_id", "merchant"), ("device_type", "device")]
)
def test_an_alias_is_read_where_the_field_is_missing(field: str, alias: str) -> None:
    assert getattr(read(encoded(**{field: ..., alias: "other"})), field) == "other"
    assert getattr(read(encoded(**{field: None, alias: "other"})), field) == "other"
    assert getattr(read(encoded(**{alias: "other"})), field) == body()[field]


@pytest.mark.parametrize("field", [*REQUIRED, *OPTIONAL])
def test_a_renamed_field_is_read_under_its_new_name(field: str) -> None:
    intake = Intake({field: "TX_FIELD"})
    value = encoded(**{field: ..., "TX_FIELD": body()[field]})
    assert read(value, intake) == read(encoded())


@pytest.mark.parametrize("field", [*REQUIRED, *OPTIONAL])
def test_a_renamed_field_is_read_under_its_own_name_where_the_new_one_is_missing(field: str) -> None:
    assert read(encoded(), Intake({field: "TX_FIELD"})) == read(encoded())


def test_the_new_name_of_a_field_comes_before_its_own() -> None:
    assert read(encoded(TX_AMOUNT=7), Intake({"amount": "TX_AMOUNT"})).amount == 7.0


def test_a_name_that_is_another_fields_new_name_is_read_for_that_one_only() -> None:
    intake = Intake({"merchant_id": "location"})
    tx = read(encoded(merchant_id=..., location="shop"), intake)
    assert (tx.merchant_id, tx.location) == ("shop", None)


@pytest.mark.parametrize("value", [7, 7.0])
def test_a_whole_number_is_an_id(value: float) -> None:
    assert read(encoded(customer_id=value)).customer_id == "7"


@pytest.mark.parametrize("amount", [0, 0.01, "0", "9.50", 1_000_000])
def test_an_amount_is_a_number_or_a_number_as_text_from_zero_to_the_limit(amount: float | str) -> None:
    assert read(encoded(amount=amount)).amount == float(amount)


def test_limits_may_be_narrowed() -> None:
    intake = Intake(limits=Limits(max_bytes=1_000, max_amount=100.0, max_ahead=10.0))
    assert read(encoded(amount=100, timestamp=NOW + 10), intake).amount == 100.0
    assert refusal(encoded(amount=100.5), intake).reason == "bad_amount"
    assert refusal(encoded(timestamp=NOW + 11), intake).reason == "bad_timestamp"
    assert refusal(encoded(other="x" * 1_000), intake).reason == "oversize"


def test_what_missing_optional_fields_are_counted() -> None:
    intake = Intake()
    read(encoded(location=..., device_id=None, payment_method=""), intake)
    read(encoded(location=...), intake)
    assert intake.missing == {"location": 2, "device_id": 1, "payment_method": 1}


def test_an_empty_optional_field_is_missing() -> None:
    assert read(encoded(location="")).location is None


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        NOON * 1_000,
        "2024-01-31 12:00:00",
        "2024-01-31T12:00:00Z",
        "2024-01-31T14:00:00+02:00",
        "1706702400",
        "1706702400000",
        "1.7067024e9",
    ],
)
def test_seconds_milliseconds_and_iso_8601_are_one_time(value: float | str) -> None:
    assert event_time(value) == NOON
    assert read(encoded(timestamp=value)).timestamp == NOON


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is nine hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_a_time_without_a_zone_is_utc_wherever_the_machine_is(tokyo: None) -> None:
    assert time.timezone == -9 * 3_600
    assert event_time("2024-01-31 12:00:00") == NOON


def test_milliseconds_begin_where_seconds_would_be_the_year_5138() -> None:
    assert event_time(99_999_999_999) == 99_999_999_999.0
    assert event_time(100_000_000_000) == 100_000_000.0


def test_a_time_is_finite_even_where_no_clock_bounds_it() -> None:
    with pytest.raises(Refused) as caught:
        Intake().read(encoded(timestamp="inf"))
    assert caught.value.reason == "bad_timestamp"
    assert math.isfinite(Intake().read(encoded(timestamp="9999-12-31")).timestamp)


def test_the_device_is_the_most_exact_thing_known() -> None:
    assert read(encoded()).device == "D1"
    assert read(encoded(device_id=...)).device == "mobile"
    assert read(encoded(device_id=..., device_type=...)).device is None
