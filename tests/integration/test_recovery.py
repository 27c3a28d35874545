"""What survives a crash: what was learnt, what is on disk, and what another worker has."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import msgspec
import pytest

from fraud_stream.reading import read_all
from fraud_stream.records import MerchantRisk
from fraud_stream.settings import Settings
from tests.harness import Worker, count, models, produce, settings_for, transaction_alerts, values, wait_until, worker

pytestmark = pytest.mark.broker
START = 1_700_000_000.0
MERCHANTS = 7


def payments(first: int, last: int) -> Iterator[tuple[str, bytes]]:
    for n in range(first, last):
        customer = f"C{n % 50}"
        amount = 900.0 if is_fraud(n) else 20.0 + n % 7
        body = {"transaction_id": f"T{n}", "customer_id": customer, "timestamp": START + n * 60, "amount": amount}
        yield customer, json.dumps({**body, "merchant_id": f"M{n % MERCHANTS}"}).encode()


def labels(first: int, last: int, delay: float = 5.0) -> Iterator[tuple[str, bytes]]:
    for n in range(first, last):
        body = {"transaction_id": f"T{n}", "customer_id": f"C{n % 50}", "is_fraud": is_fraud(n)}
        yield f"C{n % 50}", json.dumps({**body, "labelled_at": START + n * 60 + delay, "source": "test"}).encode()


def is_fraud(n: int) -> bool:
    return random.Random(n).random() < 0.1


def learnt(settings: Settings) -> int:
    states = models(settings)
    return int(states[-1]["learnt"]) if states else 0


def test_a_killed_trainer_learns_each_label_once_and_the_model_comes_to_alert(broker_port: int, tmp_path: Path) -> None:
    small = {"FRAUD_STREAM_MODEL_PUBLISH_INTERVAL": "100ms", "FRAUD_STREAM_ENGINE_CHUNK_SIZE": "100"}
    settings, environ = settings_for(broker_port, tmp_path, **small)
    total, more = 20_000, iter([(6_000, 13_000), (13_000, 20_000)])
    feed(settings, 0, 6_000)
    for name in ("first", "second"):
        with worker(environ, tmp_path, name) as running:
            before = learnt(settings)
            wait_until(lambda least=before: learnt(settings) > least, every=0.02)
            first, last = next(more)
            feed(settings, first, last)
            running.kill()
        assert learnt(settings) < last  # killed in the middle
    with worker(environ, tmp_path, "third") as running:
        wait_until(lambda: learnt(settings) >= total)
        produce(settings, "transactions", payments(total, total + 400))
        wait_until(lambda: count(settings, "scored") >= total + 400)
        known = running.get("/table/customer_frauds/C3/")["value"]
        assert running.stop() == 0
    assert known["frauds"] == known["known"][-1]["frauds"] == sum(map(is_fraud, range(3, total, 50)))
    state = models(settings)[-1]
    assert state["learnt"] == total
    assert state["frauds"] == sum(map(is_fraud, range(total)))
    assert state["numbers"]["counts"][0] == total
    check_model_alerts(settings, total)
    check_merchants(settings, total)


def test_a_trainer_killed_while_labels_wait_for_their_time_learns_each_once(broker_port: int, tmp_path: Path) -> None:
    """Labels are on their topic 5,000 payments before they become known, as where a past month is replayed."""
    small = {"FRAUD_STREAM_MODEL_PUBLISH_INTERVAL": "100ms", "FRAUD_STREAM_ENGINE_CHUNK_SIZE": "100"}
    settings, environ = settings_for(broker_port, tmp_path, **small)
    for name, (first, last) in {"first": (0, 8_000), "second": (8_000, 10_000), "third": (10_000, 12_000)}.items():
        feed(settings, first, last, delay=5_000 * 60.0)
        with worker(environ, tmp_path, name) as running:
            wait_until(lambda: {one["transaction_id"] for one in values(settings, "labelled")} == idents(last))  # noqa: B023
            wait_until(lambda: learnt(settings) >= last - 5_000)  # noqa: B023 - called at once
            running.kill()
    state = models(settings)[-1]
    assert 7_000 <= state["learnt"] <= 7_005  # the stream's time goes on with the clock while the test runs
    assert state["frauds"] == sum(map(is_fraud, range(state["learnt"])))
    assert state["numbers"]["counts"][0] == state["learnt"]


def check_merchants(settings: Settings, total: int) -> None:
    """Each label is in its merchant's history once, and what is scored afterwards knows of it."""
    risks = (msgspec.json.decode(one.value(), type=MerchantRisk) for one in read_all(settings, "merchant-risk"))
    newest = {risk.merchant_id: risk.history() for risk in risks}
    frauds = {f"M{m}": sum(map(is_fraud, range(m, total, MERCHANTS))) for m in range(MERCHANTS)}
    assert sum(history.noted for history in newest.values()) == total
    assert {name: history.outcomes.frauds[-1] for name, history in newest.items()} == frauds
    for scored in values(settings, "scored"):
        if int(scored["transaction"]["transaction_id"][1:]) >= total:
            assert scored["features"]["merchant_frauds_30d"] == frauds[scored["transaction"]["merchant_id"]]
            assert scored["features"]["customer_frauds_30d"] > 0


