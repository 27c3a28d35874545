import json

import pytest

from fraud_stream.commands.config import duration
from fraud_stream.sections import parse_duration


def test_every_setting_is_shown_with_its_source(run, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_WEB_PORT", "7000")
    result = run("config")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["port", "7000", "FRAUD_STREAM_WEB_PORT"] in lines
    assert any(line[:2] == ["session_timeout", "6s"] and line[2].endswith("faust.conf") for line in lines)
    assert ["sasl_username", "-", "default"] in lines


def test_rules_are_shown_whole(run):
    assert "hopping_sum_5m > 1500 and hopping_count_5m >= 3" in run("config").stdout


def test_wide_values_are_not_cut_off(run, monkeypatch):
    url = ";".join(f"kafka://broker-{n}.example.org:9092" for n in range(20))
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", url)
    assert f"{url}  FRAUD_STREAM_BROKER_URL" in run("config").stdout


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_secrets_are_masked(run, monkeypatch, arguments):
    monkeypatch.setenv("FRAUD_STREAM_BROKER_SASL_PASSWORD", "tiger")
    result = run("config", *arguments)
    assert "tiger" not in result.output
    assert "********" in result.stdout


def test_json_holds_values_and_sources(run):
    found = json.loads(run("config", "--json").stdout)
    assert found["settings"]["windows"]["hopping_size"]["value"] == 300.0
    assert found["settings"]["broker"]["sasl_password"] == {"value": None, "source": "default"}
    assert found["settings"]["store"]["datadir"]["value"] == ".fraud-stream"
    assert found["rules"][0]["id"] == "amount-above-threshold"
    assert found["rules"][0]["when"] == "amount > 1000"


@pytest.mark.parametrize("text", ["100ms", "1500ms", "90s", "5m", "90m", "36h", "30d"])
def test_lengths_of_time_are_written_as_they_are_read(text):
    assert duration(parse_duration(text)) == text
