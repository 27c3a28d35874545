import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import click
import msgspec
import pytest

from fraud_stream.alert_filter import AlertFilter
from fraud_stream.commands.alerts import lines, reason_text
from fraud_stream.kafka import make_producer
from fraud_stream.records import Alert, Drift, Reason

NOON = datetime(2024, 1, 31, 12, 0, tzinfo=UTC)
REASONS = [
    Reason("rule", "velocity-count", "hopping_count_5m", 7.0, ">=", 6.0),
    Reason("rule", "odd-method", "payment_method", "Cash", "in", ["Cash", "Gift Card"]),
    Reason("model", "model", "amount_zscore", 6.25, contribution=1.5),
]


DRIFT = Drift(
    "DRIFT-1", "DRIFT", "MEDIUM", "log_amount", NOON, NOON, 3.5, 3.9, 900, "the typical amount rose from 32.12 to 48.40"
)


def alert(number: int = 1, **changes) -> Alert:
    made = Alert(
        f"ALERT-{number}",
        f"TXN-{number}",
        f"CUST-{number % 3}",
        NOON,
        NOON,
        1_250.0,
        "HIGH",
        "VELOCITY",
        0.8,
        "review",
        "7 payments within 5 minutes (limit 6)",
        REASONS,
        "online-1",
        "r1",
    )
    return msgspec.structs.replace(made, **changes)


def send(settings, *values: bytes | None) -> None:
    producer = make_producer(settings.broker)
    for value in values:
        producer.produce(settings.topics.alerts, value, b"CUST-1")
    assert producer.flush(10) == 0


