import json
import time
from typing import Any

import pandas as pd
import pytest

from fraud_stream import frames, kafka
from fraud_stream.history import HOUR, Period
from fraud_stream.records import DeadLetter
from fraud_stream.settings import Settings
from tests.harness import topics

pytestmark = pytest.mark.broker
NOW = float(int(time.time()))
DAY = Period(NOW - 24 * HOUR, NOW)
PAID = "2026-01-31 12:00:00.250+00:00"
PAID_SECONDS = pd.Timestamp(PAID).timestamp()


@pytest.fixture
def settings(tmp_path):
    with topics(tmp_path) as made:
        yield made


def put(settings: Settings, topic: str, values: list[bytes | None], ago: float = HOUR, **more: Any) -> None:
    """Put values on a topic, the first so many seconds ago and a second between them."""
    producer = kafka.make_producer(settings.broker)
    for place, value in enumerate(values):
        producer.produce(topic, value, partition=0, timestamp=int((NOW - ago + place) * 1_000), **more)
    assert producer.flush(10) == 0


def scored(offset: int, **changes: Any) -> bytes:
    paid = {"transaction_id": f"T{offset}", "customer_id": "C1", "timestamp": PAID_SECONDS, "amount": 12.5}
    record = {"transaction": paid, "features": {"amount": 12.5}, "score": None, "risk_score": 0.25, "verdict": "accept"}
    more = {"alert_id": None, "rules": [], "shadow_rules": [], "reasons": [], "model_version": "online-1"}
    rest = {
        "rules_version": "r1",
        "is_late": False,
        "partition": 1,
        "offset": offset,
        "decided_at": 1.0,
        "latency": 0.02,
    }
    return json.dumps({**record, **more, **rest, **changes}).encode()


def alert(ident: str, *reasons: tuple[str, str], **changes: Any) -> bytes:
    record = {
        "alert_id": ident,
        "transaction_id": f"T-{ident}",
        "customer_id": "C1",
        "event_time": PAID.replace(" ", "T"),
    }
    more = {"detected_at": "2026-01-31T12:00:01Z", "amount": 99.5, "severity": "HIGH", "type": "VELOCITY"}
    rest = {"risk_score": 0.8, "verdict": "review", "message": "m", "model_version": "m", "rules_version": "r"}
    told = [{"source": source, "name": name, "feature": "amount", "value": 1.0} for source, name in reasons]
    return json.dumps({**record, **more, **rest, "reasons": told, **changes}).encode()


def labelled(ident: str, **changes: Any) -> bytes:
    record = {"transaction_id": ident, "customer_id": "C1", "timestamp": PAID_SECONDS, "amount": 5.0, "is_fraud": True}
    more = {"labelled_at": PAID_SECONDS + 60, "source": "test", "kind": None, "score": 0.5, "risk_score": 0.5}
    rest = {"verdict": "block", "model_version": "m", "features": "", "features_version": "f"}
    return json.dumps({**record, **more, **rest, **changes}).encode()


def checked(found: frames.Found, kind: frames.Kind) -> pd.DataFrame:
    """The frame, whose columns are those that were promised."""
    expected = {name: "object" if dtype == "object" else dtype for name, dtype in kind.dtypes.items()}
    assert list(found.frame.columns) == list(expected)
    for name, dtype in expected.items():
        assert found.frame[name].dtype == dtype, name
    return found.frame


def test_decisions_have_their_columns(settings):
    put(settings, "scored", [scored(7), scored(8, verdict="block", score=0.75, is_late=True, model_version="online-2")])
    frame = checked(frames.scored(settings, DAY), frames.SCORED)
    first, second = frame.to_dict("records")
    assert pd.isna(first.pop("score"))
    assert first == {
        "time": pd.Timestamp(NOW - HOUR, unit="s", tz="UTC"),
        "partition": 1,
        "offset": 7,
        "transaction_id": "T7",
        "customer_id": "C1",
        "event_time": pd.Timestamp(PAID),
        "amount": 12.5,
        "verdict": "accept",
        "is_alert": False,
        "risk_score": 0.25,
        "is_late": False,
        "latency": 0.02,
        "model_version": "online-1",
        "rules_version": "r1",
    }
    assert (second["is_alert"], second["is_late"], second["score"]) == (True, True, 0.75)


def test_only_those_of_the_period_are_there(settings):
    put(settings, "scored", [scored(1)], ago=30 * HOUR)
    put(settings, "scored", [scored(2), scored(3)], ago=5 * HOUR)
    put(settings, "scored", [scored(4)], ago=-1)
    found = frames.scored(settings, DAY)
    assert found.frame["offset"].tolist() == [2, 3]
    assert found.period == DAY


def test_of_more_than_wanted_the_newest_are_there_and_the_period_says_so(settings):
    put(settings, "scored", [scored(n) for n in range(50)])
    found = frames.scored(settings, DAY, most=20)
    assert found.frame["offset"].tolist() == list(range(50 - len(found.frame), 50))
    assert len(found.frame) <= 20
    assert found.period.begin > DAY.begin
    assert (found.frame["time"] >= pd.Timestamp(found.period.begin, unit="s", tz="UTC")).all()


