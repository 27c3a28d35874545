import pytest

from fraud_stream.broker import free_port
from fraud_stream.errors import MonitorError
from fraud_stream.monitor.fetch import Page
from fraud_stream.monitor.workers import answer, ask_workers
from tests.monitor.seeing import HOUR, NOW, health, metrics, seen_of, worker
from tests.monitor.served import served

READ = {"transactions_read_total": 100}


def test_a_worker_by_its_two_pages():
    state, samples = answer("http://one:6066", metrics(READ, up=HOUR), health("recovering"), NOW)
    assert state == ("http://one:6066", "", "recovering", False, False, HOUR, 0.5)
    assert ("fraud_stream_transactions_read_total", {"instance": "http://one:6066"}, 100.0) in samples


def test_a_worker_that_stands_still_answers_503_and_is_read_all_the_same():
    assert worker(READ, stalled=True).state.is_stalled


def test_where_a_system_tells_no_starts_the_time_is_not_known():
    page = Page(200, b"fraud_stream_transactions_read_total 100\n")
    answered = answer("http://one:6066", page, health(), NOW)
    assert answered.state.up_seconds is None
    seen = seen_of(answered)
    assert (seen.span, seen.is_recent, seen.rate("transactions_read")) == (None, False, None)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page(404, b""), r"has no such page \(/metrics\)"),
        (Page(200, b"<html>"), "is no text of Prometheus"),
        (Page(200, b"\xff\xfe"), "is no text of Prometheus"),
        (Page(200, b'fraud_stream_x{a="b" 1\n'), "is no text of Prometheus"),
        (Page(200, b"go_goroutines 5\n"), "nothing that begins with fraud_stream_"),
        (Page(200, b""), "nothing that begins with fraud_stream_"),
    ],
)
def test_metrics_that_are_no_workers(page, said):
    with pytest.raises(MonitorError, match=said):
        answer("http://one:6066", page, health(), NOW)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page(404, b""), r"has no such page \(/health\)"),
        (Page(200, b"OK"), "does not say what it is doing"),
        (Page(200, b'{"status": "ok"}'), "does not say what it is doing"),
        (Page(200, b"\xff"), "does not say what it is doing"),
    ],
)
def test_a_health_that_is_no_workers(page, said):
    with pytest.raises(MonitorError, match=said):
        answer("http://one:6066", metrics(READ), page, NOW)


async def test_workers_are_asked_and_one_that_does_not_answer_is_told():
    silent = f"http://127.0.0.1:{free_port()}"
    with served({"/metrics": metrics(READ), "/health": health()}) as url:
        seen = await ask_workers([url, silent], HOUR, "transactions")
    assert seen.source.addresses == [url, silent]
    assert [one.trouble for one in seen.workers] == ["", "cannot be reached: connection refused"]
    assert seen.now.counted("transactions_read") == 100


async def test_a_worker_that_is_named_twice_counts_once():
    with served({"/metrics": metrics(READ), "/health": health()}) as url:
        seen = await ask_workers([url, url], HOUR, "transactions")
    assert len(seen.workers) == 1
    assert seen.now.counted("transactions_read") == 100


async def test_where_none_answers_nothing_can_be_told():
    with served({"/metrics": Page(500, b""), "/health": health()}) as url, pytest.raises(MonitorError) as caught:
        await ask_workers([url], HOUR, "transactions")
    assert str(caught.value) == f"no worker answers:\n{url} answers with status 500 (/metrics)"
