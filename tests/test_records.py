import json
import math
from datetime import UTC, datetime

import jsonschema
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fraud_stream.domain.intake import ALIASES, LONGEST_ID, LONGEST_TEXT, Intake, Limits, Refused
from fraud_stream.domain.listing import Listed
from fraud_stream.domain.once import Join, Once, Unsettled
from fraud_stream.domain.rulebook import RuleVersion
from fraud_stream.domain.rules import Rule
from fraud_stream.models.batch import HeldOut, Measures
from fraud_stream.models.live.day import ContestantRecord
from fraud_stream.models.live.traffic import Asked, TrafficDay
from fraud_stream.models.promotion import Promotion
from fraud_stream.models.state import Progress
from fraud_stream.records import (
    Alert,
    AuditEntry,
    BatchModel,
    DeadLetter,
    Drift,
    EvaluationDay,
    Label,
    Labelled,
    MerchantRisk,
    ModelState,
    Promotions,
    Reason,
    ScoredTransaction,
    Summary,
    Traffic,
    Transaction,
    drift_id,
    read_alert,
)
from fraud_stream.schemas import attributes, json_schemas, schema_components, transaction_schema

NOW = datetime(2024, 1, 31, 12, 0, tzinfo=UTC)
TX = Transaction("T1", "C1", NOW.timestamp(), 12.5, "M1", "Books", "Card", "mobile", "D1", "Oslo")
ONCE = Once({3: Unsettled((7, 7), {"T1": (8, 9)})})
REASONS = [
    Reason("rule", "several", "sliding_count_1h", 12.0, ">=", 12.0),
    Reason("rule", "method", "payment_method", "Cash", "in", ["Cash", "Gift Card"]),
    Reason("model", "model", "amount", None, contribution=0.5),
    Reason("rule", "several", "sliding_count_1h", 12.0, ">=", 12.0, version=3),
    Reason("list", "deny", "device_id", "D1"),
    Reason("anomaly", "anomaly", "is_new_device", 1.0, contribution=0.2),
]
RULE = Rule("big", "amount > 100")
DRIFT = Drift("D1", "DRIFT", "HIGH", "fraud_label_rate", NOW, NOW, 0.008, 0.026, 12_000, "the share of frauds rose")
HELD_OUT = HeldOut(1.0, 2.0, 9, 2, Measures(0.5, 0.9), Measures(0.4, 0.8), None)
INSTANCES = [
    TX,
    Transaction("T1", "C1", NOW.timestamp(), 0.0),
    Label("T1", "C1", True, NOW.timestamp(), "chargeback", "stolen_card"),
    Label("T1", "C1", False, NOW.timestamp(), "analyst"),
    Alert("A1", "T1", "C1", NOW, NOW, 12.5, "HIGH", "RULE", 0.8, "review", "look", REASONS, "online-1", "r1"),
    DRIFT,
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
        "M1",
        Join(3, (8, 9), (7, 7)),
        3.0,
    ),
    DeadLetter("bad_id", "too long", "transactions", 1, 2, NOW.timestamp()),
    MerchantRisk("M1", 2, 12, bytes(8), bytes(8), bytes(8), ONCE),
    ModelState(
        "online", "logistic", 3, ["amount"], 100, 7, {"weights": [0.5]}, NOW.timestamp(), Progress(12, [(7, 9)], ONCE)
    ),
    EvaluationDay(
        "evaluation-2024-01-31",
        "evaluation",
        19_753,
        1,
        [1, 0, 0, 0],
        b"",
        {"deciding": ContestantRecord(b"", b"", b"", b"", b"")},
        12,
        ONCE,
    ),
    Traffic(
        "traffic-3", "traffic", 3, 1, {19_753: TrafficDay(1, {"online": Asked(NOW.timestamp(), NOW.timestamp(), b"")})}
    ),
    BatchModel("challenger", "hgb", 1, ["a"], "v", 9, 2, 1.0, 2.0, HELD_OUT, {"numpy": "2"}, "ab", 3.0, b"bytes"),
    BatchModel("challenger", "hgb", 2, ["a"], "v", 9, 2, 1.0, 2.0, None, {}, "ab", 3.0, b""),
    Promotions(),
    Promotions(
        promotions=[Promotion("blend", None, 3, 1.0, "ann", ""), Promotion(None, "blend", None, 2.0, "bo", "x")]
    ),
    RuleVersion(RULE, 0.0, "settings"),
    RuleVersion(RULE, 2.0, "ann", "over", is_deleted=True),
    Listed("deny", "merchant", "M1", 1.0, None, "ann"),
    Listed("snooze", "customer", "C1", 1.0, 2.0, "ann", "called"),
    AuditEntry(1.0, "ann", "page", "label", "T1", "analyst", "called", {"is_fraud": True}),
    AuditEntry(1.0, "ann", "command", "promote", "blend", failure="no broker answers"),
    Summary("http://127.0.0.1:6066", 0.0, 30.0, 3, 60.0, 20.0, 10.0, 30.0, 0.1, 3, 9, 21.5, 100, 4),
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
    assert attributes(ScoredTransaction)["score"].startswith("The probability of fraud that counted; null while")


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


def test_what_is_on_alerts_is_told_apart():
    alert = next(one for one in INSTANCES if isinstance(one, Alert))
    odd = msgspec.structs.replace(alert, type="DRIFT")  # a rule may call its type so
    for one in (alert, odd, DRIFT):
        assert read_alert(msgspec.json.encode(one)) == one


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"stream": 1}', b'{"stream": "alert_rate"}', b"[]", b"\xff", b'{"stream": "\xff"}']
)
def test_what_is_neither_alert_nor_drift_is_refused(value):
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        read_alert(value)


def test_what_is_on_alerts_is_one_of_two():
    for one in (DRIFT, next(one for one in INSTANCES if isinstance(one, Alert))):
        value = json.loads(msgspec.json.encode(one))
        assert [name for name in ("Alert", "Drift") if validator(name).is_valid(value)] == [type(one).__name__]


def test_the_id_of_a_drift_is_a_function_of_stream_and_transaction():
    ids = [drift_id(stream, ident) for stream in ("alert_rate", "log_amount") for ident in ("T1", "T2", "\ud800")]
    assert len(set(ids)) == len(ids)
    assert drift_id("alert_rate", "T1") == ids[0]
