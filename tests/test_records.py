import json
import math
from datetime import UTC, datetime

import jsonschema
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fraud_stream.domain.intake import ALIASES, LONGEST_ID, LONGEST_TEXT, Intake, Limits, Refused
from fraud_stream.records import (
    Alert,
    DeadLetter,
    Label,
    Labelled,
    MerchantRisk,
    ModelState,
    Reason,
    ScoredTransaction,
    Transaction,
)
from fraud_stream.schemas import attributes, json_schemas, schema_components, transaction_schema

NOW = datetime(2024, 1, 31, 12, 0, tzinfo=UTC)
TX = Transaction("T1", "C1", NOW.timestamp(), 12.5, "M1", "Books", "Card", "mobile", "D1", "Oslo")
REASONS = [
    Reason("rule", "several", "sliding_count_1h", 12.0, ">=", 12.0),
    Reason("rule", "method", "payment_method", "Cash", "in", ["Cash", "Gift Card"]),
    Reason("model", "model", "amount", None, contribution=0.5),
    Reason("anomaly", "anomaly", "is_new_device", 1.0, contribution=0.2),
]
INSTANCES = [
    TX,
    Transaction("T1", "C1", NOW.timestamp(), 0.0),
    Label("T1", "C1", True, NOW.timestamp(), "chargeback", "stolen_card"),
    Label("T1", "C1", False, NOW.timestamp(), "analyst"),
    Alert("A1", "T1", "C1", NOW, NOW, 12.5, "HIGH", "RULE", 0.8, "review", "look", REASONS, "online-1", "r1"),
    ScoredTransaction(
        TX, {"amount": 12.5}, None, 0.1, "accept", None, [], [], [], "none", "r1", False, 0, 7, NOW.timestamp(), 0.01
    ),
    ScoredTransaction(
        TX, {}, 0.9, 0.9, "block", "A1", ["several"], ["s"], REASONS, "online-1", "r1", True, 3, 8, 1.0, 0.2, 0.9
    ),
    Labelled(
        "T1",
        "C1",
        1.0,
        12.5,
        True,
        2.0,
        "chargeback",
        None,
        None,
        0.1,
        "accept",
        "m-1",
        b"12345678",
        "f1",
        "labels-3",
        9,
    ),
    DeadLetter("bad_id", "too long", "transactions", 1, 2, NOW.timestamp()),
    MerchantRisk("M1", 2, {"labels-0": 12}, [NOW.timestamp()], [2], [1]),
    ModelState("online", "logistic", 3, ["amount"], 100, 7, {"weights": [0.5]}, {"labelled-0": 12}, NOW.timestamp()),
]
INPUT = transaction_schema()
INPUT_VALIDATOR = jsonschema.Draft202012Validator(INPUT)


def validator(name):
    return jsonschema.Draft202012Validator(
        json_schemas()[name], format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


@pytest.mark.parametrize("name", json_schemas())
def test_schemas_are_json_schemas(name):
    jsonschema.Draft202012Validator.check_schema(json_schemas()[name])


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: type(instance).__name__)
def test_what_is_sent_meets_its_schema(instance):
    validator(type(instance).__name__).validate(json.loads(msgspec.json.encode(instance)))


def test_every_record_is_among_the_instances():
    assert {type(instance).__name__ for instance in INSTANCES} == set(json_schemas())


@pytest.mark.parametrize("instance", INSTANCES[2:], ids=lambda instance: type(instance).__name__)
def test_a_missing_field_breaks_the_schema(instance):
    name = type(instance).__name__
    whole = json.loads(msgspec.json.encode(instance))
    for field in json_schemas()[name]["required"]:
        lacking = {key: value for key, value in whole.items() if key != field}
        assert not validator(name).is_valid(lacking), field


@pytest.mark.parametrize("name", json_schemas())
def test_every_property_says_what_it_is(name):
    schema = json_schemas()[name]
    for body in (schema, *schema.get("$defs", {}).values()):
        assert "Attributes" not in body["description"]
        for field, form in body["properties"].items():
            assert form.get("description", "").endswith("."), (name, field)


def test_docstrings_with_continued_lines_are_whole():
    assert attributes(ModelState)["learnt"] == "Transactions learnt."
    assert attributes(ScoredTransaction)["score"].startswith("The model's probability of fraud; null while")


def test_times_are_dates():
    properties = json_schemas()["Alert"]["properties"]
    assert properties["event_time"]["format"] == properties["detected_at"]["format"] == "date-time"


def test_records_inside_records_are_referred_to():
    schema = json_schemas()["ScoredTransaction"]
    assert schema["properties"]["transaction"]["$ref"] == "#/$defs/Transaction"
    assert set(schema["$defs"]) == {"Transaction", "Reason"}
    assert schema_components((Alert,), "#/x/{name}")["Alert"]["properties"]["reasons"]["items"] == {
        "$ref": "#/x/Reason"
    }


def test_headers_of_a_dead_letter_come_back():
    letter = DeadLetter("bad_id", "zu lang: ä", "transactions", 1, 2, 3.5)
    assert DeadLetter.from_headers([("trace", b"x"), *letter.headers()]) == letter


@pytest.mark.parametrize("headers", [None, [], [("fraud-stream-reason", b"x")], [("fraud-stream-offset", None)]])
def test_other_headers_are_no_dead_letter(headers):
    with pytest.raises(msgspec.ValidationError):
        DeadLetter.from_headers(headers)


