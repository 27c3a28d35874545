import json
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import labels, outputs
from agents.labelled import read_back
from agents.labels import early, read_label
from fraud_stream.app import app
from fraud_stream.domain.intake import REASONS, Refused
from fraud_stream.domain.joining import Joiner
from fraud_stream.domain.once import Join
from fraud_stream.domain.packed import Doubles
from fraud_stream.domain.pending import DONE, EARLY, SCORED, Pending
from fraud_stream.engine.alignment import AHEAD
from fraud_stream.engine.app import Chunk
from fraud_stream.engine.follower import Follower
from fraud_stream.records import Label, Labelled
from tests.agents.test_outputs import Outboxes, as_record, fresh_tables

START = 1_700_000_000.0
LABEL = Label("T1", "C1", True, START + 60.0, "chargeback", "stolen card")
FEATURES = Doubles.of([1.0, 2.0]).tobytes()
SCORED_ONE = Pending(SCORED, START, "C1", 5.0, 0.25, 0.8, "review", "online-3", FEATURES, offset=5)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outboxes]:
    with fresh_tables():
        monkeypatch.setattr(labels, "counts", Counter())
        yield Outboxes(monkeypatch)


class Waiting(dict[str, Pending]):
    """What waits, in a dictionary."""

    def put(self, key: str, value: Pending) -> None:
        self[key] = value


def encoded(**changes: Any) -> bytes:
    return json.dumps({**msgspec.to_builtins(LABEL), **changes}).encode()


# -- reading


def refusal(value: bytes | None) -> str:
    with pytest.raises(Refused) as caught:
        read_label(value)
    return caught.value.reason


def test_a_label_is_read() -> None:
    assert read_label(encoded()) == LABEL


def test_the_kind_may_be_missing_and_other_fields_are_passed_over() -> None:
    record = {name: value for name, value in json.loads(encoded(note="x")).items() if name != "kind"}
    assert read_label(json.dumps(record).encode()) == msgspec.structs.replace(LABEL, kind=None)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null"),
        (b"", "undecodable"),
        (b'{"transaction_id": "T1"', "undecodable"),
        (b"\xff", "undecodable"),
        (b'{"transaction_id": "\xff"}', "undecodable"),
        (b'{"x": ' + b"[" * 30_000, "undecodable"),
        (b"[]", "wrong_type"),
        (b"{}", "wrong_type"),
        (encoded(is_fraud=1), "wrong_type"),
        (encoded(is_fraud="yes"), "wrong_type"),
        (encoded(labelled_at="today"), "wrong_type"),
        (encoded(labelled_at=None), "wrong_type"),
        (encoded(transaction_id=""), "wrong_type"),
        (encoded(customer_id="x" * 257), "wrong_type"),
        (encoded(source=None), "wrong_type"),
        (b'"' + b"x" * 70_000 + b'"', "oversize"),
    ],
)
def test_what_is_no_label_is_refused_with_its_reason(value: bytes | None, reason: str) -> None:
    assert refusal(value) == reason


@pytest.mark.parametrize(
    "time", [0.0, -1.0, 946_684_799.0, 1e18, 1e308, START + 3_601.0], ids=["0", "-1", "1999", "1e18", "1e308", "ahead"]
)
def test_a_label_of_another_age_is_refused(time: float) -> None:
    with pytest.raises(Refused) as caught:
        read_label(encoded(labelled_at=time), START)
    assert caught.value.reason == "bad_timestamp"


def test_the_time_of_a_label_may_be_in_milliseconds_and_an_hour_ahead() -> None:
    assert read_label(encoded(labelled_at=(START + 60.0) * 1_000), START) == LABEL
    assert read_label(encoded(labelled_at=START + 3_600.0), START).labelled_at == START + 3_600.0


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
FIELDS = st.sampled_from(["transaction_id", "customer_id", "is_fraud", "labelled_at", "source", "kind", "x"])


def check(value: bytes) -> None:
    try:
        found: object = read_label(value)
    except Refused as refused:
        found = refused.reason
    assert isinstance(found, Label) or found in REASONS


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200, deadline=None)
def test_anything_is_a_label_or_refused(value: bytes) -> None:
    check(value)


@given(st.dictionaries(FIELDS, JSON, max_size=3))
@settings(max_examples=200, deadline=None)
def test_any_fields_are_a_label_or_refused(changes: dict[str, Any]) -> None:
    check(encoded(**changes))


