"""What is a warning here and in Prometheus' alerts is the same."""

import re

import pytest
from ruamel.yaml import YAML

from fraud_stream.monitor import limits
from fraud_stream.monitor.limits import Limit
from tests.harness import ROOT

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"


@pytest.fixture(scope="module")
def rules():
    (group,) = YAML(typ="safe").load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def numbers(rule) -> list[float]:
    """What an alert's expression compares with, in order."""
    return [float(number) for number in re.findall(r"> ([0-9.]+)", rule["expr"])]


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        ("LatencyHigh", [limits.LATENCY_SECONDS.warning]),
        ("LagGrows", [limits.LAG_RECORDS.warning, 0.0]),
        ("FraudRateSpike", [limits.ALERT_SPIKE.critical, limits.FEW_ALERTS]),
        ("DeadLetters", [limits.ERROR_RATIO.warning]),
        ("Drift", [0.0]),
        ("ModelStale", [limits.MODEL_AGE_SECONDS.warning, 0.0]),
    ],
)
def test_an_alert_compares_with_the_same_numbers(rules, alert, expected):
    assert numbers(rules[alert]) == expected


def test_an_alert_waits_as_long(rules):
    assert rules["WorkerNotRunning"]["for"] == f"{limits.NOT_RUNNING_SECONDS / 60:.0f}m"
    assert f"labels_total[{limits.LABELS_WITHIN / 3_600:.0f}h]" in rules["ModelStale"]["expr"]


def test_every_alert_is_compared_here_or_has_no_number(rules):
    assert {name for name, rule in rules.items() if numbers(rule)} == {
        "LatencyHigh",
        "LagGrows",
        "FraudRateSpike",
        "DeadLetters",
        "Drift",
        "ModelStale",
    }


def test_severities_are_the_same(rules):
    levels = {name: rule["labels"]["severity"] for name, rule in rules.items()}
    critical = {name for name, level in levels.items() if level == "critical"}
    assert critical == {"WorkerDown", "WorkerStuck", "FraudRateSpike"}


def test_every_limit_is_a_warning_before_it_is_critical():
    found = [value for value in vars(limits).values() if isinstance(value, Limit)]
    assert len(found) == 7
    assert all(0 < one.warning < one.critical for one in found)
