"""What a worker counts is what is on the topics."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fraud_stream.settings import Settings
from fraud_stream.web.told import COUNTERS, GAUGES
from tests.harness import Worker, a_broker, count, produce, settings_for, transaction_alerts, values, wait_until, worker

pytestmark = pytest.mark.broker
PARTITIONS = 4
START = 1_700_000_000.0
CUSTOMERS = 40
NUMBER, LEARNT_FROM = 2_000, 1_600
#: Payments that are sent twice, that lack a device, and records that are none.
TWICE, BARE, BROKEN = 30, 100, 7


def payments(first: int, last: int) -> Iterator[tuple[str, bytes]]:
    for n in range(first, last):
        body = {"transaction_id": f"T{n}", "customer_id": f"C{n % CUSTOMERS}", "timestamp": START + n * 60.0}
        more = {"amount": 1_500.0 if is_fraud(n) else 20.0 + n % 7, "merchant_id": f"M{n % 5}", "location": "Oslo"}
        device = {} if n < BARE else {"device_id": f"D{n % CUSTOMERS}"}
        odd = {"amount": 400.0, "payment_method": "Gift Card"} if n % 50 == 7 else {}
        for _ in range(2 if n < TWICE else 1):
            yield f"C{n % CUSTOMERS}", json.dumps({**body, **more, **device, **odd}).encode()


def broken() -> Iterator[tuple[str, bytes]]:
    return ((f"C{n}", b"{") for n in range(BROKEN))


def labels(first: int, last: int) -> Iterator[tuple[str, bytes]]:
    for n in range(first, last):
        body = {"transaction_id": f"T{n}", "customer_id": f"C{n % CUSTOMERS}", "is_fraud": is_fraud(n)}
        yield f"C{n % CUSTOMERS}", json.dumps({**body, "labelled_at": START + n * 60.0 + 5, "source": "test"}).encode()


def is_fraud(n: int) -> bool:
    return n % 10 == 3


class Run(NamedTuple):
    """A worker that has taken everything in, and its environment."""

    settings: Settings
    environ: dict[str, str]
    worker: Worker


@contextmanager
def a_run(folder: Path) -> Iterator[Run]:
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_EVALUATION_PUBLISH_INTERVAL="100ms")
        produce(settings, "transactions", broken())
        with worker(environ, folder) as running:
            for first, last in ((0, LEARNT_FROM), (LEARNT_FROM, NUMBER)):  # of the second part the model is asked
                produce(settings, "transactions", payments(first, last))
                produce(settings, "labels", labels(first, last))
                running.wait_until_ready()
                wait_until(lambda until=last: running.metric("fraud_stream_model_labels_learnt") == until)
            wait_until(lambda: running.samples("fraud_stream_consumer_lag_records") == [0.0] * (2 * PARTITIONS + 1))
            wait_until(lambda: running.samples("fraud_stream_labelled_ratio") == [1.0])
            yield Run(settings, environ, running)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with a_run(tmp_path_factory.mktemp("metrics")) as run:
        yield run


def test_records_are_counted_and_not_chunks(run: Run) -> None:
    metric = run.worker.metric
    assert metric("fraud_stream_transactions_read_total") == NUMBER + TWICE + BROKEN
    assert metric("fraud_stream_transactions_scored_total") == count(run.settings, "scored") == NUMBER
    assert metric("fraud_stream_transactions_special_total", what="duplicate") == TWICE
    assert metric("fraud_stream_missing_fields_total", field="device_id") == BARE + TWICE
    assert metric("fraud_stream_labels_total") == NUMBER
    assert metric("fraud_stream_dead_letters_total", reason="undecodable") == BROKEN
    assert metric("fraud_stream_dead_letters_total") == count(run.settings, run.settings.topics.dead) == BROKEN


def test_alerts_are_counted_by_type_and_severity_and_hits_by_rule(run: Run) -> None:
    alerts = Counter((one["type"], one["severity"]) for one in transaction_alerts(run.settings))
    assert len(alerts) > 1
    for (kind, severity), number in alerts.items():
        assert run.worker.metric("fraud_stream_alerts_total", type=kind, severity=severity) == number
    assert run.worker.metric("fraud_stream_alerts_total") == alerts.total()
    hits = Counter(rule for one in values(run.settings, "scored") for rule in one["rules"])
    assert hits["amount-above-threshold"] == NUMBER / 10
    for rule, number in hits.items():
        assert run.worker.metric("fraud_stream_rule_hits_total", rule=rule, state="active") == number


def test_every_decision_is_in_both_histograms(run: Run) -> None:
    scored = values(run.settings, "scored")
    for name, taken in {
        "broker_to_decision": [one["latency"] for one in scored],
        "event_to_decision": [one["decided_at"] - one["transaction"]["timestamp"] for one in scored],
    }.items():
        assert run.worker.metric(f"fraud_stream_{name}_seconds_count") == NUMBER
        assert run.worker.metric(f"fraud_stream_{name}_seconds_sum") == pytest.approx(sum(taken), rel=1e-6)
        below = sum(seconds <= 0.5 for seconds in taken)
        assert run.worker.metric(f"fraud_stream_{name}_seconds_bucket", le="0.5") == below


def test_how_sure_the_model_was_is_told_of_what_it_was_asked(run: Run) -> None:
    said = [one["score"] for one in values(run.settings, "scored") if one["score"] is not None]
    sure = [max(score, 1 - score) for score in said]
    assert 0 < len(sure) < NUMBER
    assert run.worker.metric("fraud_stream_confidence_ratio_count") == len(sure)
    assert run.worker.metric("fraud_stream_confidence_ratio_sum") == pytest.approx(sum(sure))
    below = sum(one <= 0.99 for one in sure)
    assert run.worker.metric("fraud_stream_confidence_ratio_bucket", le="0.99") == below


def test_the_worker_its_tables_and_its_models_are_told(run: Run) -> None:
    metric = run.worker.metric
    assert metric("fraud_stream_worker_phase", phase="running") == metric("fraud_stream_worker_phase") == 1
    assert metric("fraud_stream_worker_stalled") == 0
    assert metric("fraud_stream_table_entries", table="customer_profile", role="active") == CUSTOMERS
    assert len(run.worker.samples("fraud_stream_table_entries", table="pending")) == PARTITIONS
    assert metric("fraud_stream_model_version", model="online") >= 1
    assert 0 <= metric("fraud_stream_model_age_seconds", model="online") < 120
    assert metric("fraud_stream_model_decides", model="online") == 1
    assert metric("process_cpu_seconds_total") > 0.5
    newest = max(metric("fraud_stream_stream_timestamp_seconds", partition=str(n)) for n in range(PARTITIONS))
    assert newest == START + (NUMBER - 1) * 60.0


def test_what_labels_tell_is_the_page_of_quality(run: Run) -> None:
    page = run.worker.get("/quality/")
    deciding, name = page["contestants"]["deciding"], "fraud_stream_quality_average_precision_ratio"
    assert run.worker.metric(name, contestant="deciding") == pytest.approx(deciding["average_precision"])
    assert run.worker.metric("fraud_stream_alerts_recall_ratio") == pytest.approx(page["alerts"]["recall"])


def test_names_follow_the_conventions_and_all_are_told(run: Run) -> None:
    with urlopen(f"http://127.0.0.1:{run.worker.port}/metrics/", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        families: dict[str, Any] = {one.name: one for one in text_string_to_metric_families(answer.read().decode())}
    assert {f"fraud_stream_{told.name}" for told in (*COUNTERS, *GAUGES)} <= families.keys()
    assert all(one.documentation for one in families.values())
    for told in COUNTERS:
        assert families[f"fraud_stream_{told.name}"].type == "counter"
