"""What is sent of a decision; and the tables and outboxes that the other tests of the agents use."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from agents import outputs
from fraud_stream.app import app, settings
from fraud_stream.domain.decision import Anomaly, Contribution, Decision, Judge, NoModel, Thresholds
from fraud_stream.domain.intake import Refused
from fraud_stream.domain.listing import Listed, ListName
from fraud_stream.domain.once import Join
from fraud_stream.domain.pending import DONE, EARLY, SCORED, Pending
from fraud_stream.domain.rules import Rule
from fraud_stream.domain.transaction import Transaction
from fraud_stream.records import Alert, DeadLetter, Label, Labelled, alert_id
from fraud_stream.reports import Context
from fraud_stream.sections import AlertSettings
from tests.engine.bench import Record

START = 1_700_000_000.0


class Put(NamedTuple):
    """A record that was put into an outbox."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Any


class Outboxes:
    """Takes the place of the outbox, for the agents and for the group commit; and of its list of finished chunks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: list[Put] = []
        monkeypatch.setattr(outputs, "outbox", self)
        monkeypatch.setattr(app.group_commit, "outbox", self)
        monkeypatch.setattr(app.group_commit, "_done", [])

    def put(self, topic: str, partition: int, key: bytes, value: bytes, headers: Any = ()) -> None:
        self.records.append(Put(topic, partition, key, value, headers))

    def put_all(self, topic: str, partition: int, records: Iterable[tuple[bytes, bytes]]) -> None:
        for key, value in records:
            self.put(topic, partition, key, value)

    def topics(self) -> list[str]:
        return [one.topic for one in self.records]

    def json(self, topic: str) -> list[Any]:
        return [json.loads(one.value) for one in self.records if one.topic == topic]


@contextmanager
def fresh_tables() -> Iterator[None]:
    """The application's tables without entries, before and after."""
    _empty_tables()
    yield
    _empty_tables()


def _empty_tables() -> None:
    for table in app.tables.values():
        table.forget_changes()
        for partition in table.store.held():
            table.store.drop(partition)
    for partition in range(settings.topics.partitions):
        app.clock._seen.pop(partition, None)


def as_record(value: bytes | None, **changes: Any) -> Record:
    return Record(**{"offset": 7, "key": b"key", "value": value, "timestamp": 1_700_000_010_000, **changes})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outboxes]:
    with fresh_tables():
        yield Outboxes(monkeypatch)


TX = Transaction("T1", 'C"é', START, 1_250.0, location="Oslo")
NAMES = outputs.maker.names
ROW = [1_250.0, *(float(n) for n in range(1, len(NAMES)))]
CONTEXT = Context(2, "online-3", "r1", START + 11.0)


def decision(amount: float = 1_000.0) -> Decision:
    rule = Rule("big", f"amount > {amount}", severity="HIGH", type="AMOUNT", message="${amount:,.2f} is too much")
    return Judge(NAMES, [rule], Thresholds()).decide([TX], np.array([ROW]), NoModel())[0]


def send(found: Decision, is_late: bool = False, value: bytes = b"as it came") -> None:
    sending = outputs.Outputs(2, CONTEXT)
    sending.send(TX, np.array(ROW), found, (as_record(value), is_late))
    sending.close()


def test_an_accepted_transaction_is_scored_and_waits_for_its_label(sent: Outboxes) -> None:
    send(decision(2_000.0))
    (one,) = sent.records
    assert (one.topic, one.partition, one.key) == ("scored", 2, 'C"é'.encode())
    scored = json.loads(one.value)
    assert (scored["verdict"], scored["alert_id"], scored["rules"], scored["reasons"]) == ("accept", None, [], [])
    assert scored["features"] == dict(zip(NAMES, ROW, strict=True))
    assert (scored["partition"], scored["offset"], scored["latency"]) == (2, 7, 1.0)
    assert (scored["model_version"], scored["rules_version"]) == ("online-3", "r1")
    waiting = outputs.pending.partition(2).get("T1")
    assert (waiting.stage, waiting.row, waiting.time, waiting.verdict) == (SCORED, ROW, START, "accept")


def test_an_alert_is_sent_before_its_scored_transaction(sent: Outboxes) -> None:
    send(decision())
    assert sent.topics() == ["alerts", "scored"]
    alert = msgspec.json.decode(sent.records[0].value, type=Alert)
    assert (alert.alert_id, alert.transaction_id, alert.customer_id) == (alert_id("T1"), "T1", 'C"é')
    assert (alert.severity, alert.type, alert.verdict, alert.risk_score) == ("HIGH", "AMOUNT", "review", 0.8)
    assert alert.message == "$1,250.00 is too much"
    assert (alert.event_time.timestamp(), alert.detected_at.timestamp()) == (START, START + 11.0)
    scored = sent.json("scored")[0]
    assert (scored["alert_id"], scored["rules"]) == (alert.alert_id, ["big"])
    assert scored["reasons"] == msgspec.to_builtins(alert.reasons)


