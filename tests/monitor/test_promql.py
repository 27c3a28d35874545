import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fraud_stream.broker import free_port
from fraud_stream.errors import MonitorError
from fraud_stream.monitor.fetch import Page, session
from fraud_stream.monitor.prometheus import ask_prometheus
from fraud_stream.monitor.promql import Prometheus
from tests.monitor.served import served

PATH = "/api/v1/query"


def answering(*results: tuple[dict[str, str], str], status: int = 200) -> Page:
    found = [{"metric": labels, "value": [1_700_000_000.5, value]} for labels, value in results]
    data = {"resultType": "vector", "result": found}
    return Page(status, json.dumps({"status": "success", "data": data, "infos": []}).encode())


async def with_prometheus(url: str, use: Callable[[Prometheus], Any], job: str = "fraud_stream") -> Any:
    async with session() as opened:
        return await use(Prometheus(opened, url, job))


async def test_numbers_come_with_what_they_are_of() -> None:
    with served({PATH: answering(({"__name__": "up", "instance": "w:1"}, "1"), ({"instance": "w:2"}, "0.5"))}) as url:
        assert await with_prometheus(url, lambda p: p.number("up")) == 1.0
        assert await with_prometheus(url, lambda p: p.by_instance("up")) == {"w:1": 1.0, "w:2": 0.5}
        named = await with_prometheus(url, lambda p: p.samples("up", "mine"))
        assert [(one.name, one.value) for one in named] == [("mine", 1.0), ("mine", 0.5)]
        assert [one.name for one in await with_prometheus(url, lambda p: p.samples("up"))] == ["up", ""]


async def test_of_nothing_there_is_no_number() -> None:
    with served({PATH: answering()}) as url:
        assert await with_prometheus(url, lambda p: p.number("up")) is None


async def test_it_may_lie_behind_a_path() -> None:
    with served({f"/prometheus{PATH}": answering(({}, "7"))}) as url:
        assert await with_prometheus(f"{url}/prometheus", lambda p: p.number("up")) == 7.0


async def test_a_moment_that_is_set_is_asked_of() -> None:
    with served({PATH: lambda request: Page(200, _echoed(request))}) as url:
        assert await with_prometheus(url, _labels) == {"query": "up"}
        assert await with_prometheus(url, _labels_of_then) == {"query": "up", "time": "1700000000.250"}


def _echoed(request: Any) -> bytes:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
    return answering((asked, "1")).body


async def _labels(prometheus: Prometheus) -> dict[str, str]:
    return (await prometheus.ask("up"))[0].metric


async def _labels_of_then(prometheus: Prometheus) -> dict[str, str]:
    prometheus.at = 1_700_000_000.25
    return await _labels(prometheus)


def test_a_job_may_have_any_name() -> None:
    prometheus = Prometheus(None, "http://p", 'a"b\\ü')  # type: ignore[arg-type]
    assert prometheus.select("up", ',instance="w"') == 'up{job="a\\"b\\\\ü",instance="w"}'


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page(404, b"Not Found"), "has no such page; is it a Prometheus"),
        (Page(200, b"<html>"), "answers with something else; is it a Prometheus"),
        (Page(200, b'{"status": "ok"}'), "answers with something else; is it a Prometheus"),
        (Page(200, b"\xff"), "answers with something else; is it a Prometheus"),
        (Page(401, b"Unauthorized"), "asks for a name and a password"),
        (Page(400, b'{"status": "error", "errorType": "bad_data", "error": "parse error"}'), "refuses up: parse error"),
    ],
)
async def test_what_is_no_prometheus_or_refuses(page: Page, said: str) -> None:
    with served({PATH: page}) as url, pytest.raises(MonitorError, match=said):
        await with_prometheus(url, lambda p: p.ask("up"))


async def test_one_that_cannot_be_reached() -> None:
    url = f"http://me:secret@127.0.0.1:{free_port()}"
    with pytest.raises(MonitorError, match="cannot be reached: connection refused") as caught:
        await ask_prometheus(url, "fraud_stream", 3_600.0, "transactions")
    assert "secret" not in str(caught.value)