def feed(settings: Settings, first: int, last: int, delay: float = 5.0) -> None:
    produce(settings, "transactions", payments(first, last))
    produce(settings, "labels", labels(first, last, delay))


def check_model_alerts(settings: Settings, first: int) -> None:
    """With all labels learnt the model tells 900 from 20, which no rule does here without a new device or night."""
    new = [s for s in values(settings, "scored") if int(s["transaction"]["transaction_id"][1:]) >= first]
    assert all((s["score"] > 0.5) == is_fraud(int(s["transaction"]["transaction_id"][1:])) for s in new)
    alerts = {a["transaction_id"]: a for a in transaction_alerts(settings)}
    for scored in new:
        if scored["score"] > 0.5:
            reasons = alerts[scored["transaction"]["transaction_id"]]["reasons"]
            assert any(reason["source"] == "model" for reason in reasons)


def test_rocksdb_is_reopened_after_kill(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path, FRAUD_STREAM_STORE_URL="rocksdb://")
    produce(settings, "transactions", payments(0, 4_000))
    with worker(environ, tmp_path, "same") as running:
        wait_until(lambda: count(settings, "scored") > 500, every=0.02)
        running.kill()
    with worker(environ, tmp_path, "same") as running:
        running.wait_until_ready()
        wait_until(lambda: [transactions_of(running, f"C{n}") for n in range(50)] == [80] * 50)
        assert {s["transaction"]["transaction_id"] for s in values(settings, "scored")} == idents(4_000)
        windows = running.get("/table/customer_tumbling/C0/")["windows"]
        assert sum(window["count"] for window in windows) > 20
        assert running.stop() == 0


def transactions_of(running: Worker, customer: str) -> int:
    """How many transactions the worker has counted for a customer."""
    try:
        return int(running.get(f"/table/customer_profile/{customer}/")["value"]["transactions"])
    except HTTPError:  # none yet
        return 0


def idents(last: int) -> set[str]:
    return {f"T{n}" for n in range(last)}


def test_a_key_of_another_worker_is_found_there(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path)
    produce(settings, "transactions", payments(0, 1_000))
    with worker(environ, tmp_path, "a") as a, worker(environ, tmp_path, "b") as b:
        wait_until(lambda: count(settings, "scored") >= 1_000)
        wait_until(lambda: {a.partitions(), b.partitions()} == {2})
        found = wait_until(lambda: same_answers(a, b))
    assert {answer["worker"] for answer in found} == {f"http://127.0.0.1:{w.port}" for w in (a, b)}
    assert all(answer["windows"][0]["count"] >= 1 for answer in found)


def same_answers(*workers: Worker) -> Any:
    """What all workers answer; None while they differ: the last commit deletes windows that have expired."""
    first, *others = [[w.get(f"/table/customer_hopping/C{n}/") for n in range(50)] for w in workers]
    return first if all(other == first for other in others) else None