def test_hits_are_counted_by_rule_shadow_ones_too(sent: Outboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "rule_counts", Counter())
    rules = [Rule("a", "amount > 1000"), Rule("s", "amount > 1", state="shadow"), Rule("n", "amount > 9000")]
    (found,) = Judge(NAMES, rules, Thresholds()).decide([TX], np.array([ROW]), NoModel())
    send(found)
    send(found)
    assert outputs.rule_counts == Counter({("a", "active"): 2, ("s", "shadow"): 2})


def test_an_alert_names_the_versions_of_its_rules(sent: Outboxes) -> None:
    rule = Rule("big", "amount > 1000", version=4)
    send(Judge(NAMES, [rule], Thresholds()).decide([TX], np.array([ROW]), NoModel())[0])
    ((reason,),) = [alert["reasons"] for alert in sent.json("alerts")]
    assert (reason["name"], reason["version"]) == ("big", 4)


def test_alerts_of_a_customer_name_the_first_of_their_group(sent: Outboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    send(decision())
    monkeypatch.setattr(outputs, "settings", settings.model_copy(update={"alerts": AlertSettings(group_within=60.0)}))
    send(decision())
    send(decision())
    groups = [(alert["group_id"], alert["group_position"]) for alert in sent.json("alerts")]
    assert groups == [(None, None), (alert_id("T1"), 1), (alert_id("T1"), 2)]
    profile = outputs.customer_profile.partition(2).get(TX.customer_id)
    assert (profile.alerts.id, profile.alerts.first, profile.alerts.count) == (alert_id("T1"), START, 2)


def test_a_reason_is_no_place_for_a_list_of_merchants(sent: Outboxes) -> None:
    places = ", ".join(["'Oslo'", *(f"'P{n}'" for n in range(1_000))])
    send(
        Judge(NAMES, [Rule("many", f"location in ({places})")], Thresholds()).decide([TX], np.array([ROW]), NoModel())[
            0
        ]
    )
    ((reason,),) = [alert["reasons"] for alert in sent.json("alerts")]
    assert (len(reason["limit"]), reason["limit"][0], reason["limit"][-1]) == (21, "Oslo", "and 981 more")


def listed(name: ListName, until: float | None = None) -> Decision:
    judge = Judge(NAMES, [Rule("big", "amount > 1000")], Thresholds(), clock=lambda: START)
    judge.rulebook.lists.take(Listed(name, "customer", TX.customer_id, 0.0, until, "ana", "seen it before"), 0.0)
    return judge.decide([TX], np.array([ROW]), NoModel())[0]


def test_an_alert_of_the_deny_list_says_so(sent: Outboxes) -> None:
    send(listed("deny"))
    (alert,), (scored,) = sent.json("alerts"), sent.json("scored")
    assert (alert["severity"], alert["type"], alert["verdict"]) == ("CRITICAL", "DENY_LIST", "block")
    assert alert["message"] == 'customer C"é is on the deny list: seen it before'
    reason = {"source": "list", "name": "deny", "feature": "customer_id", "value": TX.customer_id}
    assert [alert["reasons"][0], alert["reasons"][1]["name"]] == [reason, "big"]
    assert (scored["listed"], scored["is_snoozed"]) == ("deny", False)


def test_what_is_allowed_is_not_alerted(sent: Outboxes) -> None:
    send(listed("allow"))
    (scored,) = sent.json("scored")
    assert sent.topics() == ["scored"]
    assert (scored["verdict"], scored["listed"], scored["rules"]) == ("accept", "allow", ["big"])


def test_the_alert_of_a_snoozed_customer_is_not_sent_and_counted(
    sent: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs.tally, "snoozed", 0)
    send(listed("snooze", until=START + 1))
    (scored,) = sent.json("scored")
    assert sent.topics() == ["scored"]
    assert (scored["verdict"], scored["alert_id"], scored["is_snoozed"]) == ("review", None, True)
    assert [reason["name"] for reason in scored["reasons"]] == ["big"]  # it is told why there would have been one
    assert outputs.tally.snoozed == 1


@pytest.mark.parametrize(("verdict", "severity"), [("review", "MEDIUM"), ("block", "HIGH")])
def test_an_alert_of_the_model_alone_says_so(verdict: Any, severity: str, sent: Outboxes) -> None:
    send(Decision(0.93, 0.93, verdict, [], [], [Contribution("amount", 1_250.0, 1.5)]))
    (alert,) = sent.json("alerts")
    assert (alert["severity"], alert["type"], alert["verdict"]) == (severity, "MODEL", verdict)
    assert alert["message"] == "the model gives a fraud probability of 93%"
    (reason,) = alert["reasons"]
    assert reason == {"source": "model", "name": "model", "feature": "amount", "value": 1_250.0, "contribution": 1.5}


@pytest.mark.parametrize(
    ("why", "score", "message"),
    [
        (
            "cold_start",
            None,
            "unusual for what was seen so far; the model has learnt too few frauds to be asked",
        ),
        ("doubt", 0.31, "unusual for what was seen so far, and the model is uncertain: its fraud probability is 31%"),
    ],
)
def test_an_alert_of_what_is_unusual_says_why(
    why: Any, score: float | None, message: str, sent: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "anomaly_counts", Counter())
    found = Anomaly(why, [Contribution("is_new_device", 1.0, 0.25)])
    send(Decision(score, 0.5, "review", [], [], [], 0.97, found))
    (alert,) = sent.json("alerts")
    assert (alert["severity"], alert["type"], alert["verdict"]) == ("MEDIUM", "UNSUPERVISED", "review")
    assert alert["message"] == message
    (reason,) = alert["reasons"]
    expected = {"source": "anomaly", "name": "anomaly", "feature": "is_new_device", "value": 1.0, "contribution": 0.25}
    assert reason == expected
    assert sent.json("scored")[0]["anomaly_score"] == 0.97
    assert outputs.anomaly_counts == {why: 1}


def test_a_late_transaction_is_passed_on_untouched(sent: Outboxes) -> None:
    send(decision(2_000.0), is_late=True, value=b"\xff as it came")
    assert sent.topics() == ["transactions-late", "scored"]
    assert sent.records[0].value == b"\xff as it came"
    assert sent.json("scored")[0]["is_late"] is True


def test_a_label_that_came_first_is_joined(sent: Outboxes) -> None:
    early = Pending(EARLY, START - 5, "C1", is_fraud=True, labelled_at=START - 5, source="analyst", kind="k", offset=3)
    outputs.pending.partition(2).put("T1", early)
    send(decision(2_000.0))
    assert sent.topics() == ["labelled", "scored"]
    labelled = msgspec.json.decode(sent.records[0].value, type=Labelled)
    assert (labelled.is_fraud, labelled.source, labelled.kind, labelled.labelled_at) == (
        True,
        "analyst",
        "k",
        START - 5,
    )
    assert (labelled.join, labelled.features) == (Join(2, (7, 3), (0, 0)), np.array(ROW).tobytes())
    assert outputs.pending.partition(2).get("T1") == Pending(DONE, START, 'C"é')


def test_what_each_model_said_is_told_and_waits_for_the_label(sent: Outboxes) -> None:
    sending = outputs.Outputs(2, CONTEXT._replace(challenger_version="challenger-4"))
    sending.send(TX, np.array(ROW), decision(2_000.0), (as_record(b""), False), (0.25, 0.75))
    sending.close()
    (scored,) = sent.json("scored")
    assert (scored["online_score"], scored["challenger_score"]) == (0.25, 0.75)
    assert scored["challenger_version"] == "challenger-4"
    waiting = outputs.pending.partition(2).get("T1")
    label = Label("T1", "C1", True, START, "test")
    outputs.send_labelled("T1", waiting, label, Join(2, (7, 1)))
    (labelled,) = sent.json("labelled")
    assert (labelled["online_score"], labelled["challenger_score"]) == (0.25, 0.75)


def test_what_was_joined_before_is_not_made_to_wait_again(sent: Outboxes) -> None:
    done = Pending(DONE, START, "C1")
    outputs.pending.partition(2).put("T1", done)
    send(decision(2_000.0))
    assert sent.topics() == ["scored"]
    assert outputs.pending.partition(2).get("T1") == done


def test_a_dead_letter_is_the_record_untouched_with_its_reason_and_origin(
    sent: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "refused_counts", Counter())
    record = as_record(b"\xff{", key=b"\xfe", partition=3, offset=41, headers=(("trace", b"1"),))
    outputs.send_dead_letter(record, Refused("undecodable", "not JSON: " + "x" * 1_000))
    (one,) = sent.records
    assert (one.topic, one.partition, one.key, one.value) == ("transactions-dead", 3, b"\xfe", b"\xff{")
    assert one.headers[0] == ("trace", b"1")
    letter = DeadLetter.from_headers(one.headers)
    assert (letter.reason, letter.topic, letter.partition, letter.offset) == ("undecodable", "transactions", 3, 41)
    assert len(letter.detail) == 500
    assert outputs.refused_counts == Counter(undecodable=1)


def test_a_dead_letter_may_have_no_key_and_no_value(sent: Outboxes) -> None:
    outputs.send_dead_letter(as_record(None, key=None), Refused("null", "the record has no value"))
    assert (sent.records[0].key, sent.records[0].value) == (None, None)


def test_the_brokers_time_of_a_record_without_one_is_now() -> None:
    assert outputs.broker_time(as_record(b"", timestamp=1_700_000_010_500)) == 1_700_000_010.5
    for timestamp in (0, -1):
        assert outputs.broker_time(as_record(b"", timestamp=timestamp)) == pytest.approx(time.time(), abs=60)


def test_an_alert_is_told_in_one_line(sent: Outboxes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="fraud_stream.alerts"):
        send(decision())
    assert caplog.messages == ['ALERT HIGH review risk 0.80 customer C"é transaction T1: $1,250.00 is too much']
