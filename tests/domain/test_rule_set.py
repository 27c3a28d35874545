"""The rules that are shipped in faust.conf, each with a history that triggers it and one that just does not."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from fraud_stream.domain.decision import Decision
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.transaction import Transaction
from fraud_stream.reports import Context, Reporter
from fraud_stream.settings import load
from tests.harness import ROOT
from tests.truth import decide_all

SETTINGS = load({"FRAUD_STREAM_CONF": str(ROOT / "faust.conf")}).settings
MAKER = FeatureMaker(SETTINGS.feature_settings)
RULES = {rule.id: rule for rule in SETTINGS.rules}
#: Wednesday 31 January 2024, 12:00:00 in UTC.
NOON = 1_706_702_400.0
HOUR, DAY = 3_600.0, 86_400.0


class Pay(NamedTuple):
    """A payment `time` seconds after noon."""

    time: float
    amount: float
    fields: Mapping[str, Any] = MappingProxyType({})


def every(step: float, count: int, amount: float, field: str = "location", values: Sequence[str] = ("A",)) -> list[Pay]:
    """Payments `step` seconds apart, the field's values in turn."""
    return [Pay(n * step, amount, {field: values[n % len(values)]}) for n in range(count)]


def habit(*more: Pay) -> list[Pay]:
    """Ten days of 100 a day from one device, then `more`."""
    return [*(Pay((n - 10) * DAY, 100.0, {"device_id": "known"}) for n in range(10)), *more]


def last_of(pays: list[Pay]) -> tuple[Transaction, list[float], Decision]:
    txs = [Transaction(f"T{n}", "C1", NOON + pay.time, pay.amount, **pay.fields) for n, pay in enumerate(pays)]
    found, _ = decide_all(SETTINGS, enumerate(txs))
    return txs[-1], *found[txs[-1].transaction_id]


def hits(pays: list[Pay]) -> list[str]:
    return [hit.rule.id for hit in last_of(pays)[2].hits]


CASES: list[tuple[str, list[Pay], list[Pay]]] = [
    ("amount-above-threshold", [Pay(0, 1_000.01)], [Pay(0, 1_000.0)]),
    ("velocity-count", every(50, 6, 10.0), every(50, 5, 10.0)),
    ("velocity-count", every(59, 6, 10.0), every(60, 6, 10.0)),
    ("velocity-sum", every(100, 3, 500.01), every(100, 3, 500.0)),
    ("velocity-sum", every(100, 3, 500.01), every(100, 2, 800.0)),
    ("sliding-velocity-count", every(300, 12, 10.0), every(300, 11, 10.0)),
    ("sliding-velocity-count", every(327, 12, 10.0), every(328, 12, 10.0)),
    ("sliding-velocity-sum", every(1_000, 3, 833.34), every(1_000, 3, 833.33)),
    ("sliding-velocity-sum", every(1_000, 3, 833.34), every(1_000, 2, 1_300.0)),
    ("sliding-velocity-sum", every(1_799, 3, 833.34), every(1_800, 3, 833.34)),
    ("amount-out-of-habit", habit(Pay(0, 160.01)), habit(Pay(0, 160.0))),
    ("several-locations", every(1_799, 3, 10.0, values="ABC"), every(1_800, 3, 10.0, values="ABC")),
    ("several-locations", every(10, 3, 10.0, values="ABC"), every(10, 4, 10.0, values="AB")),
    ("several-devices", every(10, 3, 10.0, "device_id", "ABC"), every(10, 4, 10.0, "device_id", "AB")),
    (
        "new-device-high-amount",
        habit(Pay(0, 300.01, {"device_id": "new"})),
        habit(Pay(0, 300.0, {"device_id": "new"})),
    ),
    (
        "new-device-high-amount",
        habit(Pay(0, 300.01, {"device_id": "new"})),
        habit(Pay(0, 300.01, {"device_id": "known"})),
    ),
    ("night-high-amount", [Pay(18 * HOUR - 1, 500.01)], [Pay(18 * HOUR - 1, 500.0)]),
    ("night-high-amount", [Pay(12 * HOUR, 500.01)], [Pay(18 * HOUR, 500.01)]),
    (
        "risky-method-high-amount",
        [Pay(0, 300.01, {"payment_method": "Cryptocurrency"})],
        [Pay(0, 300.0, {"payment_method": "Cryptocurrency"})],
    ),
    (
        "risky-method-high-amount",
        [Pay(0, 300.01, {"payment_method": "Gift Card"})],
        [Pay(0, 300.01, {"payment_method": "Credit Card"})],
    ),
]


@pytest.mark.parametrize(("rule", "above", "below"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_a_rule_hits_just_above_its_limit_and_not_at_it(rule: str, above: list[Pay], below: list[Pay]) -> None:
    assert rule in hits(above)
    assert rule not in hits(below)


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == RULES.keys()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_in_force_and_says_what_it_looks_for(rule: str) -> None:
    assert RULES[rule].state == "active"
    assert RULES[rule].description
    assert RULES[rule].type != "RULE"


def alert_of(pays: list[Pay]) -> Any:
    tx, row, decision = last_of(pays)
    return Reporter(MAKER.names, "v1").alert(tx, row, decision, Context(0, "none", "r1", NOON + 1.0))


def test_an_amount_of_1250_gives_the_alert_that_was_asked_for() -> None:
    alert = alert_of([Pay(0, 1_250.0)])
    assert (alert.severity, alert.type) == ("CRITICAL", "THRESHOLD_VIOLATION")
    assert alert.message == "Transaction amount $1,250.00 exceeds threshold of $1,000.00"
    assert (alert.verdict, alert.risk_score, alert.amount) == ("block", 0.95, 1_250.0)
    (reason,) = alert.reasons
    assert (reason.source, reason.name) == ("rule", "amount-above-threshold")
    assert (reason.feature, reason.value, reason.operator, reason.limit) == ("amount", 1_250.0, ">", 1_000.0)


@pytest.mark.parametrize(("rule", "above", "_"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_every_message_can_be_written(rule: str, above: list[Pay], _: list[Pay]) -> None:
    _, row, decision = last_of(above)
    (hit,) = [hit for hit in decision.hits if hit.rule.id == rule]
    message = hit.message({**dict(zip(MAKER.names, row, strict=True)), "payment_method": "Gift Card"})
    assert message
    assert "{" not in message


def test_a_usual_payment_is_accepted() -> None:
    tx, _, decision = last_of(habit(Pay(0, 110.0, {"device_id": "known"})))
    assert tx.amount == 110.0
    assert (decision.verdict, decision.hits, decision.shadow) == ("accept", [], [])
