"""Before the model may be asked, what is unusual is alerted, and the alert says what it is."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraud_stream.models.anomaly import WINDOW
from tests.harness import Worker, a_broker, count, produce, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker
START = 1_700_000_000.0
NUMBER = 2 * WINDOW + 200
CUSTOMERS = 60


def payments() -> Iterator[tuple[str, bytes]]:
    """Ordinary payments, and in the end one that no rule names: a new device, and an amount above the habit."""
    rnd = random.Random(1)
    for n in range(NUMBER):
        customer = f"C{n % CUSTOMERS}"
        yield payment(f"T{n}", customer, START + n * 60.0, rnd.uniform(20, 40), f"D-{customer}")
    yield payment("odd", "C7", START + NUMBER * 60.0, 140.0, "another")


def payment(ident: str, customer: str, time: float, amount: float, device: str) -> tuple[str, bytes]:
    body = {"transaction_id": ident, "customer_id": customer, "timestamp": time, "amount": amount, "device_id": device}
    return customer, json.dumps(body).encode()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, list[dict]]]:
    folder: Path = tmp_path_factory.mktemp("cold-start")
    variables = {"FRAUD_STREAM_TOPICS_PARTITIONS": "1", "FRAUD_STREAM_ANOMALY_SHARE": "0.002"}
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, **variables)
        produce(settings, "transactions", payments())
        with worker(environ, folder) as running:
            wait_until(lambda: count(settings, "scored") == NUMBER + 1)
            scored = [s for s in values(settings, "scored") if s["transaction"]["transaction_id"] in ("T0", "odd")]
            yield running, [*values(settings, "alerts"), *scored]


def test_what_is_unusual_is_alerted_with_its_reason(run: tuple[Worker, list[dict]]) -> None:
    alert = next(one for one in run[1] if one.get("transaction_id") == "odd")
    assert (alert["severity"], alert["type"], alert["verdict"]) == ("MEDIUM", "UNSUPERVISED", "review")
    assert alert["message"].startswith("unusual for what was seen so far; the model has learnt too few frauds")
    assert {reason["source"] for reason in alert["reasons"]} == {"anomaly"}
    assert "is_new_device" in {reason["feature"] for reason in alert["reasons"]}


def test_the_anomaly_score_is_recorded_once_enough_was_seen(run: tuple[Worker, list[dict]]) -> None:
    first, odd = (one for one in run[1] if "transaction" in one)
    assert first["anomaly_score"] is None
    assert 0.5 < odd["anomaly_score"] <= 1
    assert odd["score"] is None


def test_the_alerts_are_counted_by_why(run: tuple[Worker, list[dict]]) -> None:
    alerts = [one for one in run[1] if one.get("type") == "UNSUPERVISED"]
    assert run[0].metric("fraud_stream_anomaly_alerts_total", why="cold_start") == len(alerts) > 0
    assert run[0].metric("fraud_stream_anomaly_alerts_total") == len(alerts)