def test_what_was_sent_twice_is_there_once_and_the_first_counts(settings):
    put(settings, "scored", [scored(1), scored(2), scored(1, verdict="block")])
    put(settings, "alerts", [alert("A", ("model", "model")), alert("A", ("anomaly", "anomaly"))])
    put(settings, "labelled", [labelled("T1"), labelled("T1", is_fraud=False)])
    letter = DeadLetter("null", "why", "transactions", 0, 7, 1.0).headers()
    put(settings, "transactions-dead", [b"x", b"x"], headers=letter)
    assert frames.scored(settings, DAY).frame["verdict"].tolist() == ["accept", "accept"]
    assert frames.alerts(settings, DAY).frame["component"].tolist() == ["model"]
    assert frames.labelled(settings, DAY).frame["is_fraud"].tolist() == [True]
    assert len(frames.dead_letters(settings, DAY).frame) == 1


def test_what_is_none_of_ours_is_left_out_and_counted(settings):
    strange = [b"nonsense", None, b"\xff", b"[" * 5_000, b'{"alert_id": 1}', scored(1, partition=-1)]
    strange += [scored(2, transaction={"transaction_id": "T", "customer_id": "C", "timestamp": 1e300, "amount": 1})]
    for topic, read in (("scored", frames.scored), ("alerts", frames.alerts), ("labelled", frames.labelled)):
        put(settings, topic, strange)
        found = read(settings, DAY)
        assert (len(found.frame), found.unreadable) == (0, len(strange)), topic
    put(settings, "labelled", [labelled("T1", labelled_at=-1.0), labelled("T2")])
    assert frames.labelled(settings, DAY).frame["transaction_id"].tolist() == ["T2"]


def test_alerts_tell_who_made_them_and_which_rules_hit(settings):
    made = [
        alert("A", ("rule", "velocity"), ("rule", "velocity"), ("rule", "amount"), ("model", "model")),
        alert("B", ("anomaly", "anomaly"), ("model", "model"), type="UNSUPERVISED", severity="MEDIUM"),
        alert("C", ("model", "model"), type="MODEL", verdict="block"),
    ]
    put(settings, "alerts", made)
    frame = checked(frames.alerts(settings, DAY), frames.ALERTS)
    assert frame["component"].tolist() == ["rules", "anomaly", "model"]
    assert frame["rules"].tolist() == [("velocity", "amount"), (), ()]
    assert frame["type"].tolist() == ["VELOCITY", "UNSUPERVISED", "MODEL"]
    assert (frame["severity"] < "HIGH").tolist() == [False, True, False]
    assert frame["event_time"].unique().tolist() == [pd.Timestamp(PAID)]


def test_drifts_are_no_alerts_of_transactions(settings):
    drift = {
        "alert_id": "D",
        "type": "DRIFT",
        "severity": "HIGH",
        "stream": "alert_rate",
        "event_time": "2026-01-31T12:00:00Z",
    }
    more = {"detected_at": "2026-01-31T12:00:00Z", "before": 0.1, "after": 0.2, "transactions": 9, "message": "m"}
    put(settings, "alerts", [json.dumps({**drift, **more}).encode(), alert("A")])
    found = frames.alerts(settings, DAY)
    assert (found.frame["alert_id"].tolist(), found.unreadable) == (["A"], 0)


def test_dead_letters_tell_why_and_where_from(settings):
    letter = DeadLetter("bad_amount", "it is -1", "transactions", 3, 17, 1.0)
    put(settings, "transactions-dead", [b"\xff"], headers=[("trace", b"1"), *letter.headers()])
    put(settings, "transactions-dead", [b"mine"])
    odd = DeadLetter("bad_amount", "it is -1", "transactions", 3, 2**70, 1.0)
    put(settings, "transactions-dead", [b"too"], headers=odd.headers())
    frame = checked(frames.dead_letters(settings, DAY), frames.DEAD_LETTERS)
    assert frame.drop(columns="time").to_numpy().tolist() == [
        ["bad_amount", "it is -1", "transactions", 3, 17],
        [frames.FOREIGN, "", "transactions-dead", 0, 1],
        [frames.FOREIGN, "", "transactions-dead", 0, 2],
    ]


def test_labelled_have_their_columns(settings):
    put(settings, "labelled", [labelled("T1", kind="card_testing"), labelled("T2", is_fraud=False, verdict="accept")])
    frame = checked(frames.labelled(settings, DAY), frames.LABELLED)
    assert frame["is_alert"].tolist() == [True, False]
    assert frame["kind"].tolist()[0] == "card_testing"
    assert (frame["labelled_at"] - frame["event_time"]).dt.total_seconds().tolist() == [60.0, 60.0]


@pytest.mark.parametrize("name", ["scored", "alerts", "dead_letters", "labelled"])
def test_where_there_is_nothing_the_columns_are_there_all_the_same(name, settings):
    nowhere = settings.topics.model_copy(update=dict.fromkeys(("scored", "alerts", "dead", "labelled"), "nowhere"))
    for where in (settings, settings.model_copy(update={"topics": nowhere})):
        found = getattr(frames, name)(where, DAY)
        assert checked(found, getattr(frames, name.upper())).empty
        assert (found.period, found.unreadable) == (DAY, 0)
