"""Two real workers that others can reach: who may see and change what, and what is recorded of it."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import pytest

from fraud_stream.broker import free_port
from fraud_stream.reading import read_all
from fraud_stream.settings import Settings
from fraud_stream.web.operations import OPERATIONS
from tests.dashboard import payment
from tests.harness import ROOT, Worker, a_broker, produce, settings_for, transaction_alerts, values, wait_until, worker

pytestmark = [pytest.mark.broker, pytest.mark.embedded]  # what a broker does is no matter here
TOKENS = f"admin:ana:{'a' * 40},analyst:bo:{'b' * 40},viewer:vic:{'c' * 40}"
CUSTOMERS = 8
DEVICE = "DEVICE-of-somebody"
API = "/dashboard/api/"


class Run(NamedTuple):
    """Two workers, each with customers of its own."""

    settings: Settings
    workers: list[Worker]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("access")
    with a_broker(folder) as port:
        access = {"FRAUD_STREAM_WEB_BIND": "0.0.0.0", "FRAUD_STREAM_WEB_TOKENS": TOKENS}
        settings, environ = settings_for(port, folder, **access, FRAUD_STREAM_WEB_MASK_FOR_VIEWERS="true")
        payments = (payment(n, f"CUSTOMER-{n % CUSTOMERS}", 2_000.0 + n, device_id=DEVICE) for n in range(40))
        produce(settings, "transactions", [*payments, ("CUSTOMER-1", b"{")])
        with worker(environ, folder, "one") as one, worker(environ, folder, "two") as two:
            wait_until(lambda: 0 < one.partitions() < 4 and one.partitions() + two.partitions() == 4)
            wait_until(lambda: len(transaction_alerts(settings)) >= 40)
            wait_until(lambda: len(values_of_dead(settings)) == 1)
            yield Run(settings, [one, two])


def values_of_dead(settings: Settings) -> list[Any]:
    return list(read_all(settings, settings.topics.dead))


def sent(asked: Worker, path: str, role: str | None, body: Any, **headers: str) -> tuple[int, Any]:
    try:
        with asked.open(API + path, role, body, **headers) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def status(asked: Worker, path: str, role: str | None) -> int:
    try:
        with asked.open(path, role) as response:
            return int(response.status)
    except HTTPError as error:
        json.load(error)
        return error.code


def newest_audit(run: Run) -> Any:
    return values(run.settings, "audit")[-1]


def test_nobody_without_a_token_sees_anything(run: Run) -> None:
    paths = [one.path for one in OPERATIONS if one.method == "GET" and "{" not in one.path and one.role is not None]
    for path in [*paths, "/", "/table/customer_profile/", "/table/customer_profile/CUSTOMER-1/", "/nowhere"]:
        assert status(run.workers[0], path, None) == 401, path
    assert [status(run.workers[0], path, None) for path in ("/health", "/dashboard/", f"{API}session")] == [200] * 3


def test_workers_ask_each_other(run: Run) -> None:
    for each in run.workers:
        assert each.get(f"{API}workers")["silent"] == []
        for n in range(CUSTOMERS):
            assert each.get(f"/table/customer_profile/CUSTOMER-{n}/", "analyst")["key"] == f"CUSTOMER-{n}"


def test_no_page_names_a_customer_or_a_device_to_a_viewer(run: Run) -> None:
    for what, value in (("device", DEVICE), ("merchant", "M-of-nobody")):
        entry = {"list": "deny", "what": what, "value": value, "reason": "seen with CUSTOMER-1"}
        assert sent(run.workers[0], "lists", "analyst", entry)[0] == 200
    rule = {"id": "one-device", "when": f'device_id == "{DEVICE}"', "before": None, "message": "{device_id} again"}
    told = {"description": f"{DEVICE} of CUSTOMER-2", "reason": "CUSTOMER-2 has called"}
    assert sent(run.workers[0], "rules", "admin", {**rule, **told})[0] == 200
    plain = {"id": "plain", "when": "amount > 1", "before": None, "message": f"{DEVICE} of CUSTOMER-2"}
    assert sent(run.workers[0], "rules", "admin", plain)[0] == 200
    produce(run.settings, "transactions", [payment(100, "CUSTOMER-1", 20.0, device_id=DEVICE)])
    wait_until(lambda: any("again" in one["message"] or one["type"] == "DENY_LIST" for one in alerts(run)))
    refused = set()
    for one in OPERATIONS:
        if one.method != "GET" or one.content == "text/event-stream":
            continue
        path = one.path.replace("{name}", "customer_profile").replace("{key}", "CUSTOMER-1")
        path += {"alert": f"?id={alerts(run)[0]['alert_id']}"}.get(path.removeprefix(API), "")
        try:
            with run.workers[0].open(path, "viewer") as response:
                text = response.read().decode()
        except HTTPError as error:
            text = error.read().decode()
            refused.add(path)
        assert "CUSTOMER-" not in text, path
        assert DEVICE not in text, path
    names = {f"{API}customer", f"{API}history", f"{API}dead-letters"}
    assert refused == {*names, "/table/customer_profile/", "/table/customer_profile/CUSTOMER-1/"}
    with run.workers[0].open(f"{API}events?after=0", "viewer") as stream:
        text = b"".join(stream.readline() for _ in range(60)).decode()
    assert text.count("event: alert") > 10
    assert "CUSTOMER-" not in text
    assert DEVICE not in text
    masked = run.workers[0].get(f"{API}alerts", "viewer")["alerts"]
    assert len({one["customer_id"] for one in masked}) == CUSTOMERS, "one customer is told from another"
    assert {one["customer_id"] for one in run.workers[1].get(f"{API}alerts", "viewer")["alerts"]} == {
        one["customer_id"] for one in masked
    }
    assert run.workers[0].get(f"{API}alerts?customer=CUSTOMER-1", "viewer")["alerts"] == []


def alerts(run: Run) -> Any:
    return run.workers[0].get(f"{API}alerts")["alerts"]


def test_an_analyst_labels_and_it_is_recorded_and_joined(run: Run) -> None:
    before = sum(each.metric("fraud_stream_labels_total", what="joined") for each in run.workers)
    label = {"transaction_id": "T3", "customer_id": "CUSTOMER-3", "is_fraud": True, "reason": "called them"}
    assert sent(run.workers[0], "labels", "viewer", label)[0] == 403
    assert sent(run.workers[0], "labels", "analyst", label)[0] == 200
    (found,) = [one for one in values(run.settings, "labels") if one["transaction_id"] == "T3"]
    assert (found["is_fraud"], found["source"]) == (True, "analyst")
    assert found["labelled_at"] < time.time() - 1e6, "it is in the stream's time, which is years ago here"
    wait_until(
        lambda: sum(each.metric("fraud_stream_labels_total", what="joined") for each in run.workers) == before + 1
    )
    entry = newest_audit(run)
    assert (entry["by"], entry["role"], entry["via"], entry["action"]) == ("bo", "analyst", "page", "label")
    assert (entry["target"], entry["reason"], entry["details"]) == ("T3", "called them", found)


def rule_in(asked: Worker, ident: str) -> Any:
    return next((one for one in asked.get("/rules/")["rules"] if one["id"] == ident), None)


def test_an_admin_changes_a_rule_in_every_worker(run: Run) -> None:
    rule = {"id": "from-the-page", "when": "amount > 77", "before": None, "state": "shadow", "reason": "a try"}
    assert sent(run.workers[1], "rules", "analyst", rule)[0] == 403
    assert sent(run.workers[1], "rules", "admin", rule) == (
        200,
        {"message": "rule from-the-page is shadow in version 1", "version": 1},
    )
    for each in run.workers:
        found = wait_until(lambda asked=each: rule_in(asked, "from-the-page"), 5)
        assert (found["by"], found["state"], found["when"]) == ("ana", "shadow", "amount > 77")
    assert newest_audit(run)["details"]["rule"]["id"] == "from-the-page"
    code, told = sent(run.workers[0], "rules", "admin", rule)
    assert (code, "is there, in version 1" in told["error"]) == (409, True)
    code, told = sent(run.workers[0], "rules", "admin", {**rule, "before": 1, "when": "amout > 1"})
    assert (code, "did you mean amount" in told["error"]) == (422, True)
    assert sent(run.workers[0], "rules", "admin", {**rule, "before": 1, "is_deleted": True})[0] == 200
    assert wait_until(lambda: rule_in(run.workers[0], "from-the-page") is None, 5)
    assert sent(run.workers[0], "rules", "admin", {**rule, "before": 1})[0] == 409


def test_an_analyst_snoozes_a_customer(run: Run) -> None:
    entry = {"list": "snooze", "what": "customer", "value": "CUSTOMER-5", "seconds": 3_600}
    code, told = sent(run.workers[0], "lists", "analyst", {**entry, "seconds": None})
    assert (code, "until some time" in told["error"]) == (400, True)
    assert sent(run.workers[0], "lists", "analyst", entry)[0] == 200
    for each in run.workers:
        wait_until(lambda asked=each: "CUSTOMER-5" in {one["value"] for one in asked.get("/rules/")["lists"]}, 5)
    assert sent(run.workers[0], "lists", "analyst", {**entry, "is_removed": True})[0] == 200
    code, told = sent(run.workers[0], "lists", "analyst", {**entry, "is_removed": True})
    assert (code, told["error"]) == (409, "customer CUSTOMER-5 is not on the snooze list")


def test_an_admin_redrives_dead_letters(run: Run) -> None:
    (letter,) = run.workers[0].get(f"{API}dead-letters", "analyst")["letters"]
    rehearsal = {"places": [letter["at"]], "is_rehearsal": True}
    assert sent(run.workers[0], "dead-letters/redrive", "analyst", rehearsal)[0] == 403
    told = {"sent": 0, "topics": {"transactions": 1}, "left": {}}
    assert sent(run.workers[0], "dead-letters/redrive", "admin", rehearsal) == (200, told)
    assert len(values_of_dead(run.settings)) == 1
    code, told = sent(run.workers[0], "dead-letters/redrive", "admin", {"reason": "mended"})
    assert (code, told["sent"]) == (200, 1)
    wait_until(lambda: len(values_of_dead(run.settings)) == 2)  # it is no better than before
    assert newest_audit(run)["target"] == letter["at"]
    assert sent(run.workers[0], "dead-letters/redrive", "admin", {"places": ["3:999999"]})[0] == 409


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"{", {}, 400),
        (b'{"transaction_id": "T1"}', {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"x" * 2_000_000, {}, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"Origin": "http://evil.example"}, 403),
    ],
)
def test_what_cannot_be_a_change_is_refused(run: Run, body: bytes, headers: dict[str, str], expected: int) -> None:
    before = len(values(run.settings, "audit"))
    code, told = sent(run.workers[0], "labels", "analyst", body, **headers)
    assert (code, list(told)) == (expected, ["error"])
    assert "Traceback" not in told["error"]
    assert len(values(run.settings, "audit")) == before


def test_a_cookie_is_given_for_a_token_and_taken_back(run: Run) -> None:
    assert sent(run.workers[0], "session", None, {"token": "x" * 40})[0] == 401
    with run.workers[0].open(f"{API}session", None, {"token": "a" * 40}) as response:
        assert json.load(response) == {"name": "ana", "role": "admin", "knows_tokens": True, "is_masked": False}
        cookie = response.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "a" * 40 not in cookie
    own = cookie.split(";")[0]
    for each in run.workers:
        with each.open(f"{API}session", None, Cookie=own) as response:
            assert json.load(response)["name"] == "ana"
    rule = {"id": "by-cookie", "when": "amount > 5", "before": None}
    assert sent(run.workers[0], "rules", None, rule, Cookie=own, Origin="http://evil.example")[0] == 403
    assert sent(run.workers[0], "rules", None, rule, Cookie=own)[0] == 200


@pytest.mark.parametrize(
    ("how", "variables"),
    [(("--web-bind", "0.0.0.0"), {}), ((), {"WEB_BIND": "0.0.0.0"}), ((), {"FRAUD_STREAM_WEB_BIND": "::"})],
)
def test_a_worker_that_others_could_reach_without_tokens_does_not_start(
    how: tuple[str, ...], variables: dict[str, str], tmp_path: Path
) -> None:
    _, environ = settings_for(free_port(), tmp_path)  # it is refused before a broker is asked
    command = [sys.executable, "-m", "faust", "-A", "fraud_stream", "worker", "--web-port", str(free_port()), *how]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0.0.0.0" in done.stdout + done.stderr or "[web] bind = '::'" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def sign_in(length: int) -> bytes:
    """The beginning of a request."""
    head = f"POST {API}session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n"
    return f"{head}\r\n{{".encode()


def test_a_request_that_is_no_http_is_one_line_in_the_log_and_no_secret(run: Run) -> None:
    asked = run.workers[0]
    before = asked.text()
    for request in (
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"a" * 40 + b"\x01\r\n\r\n",
        b"GET /x%0a[FORGED]%1b[31m HTTP/1.1\r\nHost: x\r\n\r\n",
        sign_in(900_000),
    ):
        with socket.create_connection(("127.0.0.1", asked.port), timeout=5) as connection:
            connection.sendall(request)
            if request != sign_in(900_000):  # that one leaves before the end
                assert re.match(rb"HTTP/1.\d 4", connection.recv(4_096))
    time.sleep(0.5)
    written = asked.text().removeprefix(before)
    assert "a" * 40 not in written
    assert "Traceback" not in written
    assert not any(line.startswith("[FORGED]") for line in written.splitlines())
    assert "\x1b" not in written


def test_who_sends_too_slowly_is_let_go(run: Run) -> None:
    with socket.create_connection(("127.0.0.1", run.workers[0].port), timeout=20) as connection:
        connection.sendall(sign_in(50))
        assert connection.recv(4_096).startswith(b"HTTP/1.1 408")
    assert sent(run.workers[0], "session", None, b" " * 5_000)[0] == 413
