"""Fetches pages, within a time and up to a size, and says for people why one does not come."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from fraud_stream.errors import MonitorError

#: The status of a page that is there.
OK = 200
#: Seconds that a page may take.
PATIENCE = 10.0
#: Bytes that a page may have: `/metrics` of a worker with a thousand partitions has one million.
LARGEST = 32 * 1024 * 1024
#: Pages that are asked for at once.
_AT_ONCE = 8
_REFUSALS = {
    401: "asks for a name and a password, or for a token: write https://NAME:PASSWORD@HOST, or for a worker "
    "set FRAUD_STREAM_WEB_TOKENS as it has them",
    403: "forbids it; write https://NAME:PASSWORD@HOST if it knows names and passwords",
    404: "has no such page",
}
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Page(NamedTuple):
    """What was answered."""

    status: int
    body: bytes


@asynccontextmanager
async def session(headers: Mapping[str, str] = _NOTHING) -> AsyncIterator[aiohttp.ClientSession]:
    """Something to fetch with, by requests that carry these headers."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    connector = aiohttp.TCPConnector(limit=_AT_ONCE)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, headers=headers) as opened:
        yield opened


async def fetch(opened: aiohttp.ClientSession, url: str, parameters: Mapping[str, str] = _NOTHING) -> Page:
    """Fetch a page, whatever its status.

    Raises:
        MonitorError: It does not come, or is too large.
    """
    try:
        async with opened.get(url, params=parameters) as answer:
            return Page(answer.status, await _body(answer))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise MonitorError(why(error)) from None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > LARGEST:
            raise MonitorError(f"sends more than {LARGEST // 2**20} MiB")
    return bytes(body)


def why(error: Exception) -> str:
    """Why a page does not come, as what its address does: "refuses the connection"."""
    if isinstance(error, TimeoutError):
        return f"has not answered within {PATIENCE:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"has a certificate that is not trusted ({error.certificate_error}); name its authority in SSL_CERT_FILE"
    if isinstance(error, aiohttp.ClientSSLError):
        return "does not speak TLS; write http:// if it has none"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "cannot be found: there is no host of that name"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot be reached: {_cause(error.os_error)}"
    return f"answers with what is no page ({type(error).__name__}); write https:// if it speaks TLS"


def _cause(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


def refusal(page: Page) -> str:
    """What an address does that has answered with another status than `OK`."""
    return _REFUSALS.get(page.status, f"answers with status {page.status}")


def shown(url: str) -> str:
    """An address without its password, for people.

    >>> shown("https://me:secret@host:9090/prometheus")
    'https://host:9090/prometheus'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
