"""One worker, real input of every sort: what comes out on each topic, in the tables and on the pages."""

import json
import urllib.error
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from fraud_stream.reading import read_all
from fraud_stream.records import DeadLetter, alert_id
from fraud_stream.settings import Settings
from tests.harness import (
    Worker,
    a_broker,
    count,
    models,
    produce,
    settings_for,
    transaction_alerts,
    values,
    wait_until,
    worker,
)

pytestmark = pytest.mark.broker
START = 1_700_000_000.0
DAY = 86_400.0
ODD_CUSTOMER = 'C"\\é😀/1'


def payment(ident: str, customer: str, time: float, amount: Any, **more: Any) -> tuple[str, bytes]:
    body = {"transaction_id": ident, "customer_id": customer, "timestamp": time, "amount": amount, **more}
    return customer, json.dumps(body).encode()


BAD: dict[str, tuple[str | None, bytes | None]] = {
    "undecodable": ("x", b'{"transaction_id": "T1", "custo'),
    "wrong_type": ("x", b'{"transaction_id": true}'),
    "missing_field": ("x", b'{"transaction_id": "T1", "customer_id": "C1", "amount": 1}'),
    "bad_amount": payment("T", "x", START, -1),
    "bad_timestamp": payment("T", "x", 1e18, 1),
    "null": ("x", None),
    "oversize": ("x", b'{"transaction_id": "' + b"x" * 1_000_000 + b'"}'),
    "bad_id": payment("", "x", START, 1),
}


def good() -> list[tuple[str, bytes]]:
    """Three customers: a habit and an amount above all limits; a burst; odd letters."""
    habit = [payment(f"H{n}", "habit", START + n * DAY, 20 + n % 3, location="Oslo") for n in range(10)]
    burst = [payment(f"B{n}", "burst", START + n * 20, 30.0) for n in range(7)]
    odd = [payment(f"O{n}", ODD_CUSTOMER, START + n * 60, 5.0) for n in range(3)]
    above = payment("H-above", "habit", START + 10 * DAY, 1250, location="Oslo")
    return [*habit, *burst, *odd, above]


class Run(NamedTuple):
    settings: Settings
    worker: Worker


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("stream")
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_TOPICS_PARTITIONS="2")
        records: list[tuple[str | None, bytes | None]] = [*good(), *BAD.values(), good()[-1]]  # the last one twice
        late = payment("L1", "habit", START + 5 * DAY, 21.0)
        produce(settings, "transactions", [*records, late])
        with worker(environ, folder) as running:
            wait_until(lambda: count(settings, "scored") == len(good()) + 1)
            yield Run(settings, running)


def test_every_good_transaction_is_scored_once_whatever_surrounds_it(run: Run) -> None:
    idents = Counter(scored["transaction"]["transaction_id"] for scored in values(run.settings, "scored"))
    expected = {json.loads(value)["transaction_id"] for _, value in good()}
    assert idents == Counter({*expected, "L1"})


def test_amount_above_the_threshold_is_alerted_as_people_expect(run: Run) -> None:
    (alert,) = [a for a in transaction_alerts(run.settings) if a["transaction_id"] == "H-above"]
    assert alert["alert_id"] == alert_id("H-above")
    assert (alert["severity"], alert["type"], alert["verdict"]) == ("CRITICAL", "THRESHOLD_VIOLATION", "block")
    assert alert["message"] == "Transaction amount $1,250.00 exceeds threshold of $1,000.00"
    assert alert["event_time"] == "2023-11-24T22:13:20Z"
    seen = {(r["name"], r["feature"]): (r["value"], r.get("operator"), r.get("limit")) for r in alert["reasons"]}
    assert seen["amount-above-threshold", "amount"] == (1250.0, ">", 1000.0)
    assert seen["amount-out-of-habit", "amount_zscore"][1:] == (">", 6.0)


def test_velocity_is_counted_over_the_whole_hopping_window(run: Run) -> None:
    alerted = {a["transaction_id"] for a in transaction_alerts(run.settings) if a["customer_id"] == "burst"}
    assert alerted == {"B5", "B6"}  # the sixth payment within five minutes is the first too many


