"""What a request to ``/predict`` does before it is answered; the answers themselves are tested on a running worker."""

from typing import Any

import msgspec
import pytest
from aiohttp.web import HTTPRequestEntityTooLarge

from fraud_stream.engine.app import SHORT
from fraud_stream.web.dashboard.answers import body_of
from fraud_stream.web.predict import page


class Come:
    """A body that has come whole."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def is_eof(self) -> bool:
        return True

    def read_nowait(self) -> bytes:
        return self._body


class Request:
    """A request of one body."""

    def __init__(self, body: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.content = Come(body)


class View:
    """Answers with the bytes alone."""

    def bytes(self, body: bytes, **_: Any) -> bytes:
        return body


async def test_the_stream_gives_way_to_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "check_ready", lambda: None)
    monkeypatch.setattr(page.app, "_gives_way_until", 0.0)
    assert page.app.records_at_once == page.app.chunk_size > SHORT
    answer = await page.Predict.post(View(), Request(b'{"amount": 5.0}'))  # type: ignore[arg-type]
    assert msgspec.json.decode(answer)["input_features"]["amount"] == 5.0  # type: ignore[arg-type]
    assert page.app.records_at_once == SHORT


async def test_a_body_that_has_come_may_not_be_longer_than_any_other() -> None:
    assert await body_of(Request(b"x" * 10), 10) == b"x" * 10
    with pytest.raises(HTTPRequestEntityTooLarge) as refused:
        await body_of(Request(b"x" * 10), 9)
    assert refused.value.text == "too much was sent; at most 9 bytes are read"