@given(st.integers(0, len(encoded()) - 1), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_a_label_with_one_byte_changed_is_a_label_or_refused(place: int, byte: int) -> None:
    value = bytearray(encoded())
    value[place] = byte
    check(bytes(value))


# -- joining


def join(label: Label, waiting: Waiting, partition: int = 0, offset: int = 0) -> str:
    """What the agent does with a label that was read at an offset."""
    frauds = outputs.customer_frauds.partition(partition)
    joiner = Joiner(partition, waiting, frauds, outputs.settings.labels.horizon, outputs.send_labelled)
    return joiner.label(label.transaction_id, early(label, offset), outputs.settled(partition))


def test_what_was_joined_is_waited_for_until_it_is_read_back(sent: Outboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {TP("transactions", 3), TP("labelled", 0)}
    monkeypatch.setattr(app, "_consumer", SimpleNamespace(assignment=lambda: mine))
    follower = Follower(app, "labelled")
    monkeypatch.setattr(outputs, "follower", follower)
    join(LABEL, Waiting(T1=SCORED_ONE), partition=3)
    assert follower.is_late(START + 2 * AHEAD)
    (one,) = sent.records
    found = [(0, msgspec.json.decode(one.value, type=Labelled))]
    follower.read(read_back(found))
    assert not follower.is_late(START + 2 * AHEAD)
    mine.remove(TP("transactions", 3))
    assert read_back(found) == 0.0  # another worker's


def test_a_label_before_its_transaction_waits(sent: Outboxes) -> None:
    waiting = Waiting()
    assert join(LABEL, waiting, offset=17) == "early"
    assert waiting["T1"] == Pending(
        EARLY,
        START + 60.0,
        "C1",
        is_fraud=True,
        labelled_at=START + 60.0,
        source="chargeback",
        kind="stolen card",
        offset=17,
    )
    assert sent.records == []


def test_a_label_after_its_transaction_is_joined_and_sent(sent: Outboxes) -> None:
    waiting = Waiting(T1=SCORED_ONE)
    assert join(LABEL, waiting, partition=3, offset=17) == "joined"
    assert waiting["T1"] == Pending(DONE, START, "C1")
    (one,) = sent.records
    assert (one.topic, one.partition, one.key) == ("labelled", 0, b"T1")
    labelled = msgspec.json.decode(one.value, type=Labelled)
    assert (labelled.join, labelled.stream_time) == (Join(3, (5, 17), (0, 0)), START)
    assert (labelled.is_fraud, labelled.kind, labelled.source) == (True, "stolen card", "chargeback")
    assert (labelled.score, labelled.verdict, labelled.features) == (0.25, "review", SCORED_ONE.features)
    assert labelled.features_version == "other"  # these two are none of the application's rows


def test_features_of_this_application_are_told_from_older_ones(sent: Outboxes) -> None:
    row = Doubles.of([1.0] * len(outputs.maker.names)).tobytes()
    waiting = Waiting(T1=msgspec.structs.replace(SCORED_ONE, features=row))
    join(LABEL, waiting)
    assert msgspec.json.decode(sent.records[0].value, type=Labelled).features_version == outputs.features_version


def test_a_known_fraud_is_noted_of_its_customer_and_a_genuine_payment_is_not(sent: Outboxes) -> None:
    for ident, is_fraud in (("T1", True), ("T2", False)):
        label = msgspec.structs.replace(LABEL, transaction_id=ident, is_fraud=is_fraud)
        join(label, Waiting({ident: SCORED_ONE}), partition=2)
    known = outputs.customer_frauds.partition(2).get("C1")
    assert (known.noted, known.outcomes.times.tolist()) == (1, [START + 60.0])


@pytest.mark.parametrize("stage", [EARLY, DONE])
def test_the_first_label_of_a_transaction_counts(stage: int, sent: Outboxes) -> None:
    first = Pending(stage, START, "C1", is_fraud=False, source="analyst")
    waiting = Waiting(T1=first)
    assert join(LABEL, waiting) == "repeated"
    assert waiting["T1"] == first
    assert sent.records == []


def test_labels_of_other_transactions_change_nothing(sent: Outboxes) -> None:
    waiting = Waiting(T2=SCORED_ONE)
    assert join(LABEL, waiting, offset=17) == "early"
    assert waiting["T2"] == SCORED_ONE


async def process(*values: bytes | None) -> None:
    """What the agent does with a chunk."""

    async def acknowledge() -> None: ...

    records = [as_record(value, topic="labels", offset=n) for n, value in enumerate(values)]
    await labels.labels.fun.__wrapped__(Chunk("labels", 0, records, acknowledge, acknowledge))


async def test_a_chunk_of_labels_is_joined_in_order_and_a_bad_one_is_a_dead_letter(sent: Outboxes) -> None:
    outputs.pending.partition(0).put("T2", SCORED_ONE)
    await process(encoded(), b"{", encoded(transaction_id="T2"), None, encoded())
    assert labels.counts == Counter(early=1, joined=1, repeated=1)
    assert [(one.topic, one.key) for one in sent.records] == [
        ("transactions-dead", b"key"),
        ("labelled", b"T2"),
        ("transactions-dead", b"key"),
    ]
    assert outputs.pending.partition(0).get("T1").stage == EARLY
