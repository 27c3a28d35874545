"""``fraud-stream rules`` and ``lists``, on a broker."""

import json
from typing import Any

import msgspec
import pytest
from click.testing import Result

from fraud_stream import steering
from fraud_stream.domain import listing
from fraud_stream.domain.rulebook import RuleVersion
from fraud_stream.settings import Settings
from tests.commands.conftest import Run
from tests.harness import produce

pytestmark = pytest.mark.broker


def told(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def refused(result: Result) -> str:
    assert result.exit_code in {1, 2}, result.output
    assert "Traceback" not in result.output
    return result.output


def listed(run: Run, *command: str) -> Any:
    return json.loads(told(run(*command, "--json")))


def rule_named(run: Run, ident: str) -> Any:
    return next((one for one in listed(run, "rules", "list")["rules"] if one["rule"]["id"] == ident), None)


def test_a_rule_is_added_changed_switched_and_deleted_and_all_of_it_is_recorded(served: Settings, run: Run) -> None:
    before = listed(run, "rules", "list")
    assert {one["by"] for one in before["rules"]} == {"settings"}
    added = run("rules", "add", "big", "--when", "amount > 900", "--severity", "HIGH", "--reason", "a wave")
    assert told(added) == "announced to every worker: rule 'big' is active in version 1 from now on: amount > 900\n"
    assert listed(run, "rules", "list")["version"] != before["version"]
    told(run("rules", "set", "big", "--when", "amount > 950", "--message", "${amount:,.2f}"))
    found = rule_named(run, "big")["rule"]
    assert (found["when"], found["severity"], found["message"], found["version"]) == (
        "amount > 950",
        "HIGH",
        "${amount:,.2f}",
        2,
    )
    for command, state in (("shadow", "shadow"), ("off", "off"), ("activate", "active")):
        assert f"is {state} in version" in told(run("rules", command, "big"))
        assert rule_named(run, "big")["rule"]["state"] == state
    assert "is deleted from now on" in told(run("rules", "delete", "big", "--reason", "it is over"))
    assert rule_named(run, "big") is None
    versions = listed(run, "rules", "history", "big")["versions"]
    assert [one["rule"]["version"] for one in versions] == [1, 2, 3, 4, 5, 6]
    assert (versions[0]["reason"], versions[-1]["reason"], versions[-1]["is_deleted"]) == ("a wave", "it is over", True)
    assert listed(run, "rules", "list")["version"] == before["version"]


def test_a_rule_of_the_settings_is_changed_like_any_other(served: Settings, run: Run) -> None:
    told(run("rules", "shadow", "velocity-count"))
    found = rule_named(run, "velocity-count")
    assert (found["rule"]["state"], found["rule"]["version"]) == ("shadow", 2)
    table = told(run("rules", "list"))
    assert "velocity-count" in table
    assert "which scored transactions and alerts name" in table
    history = told(run("rules", "history", "velocity-count"))
    assert history.index("shadow") < history.index("settings")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ("add", "velocity-count", "--when", "amount > 5"),
            "there is a rule 'velocity-count' already; `fraud-stream rules",
        ),
        (("add", "new", "--when", "amont > 5"), "'amont' is unknown; did you mean amount?"),
        (("add", "new"), "Missing option '--when'"),
        (("add", "new", "--when", "amount > 5", "--severity", "huge"), "'huge' is not one of"),
        (("add", "", "--when", "amount > 5"), "an id is a printable text"),
        (("set", "velocity-count"), "nothing to change: give --when"),
        (("set", "velocity-count", "--when", "amount >"), "cannot read the condition"),
        (("set", "nothing", "--state", "off"), "there is no rule 'nothing'; there are amount-above-threshold,"),
        (("off", "nothing"), "there is no rule 'nothing'"),
        (("delete", "nothing"), "there is no rule 'nothing'"),
        (("history", "nothing"), "there never was a rule 'nothing'"),
        (("off", "velocity-count", "--reason", "x" * 501), "501 letters; at most 500 are recorded"),
        (("off", "velocity-count", "--reason", "\udcff"), "it has bytes that are no UTF-8"),
        (("add", "x\udcff", "--when", "amount > 5"), "surrogates not allowed"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_changed(
    arguments: tuple[str, ...], why: str, served: Settings, run: Run
) -> None:
    assert why in refused(run("rules", *arguments))


def test_entries_of_lists_are_added_ended_and_removed(served: Settings, run: Run) -> None:
    assert "is on the deny list until it is removed" in told(run("lists", "add", "deny", "device", "D-1"))
    added = told(run("lists", "add", "snooze", "customer", 'C"é', "--for", "2h", "--reason", "called"))
    assert 'customer C"é is on the snooze list until 2' in added
    first, second = listed(run, "lists", "list")
    assert (first["list"], first["what"], first["value"], first["until"]) == ("deny", "device", "D-1", None)
    assert (second["value"], second["reason"], second["until"] - second["since"]) == ('C"é', "called", 7_200.0)
    assert "D-1" in told(run("lists", "list"))
    assert "is on the deny list no more" in told(run("lists", "remove", "deny", "device", "D-1"))
    assert [one["value"] for one in listed(run, "lists", "list")] == ['C"é']


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("remove", "deny", "device", "D-1"), "device D-1 is not on the deny list; `fraud-stream lists list` shows"),
        (("add", "deny", "planet", "X"), "'planet' is not one of"),
        (("add", "black", "device", "X"), "'black' is not one of"),
        (("add", "deny", "device", ""), "0 letters; an id has 1 to"),
        (("add", "deny", "device", "X", "--for", "soon"), "'soon' is no length of time"),
        (("add", "deny", "device", "X", "--for", "0"), "longer than nothing and at most ten years"),
        (("add", "deny", "device", "X", "--for", "99999d"), "longer than nothing and at most ten years"),
        (("add", "deny", "device", "X\udcff"), "bytes that are no UTF-8"),
        (("add", "deny", "device", "X", "--reason", "\udcff"), "bytes that are no UTF-8"),
        (
            ("add", "snooze", "customer", "X"),
            "only the alerts of a customer can be snoozed, until some time: give --for",
        ),
        (("add", "snooze", "device", "X", "--for", "2h"), "only the alerts of a customer can be snoozed"),
    ],
)
def test_what_is_wrong_of_a_list_is_told(arguments: tuple[str, ...], why: str, served: Settings, run: Run) -> None:
    assert why in refused(run("lists", *arguments))
    assert listed(run, "lists", "list") == []


