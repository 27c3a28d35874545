"""The analyst's page asks two real workers: whichever is asked shows the whole picture."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from fraud_stream.records import alert_id
from fraud_stream.settings import Settings
from fraud_stream.web.dashboard.events import MOST
from tests.dashboard import START, alerts_of, ask, events, payment, refusal
from tests.harness import Worker, a_broker, produce, settings_for, transaction_alerts, wait_until, worker

pytestmark = pytest.mark.broker
CUSTOMERS, NUMBER = 20, 400
#: Ids as an attacker may choose them.
MARKUP = '<img src=x onerror="window.hacked=1">'
ODD = "a/b?c#d%2e&e ü"
HEADERS = {"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"}


def payments(first: int, last: int) -> Iterator[tuple[str, bytes]]:
    return (payment(n, f"C{n % CUSTOMERS}", 1_500.0 + n if is_large(n) else 20.0 + n % 7) for n in range(first, last))


def is_large(n: int) -> bool:
    return n % 41 == 3


def label(n: int, customer: str, is_fraud: bool) -> tuple[str, bytes]:
    body = {
        "transaction_id": f"T{n}",
        "customer_id": customer,
        "is_fraud": is_fraud,
        "labelled_at": START + n * 60.0 + 5,
    }
    return customer, json.dumps({**body, "source": "chargeback"}).encode()


class Run(NamedTuple):
    """Two workers that have taken everything in."""

    settings: Settings
    workers: list[Worker]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("dashboard")
    with a_broker(folder) as port:
        settings, environ = settings_for(port, folder)
        produce(settings, "transactions", payments(0, NUMBER))
        odd = [payment(410, MARKUP, 9_000.0, location=MARKUP), payment(411, ODD, 9_000.0)]
        produce(settings, "transactions", [*odd, ("C1", b"{"), ("C2", b"{")])
        labels = [label(n, f"C{n % CUSTOMERS}", is_large(n)) for n in range(100)]
        produce(settings, "labels", labels)
        with worker(environ, folder, "one") as one, worker(environ, folder, "two") as two:
            wait_until(lambda: 0 < one.partitions() < 4 and one.partitions() + two.partitions() == 4)
            wait_until(lambda: sum(each.metric("fraud_stream_labels_total") for each in (one, two)) >= 100)
            wait_until(lambda: {lag for each in (one, two) for lag in each.samples(LAG)} == {0.0})
            yield Run(settings, [one, two])


LAG = "fraud_stream_consumer_lag_records"


def test_both_workers_show_all_alerts_the_newest_first(run: Run) -> None:
    there = {one["alert_id"] for one in transaction_alerts(run.settings)}
    assert len(there) >= NUMBER / 40
    for each in run.workers:
        wait_until(lambda asked=each: ask(asked, "alerts")["held"] >= len(there))
        found = [one for one in ask(each, "alerts", limit=2000)["alerts"] if "stream" not in one]
        assert {one["alert_id"] for one in found} == there
        assert len(found) == len(there)
        moments = [one["detected_at"] for one in found]
        assert moments == sorted(moments, reverse=True)


def test_alerts_are_filtered(run: Run) -> None:
    one = run.workers[0]
    critical = ask(one, "alerts", severity="CRITICAL")["alerts"]
    assert critical
    assert {alert["severity"] for alert in critical} == {"CRITICAL"}
    mine = ask(one, "alerts", customer="C3", rule="amount-above-threshold")["alerts"]
    assert mine
    assert {alert["customer_id"] for alert in mine} == {"C3"}
    assert len(ask(one, "alerts", limit=2)["alerts"]) == 2


def test_a_question_that_cannot_be_answered_is_refused_and_says_why(run: Run) -> None:
    code, why = refusal(run.workers[0], "/dashboard/api/alerts?severity=AWFUL")
    assert code == 400
    assert "AWFUL" in why["error"]
    code, why = refusal(run.workers[0], "/dashboard/api/alerts?colour=red")
    assert code == 400
    assert "colour" in why["error"]
    for path in ("history?customer=C1&before=-1", "alert", "customer", "events?after=1&limit=0"):
        assert refusal(run.workers[0], f"/dashboard/api/{path}")[0] == 400
    assert refusal(run.workers[0], "/dashboard/api/alert?id=ALERT-none")[0] == 404


def test_one_alert_is_found_at_either_worker(run: Run) -> None:
    wanted = next(one for one in transaction_alerts(run.settings) if one["customer_id"] == MARKUP)
    for each in run.workers:
        assert ask(each, "alert", id=wanted["alert_id"])["alert"] == wanted


def test_the_events_go_on_where_a_listener_was(run: Run) -> None:
    one = run.workers[0]
    place = ask(one, "alerts")["after"]
    with events(one, after=place, severity="CRITICAL") as stream:
        assert next(stream) == {"retry": "2000"}
        assert next(stream)["id"] == place
        produce(run.settings, "transactions", [payment(n, "C1", 5_000.0) for n in range(420, 423)])
        first = alerts_of(stream, 3)
    assert [alert for _, alert in first] == [alert_id(f"T{n}") for n in range(420, 423)]
    with events(one, first[0][0], after=place, severity="CRITICAL") as stream:
        assert alerts_of(stream, 2) == first[1:]


def test_a_listener_that_was_at_another_worker_is_given_all_that_is_held(run: Run) -> None:
    one, two = run.workers
    held = ask(two, "alerts", severity="CRITICAL", limit=2000)["alerts"]
    with events(two, ask(one, "alerts")["after"], severity="CRITICAL") as stream:
        found = [alert for _, alert in alerts_of(stream, len(held))]
    assert found == [one["alert_id"] for one in reversed(held)]


def test_no_more_than_so_many_follow_one_worker_and_whoever_leaves_makes_room(run: Run) -> None:
    one = run.workers[0]
    for _ in range(2):
        with wait_until(lambda: followed_by_as_many_as_may(one), patience=10.0):
            code, why = refusal(one, "/dashboard/api/events")
            assert code == 503
            assert f"{MOST} pages follow" in why["error"]
            assert ask(one, "alerts")["held"], "the rest is served all the same"


def followed_by_as_many_as_may(asked: Worker) -> ExitStack | None:
    """As many listeners as there may be; None while others have not gone yet."""
    with ExitStack() as stack:
        try:
            for _ in range(MOST):
                next(stack.enter_context(events(asked)))
        except HTTPError:
            return None
        return stack.pop_all()


def test_whoever_asks_for_the_head_of_the_events_does_not_wait_for_their_end(run: Run) -> None:
    url = f"http://127.0.0.1:{run.workers[0].port}/dashboard/api/events"
    with urlopen(Request(url, method="HEAD"), timeout=5) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")


def test_a_customer_is_the_same_wherever_it_is_asked_for(run: Run) -> None:
    for customer in ("C3", MARKUP, ODD):
        found = [ask(each, "customer", id=customer) for each in run.workers]
        assert found[0] == found[1]
        assert found[0]["profile"]["transactions"] == (NUMBER / CUSTOMERS if customer == "C3" else 1)
        assert found[0]["worker"] in {f"http://127.0.0.1:{each.port}" for each in run.workers}
        assert found[0]["tumbling"]
        assert found[0]["trouble"] is None
    assert ask(run.workers[0], "customer", id="C3")["frauds"]["frauds"] == 1
    unknown = ask(run.workers[0], "customer", id="nobody")
    assert (unknown["profile"], unknown["worker"], unknown["tumbling"]) == (None, None, [])


def test_the_tables_page_finds_keys_of_any_characters_on_either_worker(run: Run) -> None:
    for each in run.workers:
        assert each.get(f"/table/customer_profile/{quote(ODD, safe='')}/")["key"] == ODD


def test_the_history_is_the_customers_own_newest_first_with_labels(run: Run) -> None:
    for each in run.workers:
        found = ask(each, "history", customer="C3", limit=500)
        numbers = [int(one["transaction"]["transaction_id"][1:]) for one in found["scored"]]
        assert numbers == sorted(range(3, NUMBER, CUSTOMERS), reverse=True)
        assert found["before"] is None
        assert {one["transaction_id"]: one["is_fraud"] for one in found["labels"]} == {
            f"T{n}": is_large(n) for n in range(3, 100, CUSTOMERS)
        }
        assert found["scored"][0]["features"]["sliding_count_1h"] >= 0


def test_the_history_goes_on_page_by_page(run: Run) -> None:
    seen, before = [], None
    while True:
        place = {} if before is None else {"before": before}
        found = ask(run.workers[0], "history", customer="C3", limit=7, **place)
        seen += [one["transaction"]["transaction_id"] for one in found["scored"]]
        before = found["before"]
        if before is None:
            break
    assert seen == [f"T{n}" for n in sorted(range(3, NUMBER, CUSTOMERS), reverse=True)]


def test_the_hits_of_the_rules_are_those_of_both_workers(run: Run) -> None:
    expected = sum(each.metric("fraud_stream_rule_hits_total", rule="amount-above-threshold") for each in run.workers)
    assert all(each.metric("fraud_stream_rule_hits_total", rule="amount-above-threshold") for each in run.workers)
    for each in run.workers:
        found = ask(each, "rules")
        assert [one["rule"]["id"] for one in found["rules"]] == [rule.id for rule in run.settings.rules]
        hits = {one["rule"]["id"]: one["hits"] for one in found["rules"]}
        assert hits["amount-above-threshold"] == expected
        assert found["silent"] == []
        assert found["since"] <= time.time()


def test_the_workers_are_told_and_their_counts_added_up(run: Run) -> None:
    found = ask(run.workers[0], "workers")
    assert [one["url"] for one in found["workers"]] == sorted(f"http://127.0.0.1:{each.port}" for each in run.workers)
    assert sorted(n for one in found["workers"] for n in one["partitions"]) == [0, 1, 2, 3]
    assert all(one["ready"] for one in found["workers"])
    read = sum(each.metric("fraud_stream_transactions_read_total") for each in run.workers)
    assert found["counters"]["transactions_read"]["counts"] == [{"labels": [], "value": read}]
    assert found["workers"][0]["drift"].keys() == run.workers[0].get("/drift/")["streams"].keys()


def test_dead_letters_are_shown_with_their_reason(run: Run) -> None:
    for each in run.workers:
        found = ask(each, "dead-letters")
        assert {(one["reason"], one["state"], one["value"]) for one in found["letters"]} == {
            ("undecodable", "waiting", "{")
        }
        assert len(found["letters"]) == 2
        assert found["counts"]["undecodable"] == 2


def test_the_page_and_all_it_needs_are_served_with_the_headers_of_all_pages(run: Run) -> None:
    for path, kind in {
        "/dashboard/": "text/html",
        "/dashboard/static/app.js": "javascript",
        "/dashboard/static/style.css": "text/css",
        "/dashboard/api/alerts": "application/json",
        "/table/": "application/json",
        "/metrics": "text/plain",
    }.items():
        with urlopen(f"http://127.0.0.1:{run.workers[0].port}{path}", timeout=10) as answer:
            assert kind in answer.headers["Content-Type"]
            assert set(answer.headers.keys()) >= HEADERS
            kept = "no-cache" if "/static/" in path else "no-store"
            assert answer.headers["Cache-Control"] == kept
    with urlopen(f"http://127.0.0.1:{run.workers[0].port}/dashboard", timeout=10) as answer:
        assert answer.url.endswith("/dashboard/")
    for path in ("/dashboard/static/", "/dashboard/static/../pages.py", "/dashboard/static/%2e%2e/pages.py"):
        with pytest.raises(HTTPError) as caught:
            urlopen(f"http://127.0.0.1:{run.workers[0].port}{path}", timeout=10)
        assert caught.value.code in {403, 404}


def test_a_customer_whose_worker_is_gone_is_never_told_as_unknown(run: Run) -> None:
    """The last of this file: it kills a worker.  Until the other has taken over, the page says what is the matter."""
    one, two = run.workers
    mine = f"http://127.0.0.1:{one.port}"
    theirs = [who for who in (f"C{n}" for n in range(CUSTOMERS)) if ask(one, "customer", id=who)["worker"] != mine]
    assert theirs
    two.kill()
    told = [ask(one, "customer", id=who) for who in theirs]
    assert all("does not answer" in found["trouble"] for found in told)
    assert ask(one, "workers")["silent"] == [f"http://127.0.0.1:{two.port}"]

    def taken_over() -> bool:
        found = [ask(one, "customer", id=who) for who in theirs]
        assert all(each["profile"] or each["trouble"] for each in found)
        return all(each["worker"] == mine for each in found)

    wait_until(taken_over)
