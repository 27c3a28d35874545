"""Hostile requests, made by Schemathesis from the OpenAPI document that a real worker serves."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis import checks

from fraud_stream.web.openapi import document
from tests.dashboard import payment
from tests.harness import Worker, a_broker, produce, settings_for, wait_until, worker

pytestmark = [pytest.mark.broker, pytest.mark.embedded]  # what a broker does is no matter here
TOKENS = f"admin:ana:{'a' * 40},viewer:vic:{'c' * 40}"
CHECKS = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)
#: It ends when the listener does.
ENDLESS = "/dashboard/api/events"
schema = schemathesis.openapi.from_dict(document()).exclude(path=ENDLESS)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    with a_broker(folder) as port:
        access = {"FRAUD_STREAM_WEB_BIND": "0.0.0.0", "FRAUD_STREAM_WEB_TOKENS": TOKENS}
        made, environ = settings_for(port, folder, **access, FRAUD_STREAM_WEB_MASK_FOR_VIEWERS="true")
        produce(made, "transactions", [payment(n, f"C{n % 5}", 2_000.0) for n in range(20)] + [("C1", b"{")])
        with worker(environ, folder) as one:
            one.wait_until_ready()
            wait_until(lambda: one.metric("fraud_stream_transactions_scored_total") >= 20)
            yield one


def test_the_worker_serves_a_valid_document(running: Worker) -> None:
    served = running.get("/dashboard/api/openapi.json", "viewer")
    assert served == json.loads(json.dumps(document()))
    validate(served)


@pytest.mark.parametrize("role", ["admin", "viewer", None])
@schema.parametrize()
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_the_worker_or_is_answered_otherwise_than_told(
    case, role: str | None, running: Worker
) -> None:
    headers = {"Authorization": f"Bearer {running.tokens[role]}"} if role else {}
    case.call_and_validate(base_url=f"http://127.0.0.1:{running.port}", headers=headers, checks=CHECKS, timeout=30)


def test_the_worker_works_on(running: Worker) -> None:
    assert running.process.poll() is None
    assert "Traceback" not in running.text()