def hear_ctrl_c() -> None:
    """The background jobs of a shell, and so their children, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def encoded(*alerts: Alert) -> list[bytes]:
    return [msgspec.json.encode(one) for one in alerts]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"severity": "HIGH"}, True),
        ({"severity": "MEDIUM"}, True),
        ({"severity": "CRITICAL"}, False),
        ({"type": "velocity"}, True),
        ({"type": "MODEL"}, False),
        ({"customer": "CUST-1"}, True),
        ({"customer": "CUST-2"}, False),
        ({"verdict": "review"}, True),
        ({"verdict": "block"}, False),
        ({"min_score": 0.8}, True),
        ({"min_score": 0.81}, False),
        ({"rule": "velocity-count"}, True),
        ({"rule": "model"}, False),
        ({"severity": "LOW", "verdict": "block"}, False),
    ],
)
def test_filter(wanted, expected):
    assert AlertFilter(**wanted).admits(alert()) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"type": "drift"}, True),
        ({"severity": "LOW"}, True),
        ({"severity": "HIGH"}, False),
        ({"type": "VELOCITY"}, False),
        ({"customer": "CUST-1"}, False),
        ({"verdict": "review"}, False),
        ({"min_score": 0.0}, False),
        ({"rule": "velocity-count"}, False),
    ],
)
def test_filter_of_drifts(wanted, expected):
    assert AlertFilter(**wanted).admits(DRIFT) is expected


def test_a_drift_is_one_line():
    assert click.unstyle(lines(DRIFT)) == (
        "2024-01-31 12:00:00Z  MEDIUM    DRIFT  log_amount  the typical amount rose from 32.12 to 48.40"
    )


def test_lines_for_people():
    head, *reasons = click.unstyle(lines(alert())).splitlines()
    for part in (
        "2024-01-31 12:00:00Z",
        "HIGH",
        "review",
        "0.80",
        "CUST-1",
        "1,250.00",
        "TXN-1",
        "7 payments within 5 minutes (limit 6)",
    ):
        assert f"  {part}" in f"  {head}"
    assert reasons == [
        "    velocity-count: hopping_count_5m is 7, limit >= 6",
        "    odd-method: payment_method is Cash, limit in Cash, Gift Card",
        "    model: amount_zscore is 6.25, adds 1.50 to the log odds",
    ]
    assert click.unstyle(lines(alert(), brief=True)) == head


def test_an_alert_names_its_group():
    grouped = lines(alert(group_id="ALERT-0", group_position=2), brief=True)
    assert click.unstyle(grouped).endswith("  (number 2 of ALERT-0)")


def test_severity_has_a_colour():
    assert lines(alert(severity="CRITICAL")) != lines(alert(severity="LOW")).replace("LOW     ", "CRITICAL")


def test_times_are_shown_in_utc():
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    assert lines(alert(event_time=there)).startswith("2024-01-31 12:00:00Z")
    assert lines(alert(event_time=NOON.replace(tzinfo=None))).startswith("2024-01-31 12:00:00Z")


def test_a_record_cannot_steer_the_terminal():
    evil = alert(message="\x1b[2J\nALERT", customer_id="\x07")
    assert "\\x1b[2J\\nALERT" in lines(evil)
    assert "\x07" not in lines(evil)


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "not known"), (0.00123, "0.00123"), (1_234.5, "1,234.50"), (0.0, "0"), ("x", "x")]
)
def test_values_seen(value, shown):
    assert reason_text(Reason("rule", "r", "f", value)) == f"r: f is {shown}"


@pytest.mark.broker
def test_alerts_that_are_there(run, served):
    send(served, *encoded(*(alert(n) for n in range(5))))
    result = run("alerts", "--no-follow", "--brief")
    assert result.exit_code == 0
    assert [line.split()[7] for line in result.stdout.splitlines()] == [f"TXN-{n}" for n in range(5)]
    assert result.stderr == ""


@pytest.mark.broker
def test_drifts_are_among_the_alerts(run, served):
    send(served, *encoded(alert(1)), msgspec.json.encode(DRIFT), *encoded(alert(2)))
    shown = run("alerts", "--no-follow", "--brief").stdout.splitlines()
    assert [line.split()[3] for line in shown] == ["review", "DRIFT", "review"]
    (found,) = run("alerts", "--no-follow", "--json", "--type", "drift").stdout.splitlines()
    assert msgspec.json.decode(found, type=Drift) == DRIFT


@pytest.mark.broker
def test_filters_limit_and_json(run, served):
    send(served, *encoded(*(alert(n, verdict="block" if n % 2 else "review") for n in range(10))))
    result = run("alerts", "--no-follow", "--json", "--verdict", "block", "--limit", "2")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["transaction_id"] for one in found] == ["TXN-1", "TXN-3"]
    assert msgspec.convert(found[0], Alert) == alert(1, verdict="block")


@pytest.mark.broker
def test_what_is_no_alert_is_told_and_passed_over(run, served):
    send(served, b"\xff\x1b[2J", None, b"{}", b'{"message": "\xff"}', *encoded(alert()))
    result = run("alerts", "--no-follow", "--brief")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    complaints = result.stderr.splitlines()
    assert len(complaints) == 4
    assert all("is no alert: " in line for line in complaints)
    assert "missing required field `alert_id`" in complaints[2]


@pytest.mark.broker
def test_new_alerts_are_shown_as_they_come_until_ctrl_c(served):
    send(served, *encoded(*(alert(n) for n in range(200))))
    process = subprocess.Popen(
        [sys.executable, "-m", "fraud_stream", "alerts", "--json"],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - one system call
    )
    assert process.stderr.readline() == "waiting for alerts on 'alerts'; Ctrl-C ends\n"
    send(served, *encoded(alert(1_000)))
    assert json.loads(process.stdout.readline())["transaction_id"] == "TXN-1000"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 130


@pytest.mark.parametrize(
    "arguments", [("--severity", "BAD"), ("--min-score", "2"), ("--limit", "0"), ("--verdict", "accept")]
)
def test_wrong_options_are_usage_errors(run, arguments):
    assert run("alerts", *arguments).exit_code == 2