def test_bad_records_are_dead_letters_untouched_with_reason_and_origin(run: Run) -> None:
    origin = {(m.partition(), m.offset()): m for m in read_all(run.settings, "transactions")}
    letters = {DeadLetter.from_headers(m.headers()).reason: m for m in read_all(run.settings, "transactions-dead")}
    assert letters.keys() == BAD.keys()
    for reason, message in letters.items():
        letter = DeadLetter.from_headers(message.headers())
        source = origin[letter.partition, letter.offset]
        assert (message.key(), message.value()) == (source.key(), source.value()), reason
        assert letter.topic == "transactions"
        assert letter.detail


def test_a_late_transaction_is_scored_marked_and_copied(run: Run) -> None:
    (late,) = [s for s in values(run.settings, "scored") if s["transaction"]["transaction_id"] == "L1"]
    assert late["is_late"]
    assert [value["transaction_id"] for value in values(run.settings, "transactions-late")] == ["L1"]
    assert late["features"]["sliding_count_24h"] == 2  # the sliding windows still have its neighbours


def test_a_page_shows_every_window_of_a_key(run: Run) -> None:
    found = run.worker.get("/table/customer_hopping/burst/")
    counts = [window["count"] for window in found["windows"]]
    assert max(counts) == 7
    assert len(counts) == 7  # 7 payments in 3 minutes: 3 panes, each in 5 windows
    assert found["windows"][0]["start"] < found["windows"][0]["end"] <= found["windows"][-1]["end"]
    assert run.worker.get("/table/customer_tumbling/burst/")["windows"][0]["sum"] == 210.0


def test_a_page_finds_any_key(run: Run) -> None:
    found = run.worker.get(f"/table/customer_profile/{quote(ODD_CUSTOMER, safe='')}/")
    assert found["key"] == ODD_CUSTOMER
    assert found["value"]["transactions"] == 3


def test_unknown_tables_and_keys_are_not_found(run: Run) -> None:
    for path in ("/table/nope/", "/table/nope/x/", "/table/customer_profile/nope/"):
        with pytest.raises(urllib.error.HTTPError) as error:
            run.worker.get(path)
        assert error.value.code == 404
        assert "error" in json.loads(error.value.read())


def test_the_worker_says_what_it_does_and_logs_each_alert(run: Run) -> None:
    text = run.worker.text()
    assert "11 active, 0 shadow, 0 off" in text
    assert "ALERT CRITICAL block risk 0.95 customer habit transaction H-above" in text


def test_labels_are_joined_learnt_and_the_model_is_swapped(run: Run) -> None:
    settings = run.settings
    labels = [
        (customer, json.dumps({**label(value), "is_fraud": ident(value) == "H-above"}).encode())
        for customer, value in good()
    ]
    unknown = ("x", json.dumps({**label(payment("later", "x", 0, 1)[1]), "is_fraud": True}).encode())
    produce(settings, "labels", [*labels, unknown, ("x", b"nonsense")])
    wait_until(lambda: models(settings) and models(settings)[-1]["learnt"] == len(labels))
    produce(settings, "transactions", [payment("later", "x", START + 11 * DAY, 10)])
    state = wait_until(lambda: (s := models(settings)[-1])["learnt"] == len(labels) + 1 and s)
    assert state["frauds"] == 2
    joined = {value["transaction_id"]: value["is_fraud"] for value in values(settings, "labelled")}
    assert joined == {**{ident(value): ident(value) == "H-above" for _, value in good()}, "later": True}
    produce(settings, "transactions", [payment("after", "x", START + 11 * DAY + 60, 10)])
    after = wait_until(lambda: [s for s in values(settings, "scored") if s["transaction"]["transaction_id"] == "after"])
    assert after[0]["model_version"] == f"online-{state['version']}"
    assert after[0]["score"] is None  # 2 frauds are too few to ask the model


def ident(value: bytes) -> str:
    return str(json.loads(value)["transaction_id"])


def label(value: bytes) -> dict[str, Any]:
    body = json.loads(value)
    return {
        "transaction_id": body["transaction_id"],
        "customer_id": body["customer_id"],
        "labelled_at": START + 10 * DAY,
        "source": "test",
    }


def test_the_worker_ends_in_peace(run: Run) -> None:
    assert run.worker.stop() == 0