# What producers may write: the schema against what the intake reads.

texts = st.one_of(
    st.none(),
    st.integers(-(10**20), 10**20),
    st.text("aé\n€😀 '\"\\", max_size=5),
    st.sampled_from(["", "x" * LONGEST_ID, "x" * (LONGEST_ID + 1), "x" * LONGEST_TEXT, "x" * (LONGEST_TEXT + 1)]),
    st.sampled_from([True, 1.5, [], {}]),
)
amounts = st.one_of(
    st.floats(-10, 2e6, allow_nan=False),
    st.integers(-5, 2_000_000),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.text("0019+-_.e ", max_size=7),
    st.sampled_from([None, "nan", "inf", "-0", "1_000.5", "", True, [], "٣", "ten"]),
)
moments = st.one_of(
    st.floats(0, 1e13, allow_nan=False),
    st.integers(-5, 10**13),
    st.sampled_from([946_684_799, 946_684_800, 1e11, 946_684_800_000, 946_684_799_999, None, False, {}]),
    st.datetimes().map(str),
    st.text("0129-:TZ. ", max_size=12),
)
FIELDS = dict.fromkeys(INPUT["properties"], texts) | {"amount": amounts, "timestamp": moments}
REQUIRED = {"transaction_id": "T1", "customer_id": 7, "timestamp": 1_706_702_400, "amount": 9.5}
payments = st.builds(
    lambda changes, missing: {name: value for name, value in {**REQUIRED, **changes}.items() if name not in missing},
    st.fixed_dictionaries({}, optional=FIELDS),
    st.sets(st.sampled_from(sorted(FIELDS)), max_size=3),
)


def read(payment, intake=None):
    try:
        return (intake or Intake(limits=Limits(max_ahead=math.inf))).read(json.dumps(payment).encode())
    except Refused as refused:
        return refused


def given_payment(**changes):
    return {**REQUIRED, **changes}


def without(payment, *names):
    return {name: value for name, value in payment.items() if name not in names}


@given(payments)
@settings(max_examples=500)
@example(given_payment(amount="-0"))
@example(given_payment(customer_id=None, user_id="C1"))
@example(given_payment(user_id="x" * 5_000, merchant_id="M", merchant="x" * 5_000))
@example(given_payment(amount=" 1_0.5e-1\n", timestamp="2024-01-31T12:00"))
def test_the_schema_accepts_what_the_intake_reads(payment):
    found, fits = read(payment), INPUT_VALIDATOR.is_valid(payment)
    if isinstance(found, Transaction):
        assert fits or INPUT_VALIDATOR.is_valid(_without_unread_aliases(payment))
    else:
        assert not fits or _beyond_a_schema(payment, found)


def _without_unread_aliases(payment):
    """An alias is not looked at where the field itself is there; a schema looks at everything."""
    unread = [alias for field, aliases in ALIASES.items() if payment.get(field) is not None for alias in aliases]
    return without(payment, *unread)


def _beyond_a_schema(payment, refused):
    if refused.reason == "bad_timestamp":
        return isinstance(payment["timestamp"], str)
    return refused.reason == "bad_amount" and isinstance(payment["amount"], str)


@pytest.mark.parametrize("field", ["transaction_id", "customer_id", "timestamp", "amount"])
@pytest.mark.parametrize("absent", [without, lambda payment, field: {**payment, field: None}], ids=["missing", "null"])
def test_required_fields_are_required_by_both(field, absent):
    payment = absent(given_payment(), field)
    assert not INPUT_VALIDATOR.is_valid(payment)
    assert read(payment).reason == "missing_field"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": -1},
        {"amount": "-1"},
        {"amount": "ten"},
        {"amount": 1_000_001},
        {"amount": True},
        {"timestamp": 5},
        {"timestamp": 1e11},
        {"transaction_id": ""},
        {"transaction_id": "x" * 257},
        {"transaction_id": 1.5},
        {"customer_id": None, "user_id": "x" * 257},
        {"location": "x" * 1_025},
        {"merchant": "x" * 1_025},
        {"location": ["Oslo"]},
    ],
)
def test_both_refuse(changes):
    payment = given_payment(**changes)
    assert not INPUT_VALIDATOR.is_valid(payment)
    assert isinstance(read(payment), Refused)


def test_schema_has_the_producers_own_names():
    names = {"amount": "TX_AMOUNT", "customer_id": "WHO"}
    check = jsonschema.Draft202012Validator(transaction_schema(names))
    payment = {"transaction_id": 1, "WHO": "C1", "timestamp": 1_706_702_400, "TX_AMOUNT": "9.5"}
    assert check.is_valid(payment)
    assert isinstance(read(payment, Intake(names)), Transaction)
    assert not check.is_valid(without(payment, "WHO"))
    assert read(without(payment, "WHO"), Intake(names)).reason == "missing_field"


def test_schema_has_the_limits_of_the_settings():
    check = jsonschema.Draft202012Validator(transaction_schema(limits=Limits(max_amount=10)))
    assert check.is_valid(given_payment(amount=10))
    assert not check.is_valid(given_payment(amount=11))


def test_what_the_worker_writes_of_a_payment_can_be_read_again():
    assert INPUT_VALIDATOR.is_valid(json.loads(msgspec.json.encode(TX)))
    assert read(json.loads(msgspec.json.encode(TX))) == TX
