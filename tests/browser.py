"""The analyst's page in a real browser: headless Chromium.

``DASHBOARD_SCREENSHOTS=folder`` keeps pictures of every page.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from fraud_stream.settings import Settings
from tests.harness import Worker

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MARKS = [
    pytest.mark.broker,
    pytest.mark.embedded,  # what a broker does is no matter to a page
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here; `apt-get install chromium`"),
]
START = time.time() - 6 * 3_600
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
LOOKS = [
    pytest.param({"viewport": size, "color_scheme": scheme}, id=f"{size['width']}-{scheme}")
    for size, scheme in ((WIDE, "light"), (PHONE, "dark"), (PHONE, "light"), (WIDE, "dark"))
]


def payment(n: int, customer: str, amount: float, **more: Any) -> tuple[str, bytes]:
    body = {"transaction_id": f"TXN-{n:012x}", "customer_id": customer, "timestamp": START + n * 30.0, "amount": amount}
    place = {"merchant_id": f"M-{n % 7:04}", "location": ("Oslo", "Lisbon", "Berlin")[n % 3], "device_id": f"D{n % 4}"}
    kind = {"product_category": ("Books", "Electronics")[n % 2], "payment_method": ("Card", "Gift Card")[n % 9 == 0]}
    return customer, json.dumps({**body, **place, **kind, **more}).encode()


class Run(NamedTuple):
    """A worker, and a browser."""

    settings: Settings
    worker: Worker
    browser: Browser

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.worker.port}/dashboard/"


class Watched(NamedTuple):
    """A page, what its console complained of, and which hosts it asked."""

    page: Page
    complaints: list[str]
    hosts: set[str]

    def open(self, url: str) -> Page:
        self.page.goto(url)
        self.page.wait_for_selector("main > div:not([aria-busy])")
        return self.page

    def forgive(self, status: int) -> None:
        """Chromium tells of every answer that refuses something, as it should."""
        refusal = f"status of {status} "
        assert any(refusal in complaint for complaint in self.complaints), self.complaints
        self.complaints[:] = [complaint for complaint in self.complaints if refusal not in complaint]


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Chromium for as long as the block lasts."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def watching(run: Run, **options: Any) -> Iterator[Watched]:
    """A page that may complain of nothing and asks nobody but its worker."""
    context = run.browser.new_context(
        **{"viewport": WIDE, "timezone_id": "Asia/Tokyo", "locale": "en-GB", **options},
    )
    found = Watched(context.new_page(), [], set())
    found.page.on(
        "console", lambda message: message.type in {"error", "warning"} and found.complaints.append(message.text)
    )
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("request", lambda asked: found.hosts.add(urlsplit(asked.url).netloc))
    yield found
    context.close()
    assert found.complaints == []
    assert found.hosts == {f"127.0.0.1:{run.worker.port}"}


def keep(page: Page, picture: str) -> None:
    """Keep a picture of a page where that is asked for."""
    folder = os.environ.get("DASHBOARD_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(400)
        page.screenshot(path=Path(folder) / f"{picture}.png", full_page=True)
