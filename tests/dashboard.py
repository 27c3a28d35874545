"""Asking the analyst's page of a worker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.harness import Worker

START = 1_700_000_000.0


def payment(n: int, customer: str, amount: float = 20.0, **more: Any) -> tuple[str, bytes]:
    body = {"transaction_id": f"T{n}", "customer_id": customer, "timestamp": START + n * 60.0, "amount": amount}
    return customer, json.dumps({**body, "merchant_id": f"M{n % 5}", "location": "Oslo", **more}).encode()


def ask(asked: Worker, path: str, **query: Any) -> Any:
    return asked.get(f"/dashboard/api/{path}?{urlencode(query)}")


def refusal(asked: Worker, path: str) -> tuple[int, Any]:
    with pytest.raises(HTTPError) as caught:
        asked.get(path)
    return caught.value.code, json.load(caught.value)


@contextmanager
def events(asked: Worker, last: str | None = None, **query: Any) -> Iterator[Iterator[dict[str, str]]]:
    """The events of one listener."""
    headers = {} if last is None else {"Last-Event-ID": last}
    request = Request(f"http://127.0.0.1:{asked.port}/dashboard/api/events?{urlencode(query)}", headers=headers)
    with urlopen(request, timeout=20) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield blocks(response)


def blocks(response: HTTPResponse) -> Iterator[dict[str, str]]:
    block: dict[str, str] = {}
    for line in response:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            block[name] = value
        elif block:
            yield block
            block = {}


def alerts_of(stream: Iterator[dict[str, str]], number: int) -> list[tuple[str, str]]:
    """Ids of the next events and of their alerts."""
    found: list[tuple[str, str]] = []
    while len(found) < number:
        event = next(stream)
        if event.get("event") == "alert":
            found.append((event["id"], json.loads(event["data"])["alert_id"]))
    return found
