"""``POST /predict`` on two real workers: what it says is what the stream then decides."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import pytest

from fraud_stream.settings import Settings
from tests.dashboard import START
from tests.harness import Worker, a_broker, produce, settings_for, values, wait_until, worker

pytestmark = pytest.mark.broker
CUSTOMERS, NUMBER = 12, 600


def payment(n: int, rng: random.Random) -> tuple[str, bytes]:
    customer = f"C{rng.randrange(CUSTOMERS)}"
    body = {
        "transaction_id": f"T{n}",
        "customer_id": customer,
        "timestamp": START + n * 20.0,
        "amount": 1_500.0 if rng.random() < 0.1 else round(rng.uniform(5, 200), 2),
        "merchant_id": f"M{rng.randrange(5)}",
        "location": rng.choice(["Oslo", "Lisbon", "Berlin"]),
        "device_id": f"D{rng.randrange(3)}",
        "payment_method": rng.choice(["Card", "Gift Card"]),
    }
    return customer, json.dumps(body).encode()


def label(n: int, value: bytes) -> tuple[str, bytes]:
    made = json.loads(value)
    is_fraud = made["amount"] == 1_500.0 or made["merchant_id"] == "M3"
    told = {name: made[name] for name in ("transaction_id", "customer_id")}
    return made["customer_id"], json.dumps(
        {**told, "is_fraud": is_fraud, "labelled_at": made["timestamp"] + 5, "source": "chargeback"}
    ).encode()


class Run(NamedTuple):
    """Two workers that have taken in and learnt the past, and payments that are to come."""

    settings: Settings
    workers: list[Worker]
    to_come: list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("predict")
    rng = random.Random(7)
    payments = [payment(n, rng) for n in range(NUMBER + 40)]
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_MODEL_MIN_FRAUDS="5")
        with worker(environ, folder, "one") as one, worker(environ, folder, "two") as two:
            wait_until(lambda: 0 < one.partitions() < 4 and one.partitions() + two.partitions() == 4)
            produce(settings, "transactions", payments[:NUMBER])
            produce(settings, "labels", (label(n, value) for n, (_, value) in enumerate(payments[:500])))
            wait_until(lambda: len(values(settings, "scored")) >= NUMBER)
            for each in (one, two):
                wait_until(lambda asked=each: asked.metric("fraud_stream_model_labels_learnt") == 500)
            yield Run(settings, [one, two], payments[NUMBER:])


def ask(asked: Worker, body: Any) -> Any:
    with asked.open("/predict", body=body) as response:
        return json.load(response)


def refusal(asked: Worker, body: Any) -> tuple[int, str]:
    with pytest.raises(HTTPError) as caught:
        asked.open("/predict", body=body)
    return caught.value.code, json.load(caught.value)["error"]


def test_the_stream_decides_what_was_predicted_whichever_worker_is_asked(run: Run) -> None:
    kinds = set()
    for n, (customer, value) in enumerate(run.to_come):
        said = [ask(each, value) for each in run.workers]
        together = ask(run.workers[0], {"transactions": [json.loads(value)]})["predictions"]
        produce(run.settings, "transactions", [(customer, value)])
        scored = wait_until(
            lambda known=NUMBER + n + 1: len(found := values(run.settings, "scored")) == known and found
        )
        ident = json.loads(value)["transaction_id"]
        (decided,) = [one for one in scored if one["transaction"]["transaction_id"] == ident]
        for one in (*said, together[0]["prediction"]):
            assert one["input_features"] == decided["features"]
            assert one["fraud_probability"] == decided["score"]
            for name in ("risk_score", "verdict", "reasons", "model_version", "rules_version", "threshold", "is_late"):
                wanted = decided["risk_score" if name == "risk_score" else name]
                assert one[name] == wanted, name
            assert one["is_known_customer"]
            assert one["is_fraud"] == (decided["alert_id"] is not None)
        kinds.add(decided["verdict"])
    assert len(kinds) > 1


def test_predicting_changes_nothing(run: Run) -> None:
    before = run.workers[0].get("/table/customer_profile/C1/"), run.workers[0].get("/table/customer_hopping/C1/")
    later = {**json.loads(run.to_come[-1][1]), "customer_id": "C1", "transaction_id": "T-not-made"}
    assert ask(run.workers[0], later) | {"timestamp": 0} == ask(run.workers[0], later) | {"timestamp": 0}
    after = run.workers[0].get("/table/customer_profile/C1/"), run.workers[0].get("/table/customer_hopping/C1/")
    assert before == after


def test_a_duplicate_and_a_new_customer_are_told(run: Run) -> None:
    known = values(run.settings, "scored")[-1]["transaction"]
    code, told = refusal(run.workers[0], known)
    assert (code, "was decided already" in told) == (400, True)
    new = ask(run.workers[0], {**known, "customer_id": "nobody-yet", "transaction_id": "T-new"})
    assert (new["is_known_customer"], new["input_features"]["history_count"]) == (False, 0.0)


def test_a_worker_answers_for_no_customer_of_anothers(run: Run) -> None:
    """Asked by a worker that believes this one has the customer, as while partitions move."""
    bodies = [{**json.loads(run.to_come[-1][1]), "customer_id": f"C{n}"} for n in range(CUSTOMERS)]
    asked = json.dumps({"transactions": [{**body, "transaction_id": "T-moved"} for body in bodies]}).encode()
    found = []
    for each in run.workers:
        with each.open("/predict", body=asked, **{"X-Fraud-Stream-Forwarded": "1"}) as response:
            found.append([one["error"] is None for one in json.load(response)["predictions"]])
    assert [sum(pair) for pair in zip(*found, strict=True)] == [1] * CUSTOMERS


def test_payments_by_their_figures(run: Run) -> None:
    figures = {
        "transaction_amount": 1_500.0,
        "transaction_hour": 3,
        "days_since_last_transaction": 2,
        "merchant_risk_score": 0.2,
        "customer_age_months": 12,
        "num_transactions_24h": 7,
        "is_international": True,
    }
    found = ask(run.workers[0], figures)
    assert (found["is_fraud"], found["risk_level"]) == (True, "HIGH")
    assert 0 <= found["fraud_probability"] <= 1
    assert {name: found["input_features"][name] for name in ("hour", "is_night", "sliding_count_24h")} == {
        "hour": 3.0,
        "is_night": 1.0,
        "sliding_count_24h": 7.0,
    }
    window = {"amount": 9, "avg_transaction_amount": 10, "transaction_count": 3, "unique_locations": 1}
    assert ask(run.workers[0], {**window, "unique_devices": 1})["input_features"]["sliding_sum_1h"] == 30.0
    assert ask(run.workers[0], {"amount": 5})["risk_level"] == "LOW"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "no payment"),
        (b"[]", "no payment"),
        ({"transactions": []}, "0 payments; 1 to 1,000"),
        ({"transactions": [{}] * 1_001}, "1,001 payments; 1 to 1,000"),
        ({"transactions": 5}, "transactions: "),
        ({"transaction_amount": -1}, "`$.transaction_amount`"),
        ({"transaction_amount": 5, "transaction_hour": 24}, "`$.transaction_hour`"),
        ({"transaction_amount": 5, "colour": "red"}, "colour"),
        ({"customer_id": "C1", "amount": 5}, "transaction_id"),
        ({"transaction_id": "T", "customer_id": "C1", "timestamp": "soon", "amount": 5}, "'soon' is no time"),
    ],
)
def test_what_is_wrong_is_named(run: Run, body: Any, why: str) -> None:
    code, told = refusal(run.workers[0], body)
    assert code == 400
    assert why in told


def test_of_many_each_is_answered(run: Run) -> None:
    later = json.loads(run.to_come[-1][1])
    payments = [{**later, "customer_id": f"C{n % CUSTOMERS}", "transaction_id": f"TX{n}"} for n in range(998)]
    answers = ask(run.workers[1], {"transactions": [*payments, {"amount": -1}, {"transaction_amount": 5}]})[
        "predictions"
    ]
    assert [one["prediction"]["transaction_id"] for one in answers[:998]] == [f"TX{n}" for n in range(998)]
    assert "amount" in answers[998]["error"]
    assert answers[999]["prediction"]["risk_level"] == "LOW"