def test_without_a_broker_it_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraud_stream.kafka.PATIENCE", 1.0)
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", "kafka://127.0.0.1:1")
    assert "no broker answers at kafka://127.0.0.1:1" in refused(run("rules", "list"))


def test_a_list_is_not_written_to_before_its_topic_is_there(
    run: Run, broker_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker would make it with as many partitions as it likes, and no worker could start."""
    monkeypatch.setenv("FRAUD_STREAM_BROKER_URL", f"kafka://127.0.0.1:{broker_port}")
    assert "there is no topic 'rules'" in refused(run("lists", "add", "deny", "device", "D-1"))
    assert "there is no topic 'rules'" in refused(run("rules", "list"))


def test_two_who_change_a_rule_at_once_are_told(served: Settings, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver = steering.deliver

    def after_another(settings: Settings, topic: str, key: str, value: bytes) -> None:
        other = msgspec.structs.replace(msgspec.json.decode(value, type=RuleVersion), by="bob")
        deliver(settings, topic, other.key, msgspec.json.encode(other))
        deliver(settings, topic, key, value)

    monkeypatch.setenv("LOGNAME", "ana")
    monkeypatch.setattr(steering, "deliver", after_another)
    assert "somebody else has changed rule 'velocity-count' at the same moment" in refused(
        run("rules", "off", "velocity-count")
    )
    assert [one["by"] for one in listed(run, "rules", "history", "velocity-count")["versions"]] == ["settings", "bob"]


def test_a_list_that_is_full_is_told(served: Settings, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_ENTRIES", 1)
    told(run("lists", "add", "deny", "device", "D-1"))
    assert "there are 1 entries of lists already" in refused(run("lists", "add", "deny", "device", "D-2"))


def test_what_is_refused_is_told(served: Settings, run: Run) -> None:
    produce(served, "rules", [("rule \x1bx 1", b"{")])
    assert "refused: rule \\x1bx 1: " in told(run("rules", "list"))
    assert list(listed(run, "rules", "list")["refused"]) == ["rule \x1bx 1"]
