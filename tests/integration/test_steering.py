"""Rules and lists that are changed while payments come: in every worker within a second, and after a restart."""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from fraud_stream.cli import main
from fraud_stream.domain.rulebook import RuleVersion
from fraud_stream.domain.rules import Rule
from fraud_stream.settings import Settings
from tests.exact import fed, payments
from tests.harness import ON_KAFKA, Worker, count, produce, settings_for, transaction_alerts, values, wait_until, worker

pytestmark = pytest.mark.broker
A_SECOND = 800.0
WORKERS = 2 if ON_KAFKA else 1
ALONE = {"FRAUD_STREAM_MODEL_ENABLED": "false"}


def run(environ: Any, *arguments: str) -> str:
    found = CliRunner().invoke(main, arguments, env=dict(environ))
    assert found.exit_code == 0, found.output
    return found.output


def test_all_workers_take_a_change_within_a_second_under_load(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path, **ALONE)
    with ExitStack() as stack:
        running = [stack.enter_context(worker(environ, tmp_path, str(n))) for n in range(WORKERS)]
        wait_until(lambda: sum(one.partitions() for one in running) == settings.topics.partitions)
        with fed(settings, 12_000, A_SECOND):
            wait_until(lambda: count(settings, "scored") > 1_000)
            (before,) = {page["version"] for page in rules_pages(running)}
            asked = time.time()
            run(environ, "rules", "add", "everything", "--when", "amount >= 0", "--severity", "LOW", "--reason", "test")
            delivered = time.time()
            version = json.loads(run(environ, "rules", "list", "--json"))["version"]
        wait_until(lambda: count(settings, "scored") > 11_500)
        wait_until(lambda: {page["version"] for page in rules_pages(running)} == {version})
        scored = values(settings, "scored")
        assert {one["partition"] for one in scored} == set(range(settings.topics.partitions))
        assert all(one["rules_version"] == before for one in scored if one["decided_at"] < asked)
        # by when they were sent: a machine that is busy with other things has transactions wait as well as changes
        late = [one for one in scored if one["decided_at"] - one["latency"] > delivered + 1.0]
        assert len(late) > 1_000
        assert {one["rules_version"] for one in late} == {version}
        assert all("everything" in one["rules"] for one in late)
        (rule,) = [one for one in rules_pages(running)[0]["rules"] if one["id"] == "everything"]
        assert rule["hits"] > 0
        for one in running:
            assert one.stop() == 0, one.text()[-3_000:]
    with worker(environ, tmp_path, "again") as again:  # it is still in force
        assert wait_until(lambda: rules_pages([again]))[0]["version"] == version
        assert again.stop() == 0


def rules_pages(running: list[Worker]) -> list[Any]:
    """What `/rules/` says in each worker; none while one does not serve it yet."""
    try:
        return [one.get("/rules/") for one in running]
    except OSError:
        return []


def test_what_is_no_rule_is_refused_and_the_old_one_stays(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path, **ALONE)
    with worker(environ, tmp_path) as running:
        running.wait_until_ready()
        before = running.get("/rules/")
        bad = RuleVersion(Rule("velocity-count", "no_such_feature > 1", version=2), 1.0, "x")
        produce(settings, "rules", [(bad.key, msgspec.json.encode(bad)), ("x", b"\xff{")])
        after = wait_until(lambda: (page := running.get("/rules/"))["refused"] == 2 and page)
        assert (after["version"], after["rules"]) == (before["version"], before["rules"])
        assert running.metric("fraud_stream_announcements_refused_total", what="rules") == 2
        assert "'no_such_feature' is unknown" in running.text()
        assert "'no_such_feature' is unknown" in after["refused_because"][bad.key]
        assert running.stop() == 0


def decided_of(settings: Settings, running: Worker, customer: str, ident: str) -> Any:
    """Send a payment that rules object to, and what `scored` says of it."""
    body = {"transaction_id": ident, "customer_id": customer, "timestamp": time.time(), "amount": 5_000.0}
    produce(settings, "transactions", [(customer, json.dumps(body).encode())])

    def found() -> Any:
        return next((one for one in values(settings, "scored") if one["transaction"]["transaction_id"] == ident), None)

    return wait_until(found)


def test_allowed_denied_and_snoozed(broker_port: int, tmp_path: Path) -> None:
    settings, environ = settings_for(broker_port, tmp_path, **ALONE)
    produce(settings, "transactions", payments(10))
    with worker(environ, tmp_path) as running:
        wait_until(lambda: count(settings, "scored") > 0)
        for entry in (
            ("allow", "customer", "Good"),
            ("deny", "customer", "Bad"),
            ("snooze", "customer", "Quiet", "--for", "1h"),
        ):
            run(environ, "lists", "add", *entry)
        wait_until(lambda: len(running.get("/rules/")["lists"]) == 3)
        found = {name: decided_of(settings, running, name, f"T-{name}") for name in ("Good", "Bad", "Quiet", "Other")}
        verdicts = {name: (one["verdict"], one["listed"], one["is_snoozed"]) for name, one in found.items()}
        assert verdicts == {
            "Good": ("accept", "allow", False),
            "Bad": ("block", "deny", False),
            "Quiet": ("block", None, True),
            "Other": ("block", None, False),
        }
        alerted = {alert["customer_id"]: alert["type"] for alert in transaction_alerts(settings)}
        mine = {name: alerted.get(name) for name in found}
        assert mine == {"Good": None, "Bad": "DENY_LIST", "Quiet": None, "Other": "THRESHOLD_VIOLATION"}
        assert running.metric("fraud_stream_alerts_snoozed_total") == 1
        run(environ, "lists", "remove", "snooze", "customer", "Quiet")
        wait_until(lambda: len(running.get("/rules/")["lists"]) == 2)
        assert decided_of(settings, running, "Quiet", "T-again")["alert_id"]
        assert running.stop() == 0
