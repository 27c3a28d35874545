import base64
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import trustme

from fraud_stream.broker import free_port
from fraud_stream.errors import MonitorError
from fraud_stream.monitor import fetch as fetching
from fraud_stream.monitor.fetch import Page, fetch, refusal, session, shown
from tests.monitor.served import served


async def get(url: str, **parameters: str) -> Page:
    async with session() as opened:
        return await fetch(opened, url, parameters)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secured(authority: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with served({"/": Page(200, b"secret")}, context) as url:
        yield url


async def test_a_page_comes_whatever_its_status() -> None:
    with served({"/": Page(200, b"here"), "/bad": Page(503, b"why")}) as url:
        assert await get(url) == Page(200, b"here")
        assert await get(f"{url}/bad") == Page(503, b"why")


async def test_parameters_are_part_of_the_question() -> None:
    with served({"/": lambda request: Page(200, request.path.encode())}) as url:
        assert parse_qs((await get(url, query='a{b="c+"}')).body.decode()) == {"/?query": ['a{b="c+"}']}


async def test_name_and_password_are_sent_and_not_shown() -> None:
    with served({"/": lambda request: Page(200, request.headers["Authorization"].encode())}) as url:
        address = url.replace("//", "//me:secret@")
        assert (await get(address)).body == b"Basic " + base64.b64encode(b"me:secret")
        assert shown(address) == url


async def test_a_port_where_nobody_listens() -> None:
    with pytest.raises(MonitorError, match="cannot be reached: connection refused"):
        await get(f"http://127.0.0.1:{free_port()}")


async def test_a_host_that_is_none() -> None:
    with pytest.raises(MonitorError, match="there is no host of that name"):
        await get("http://no-such-host.invalid:9090")


async def test_one_that_does_not_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PATIENCE", 0.2)
    late = {"/": lambda _: time.sleep(1.0) or Page(200, b"late")}
    with served(late) as url, pytest.raises(MonitorError, match=r"has not answered within 0\.2 s"):
        await get(url)


async def test_a_page_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST", 2**20)
    with served({"/": Page(200, b"x" * 2**20), "/more": Page(200, b"x" * (2**20 + 1))}) as url:
        assert len((await get(url)).body) == 2**20
        with pytest.raises(MonitorError, match="sends more than 1 MiB"):
            await get(f"{url}/more")


async def test_a_certificate_that_is_not_trusted(secured: str) -> None:
    with pytest.raises(MonitorError, match=r"that is not trusted \(.*\); name its authority in SSL_CERT_FILE"):
        await get(secured)


def test_the_authority_of_a_certificate_is_named_as_the_message_says(
    authority: trustme.CA, secured: str, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    code = f"import asyncio\nfrom tests.monitor.test_fetch import get\nprint(asyncio.run(get({secured!r})).body)"
    environ = {**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "b'secret'\n", done.stderr


async def test_https_where_there_is_no_tls() -> None:
    with served({}) as url, pytest.raises(MonitorError, match="does not speak TLS; write http://"):
        await get(url.replace("http", "https"))


async def test_http_where_there_is_tls(secured: str) -> None:
    with pytest.raises(MonitorError, match=r"answers with what is no page .*; write https:// if it speaks TLS"):
        await get(secured.replace("https", "http"))


@pytest.mark.parametrize(
    ("status", "said"), [(401, "NAME:PASSWORD"), (404, "has no such page"), (500, "answers with status 500")]
)
def test_what_is_refused_is_told(status: int, said: str) -> None:
    assert said in refusal(Page(status, b""))
