from datetime import UTC, datetime

from fraud_stream.domain.listing import Listed
from fraud_stream.domain.rules import Rule
from fraud_stream.records import Alert, Drift, Reason
from fraud_stream.web.masking import HIDDEN, masked, masked_entry, masked_rule, pseudonym

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def alert(customer: str, *reasons: Reason) -> Alert:
    text = f"{customer} paid 2,007.00 on D1"
    return Alert(
        "A1", "T1", customer, NOW, NOW, 2_007.0, "HIGH", "RULE", 0.9, "review", text, list(reasons), "online-1", "r"
    )


def test_an_alert_names_neither_customer_nor_device():
    found = masked(alert("2", Reason("rule", "big", "amount", 2_007.0), Reason("list", "deny", "device_id", "D1")))
    assert found.customer_id == pseudonym("customer", "2")
    assert found.message == "big, deny"
    assert found.reasons[0].value == 2_007.0
    assert (found.reasons[1].value, found.reasons[1].limit) == (pseudonym("device", "D1"), HIDDEN)


def test_a_drift_names_nobody():
    drift = Drift("D1", "DRIFT", "HIGH", "alert_rate", NOW, NOW, 0.1, 0.2, 5, "it rose")
    assert masked(drift) is drift


def test_one_has_one_name_and_no_two_have_the_same():
    assert pseudonym("customer", "C1") == pseudonym("customer", "C1") != pseudonym("customer", "C2")
    assert pseudonym("device", "C1")[7:] != pseudonym("customer", "C1")[9:]
    assert pseudonym("customer", "\udcff").startswith("customer-")


def test_what_people_have_written_is_hidden():
    for what, value in (("customer", "C1"), ("device", "D1")):
        entry = masked_entry(Listed("deny", what, value, 0.0, None, "ana", "C1 has called"))
        assert (entry.value, entry.reason) == (pseudonym(what, value), HIDDEN)
    merchant = masked_entry(Listed("deny", "merchant", "M1", 0.0, None, "ana", "C1 has called"))
    assert (merchant.value, merchant.reason) == ("M1", HIDDEN)
    rule = masked_rule(Rule("one", "amount > 5", "for C1", message="{device_id}"))
    assert (rule.when, rule.description, rule.message) == ("amount > 5", HIDDEN, HIDDEN)
    assert masked_rule(Rule("one", 'device_id == "D1"')).when == HIDDEN
