"""What the analyst's page shows, in a real browser."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from fraud_stream.records import alert_id
from tests.browser import LOOKS, MARKS, START, Run, Watched, a_browser, keep, payment, watching
from tests.harness import a_broker, produce, settings_for, transaction_alerts, wait_until, worker

pytestmark = MARKS
CUSTOMERS, NUMBER = 30, 600
MARKUP = '<img src=x onerror="window.hacked=1">'
PAGES = ("alerts", "customers", "models", "rules", "predict", "data", "dead-letters")


def payments(first: int, last: int) -> Iterator[tuple[str, bytes]]:
    for n in range(first, last):
        yield payment(n, name(n), 1_250.0 + n if is_large(n) else 15.0 + (n * 37) % 200)


def name(n: int) -> str:
    return f"CUST-{n % CUSTOMERS:08}"


def is_large(n: int) -> bool:
    return n % 23 == 5


def odd() -> Iterator[tuple[str, bytes]]:
    """What an attacker may send."""
    yield payment(NUMBER, MARKUP, 9_000.0, location=MARKUP)
    yield "C1", f'"{MARKUP}'.encode()


def labels(first: int, last: int) -> Iterator[tuple[str, bytes]]:
    for n in range(first, last):
        body = {"transaction_id": f"TXN-{n:012x}", "customer_id": name(n), "is_fraud": is_large(n)}
        yield name(n), json.dumps({**body, "labelled_at": START + n * 30.0 + 5, "source": "chargeback"}).encode()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("browser")
    with a_broker(folder) as port, a_browser() as browser:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_MODEL_MIN_FRAUDS="5")
        with worker(environ, folder) as running:
            running.wait_until_ready()
            for first, last in ((0, NUMBER // 2), (NUMBER // 2, NUMBER)):  # of the second half the model is asked
                produce(settings, "transactions", payments(first, last))
                produce(settings, "labels", labels(first, last))
                wait_until(lambda most=last: running.metric("fraud_stream_model_labels_learnt") > 0.9 * most)
            produce(settings, "transactions", odd())
            wait_until(
                lambda: alert_id(f"TXN-{NUMBER:012x}") in {one["alert_id"] for one in transaction_alerts(settings)}
            )
            yield Run(settings, running, browser)


@pytest.fixture
def watched(run: Run, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page that may complain of nothing and asks nobody but its worker."""
    with watching(run, **getattr(request, "param", {})) as found:
        yield found


@pytest.mark.parametrize("watched", LOOKS, indirect=True)
def test_every_page_is_whole_at_every_width(run: Run, watched: Watched, request: pytest.FixtureRequest) -> None:
    alert = next(one for one in transaction_alerts(run.settings) if one["customer_id"] == name(5))
    look = request.node.callspec.id
    for page in (*PAGES, f"alert/{alert['alert_id']}", f"customer/{alert['customer_id']}"):
        shown = watched.open(f"{run.url}#/{page}")
        shown.reload()
        shown.wait_for_selector("main > div:not([aria-busy])")
        if page.startswith("alert/"):
            expect(shown.locator("h2", has_text="History")).to_be_visible()
        assert shown.locator(".notice.error").count() == 0, page
        assert shown.evaluate("document.scrollingElement.scrollWidth") <= shown.viewport_size["width"], page
        keep(shown, f"{page.split('/')[0]}-{look}")


def test_a_new_alert_appears_by_itself_and_is_told_to_a_screen_reader(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/alerts")
    expect(page.locator(".state")).to_have_text("Live")
    produce(run.settings, "transactions", [payment(NUMBER + 1, name(1), 4_321.0)])
    expect(page.locator(".scroll tbody tr").first).to_contain_text("4,321.00")
    expect(page.locator("#announcer")).to_contain_text(f"of {name(1)}")
    assert page.locator("#announcer").get_attribute("aria-live") == "polite"


def test_a_paused_list_stands_still_and_goes_on_with_what_came(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/alerts")
    expect(page.locator(".state")).to_have_text("Live")
    page.get_by_role("button", name="Pause").click()
    produce(run.settings, "transactions", [payment(NUMBER + 2, name(2), 5_432.0)])
    expect(page.get_by_role("button", name="Go on (1 new)")).to_be_visible()
    assert "5,432.00" not in page.locator(".scroll tbody").text_content()
    page.get_by_role("button", name="Go on (1 new)").click()
    expect(page.locator(".scroll tbody tr").first).to_contain_text("5,432.00")


def test_a_page_that_nobody_sees_falls_asleep_and_wakes_with_all_that_came(run: Run, watched: Watched) -> None:
    watched.page.clock.install()
    page = watched.open(f"{run.url}#/alerts")
    expect(page.locator(".state")).to_have_text("Live")
    look(page, is_hidden=True)
    page.clock.fast_forward(59_000)
    expect(page.locator(".state")).to_have_text("Live")
    page.clock.fast_forward(2_000)
    expect(page.locator(".state")).to_have_text("Asleep while nobody looks")
    sent = alert_id(f"TXN-{NUMBER + 3:012x}")
    produce(run.settings, "transactions", [payment(NUMBER + 3, name(3), 6_543.0)])
    wait_until(lambda: sent in {one["alert_id"] for one in transaction_alerts(run.settings)})
    assert "6,543.00" not in page.locator(".scroll tbody").text_content()
    look(page, is_hidden=False)
    expect(page.locator(".scroll tbody tr").first).to_contain_text("6,543.00")
    expect(page.locator(".state")).to_have_text("Live")


def look(page: Page, *, is_hidden: bool) -> None:
    """Have a page believe that it is hidden, or seen."""
    page.evaluate(
        "is => { Object.defineProperty(document, 'hidden', { value: is, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        is_hidden,
    )


def test_a_filter_is_in_the_address_and_a_colleague_sees_the_same(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/alerts")
    page.get_by_label("Customer").fill(name(5))
    page.wait_for_url(f"**/dashboard/#/alerts?customer={name(5)}")
    expect(page.locator(".scroll tbody tr").first).to_contain_text(name(5))
    expect(page.locator(".scroll tbody tr", has_not_text=name(5))).to_have_count(0)
    assert page.get_by_label("Customer").input_value() == name(5)
    shown = page.locator(".scroll tbody tr").count()
    page.reload()
    expect(page.locator(".scroll tbody tr")).to_have_count(shown)
    assert page.get_by_label("Customer").input_value() == name(5)
    page.get_by_role("button", name="Clear").click()
    page.wait_for_url("**/dashboard/#/alerts")
    expect(page.locator(".scroll tbody tr", has_not_text=name(5)).first).to_be_visible()


def test_from_an_alert_to_its_customer_and_back(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/alerts?customer={name(5)}")
    page.locator(".scroll tbody td.what a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ALERT-")
    expect(page.get_by_role("table", name="Reasons")).to_contain_text("amount-above-threshold")
    expect(page.locator("tr.named", has_text="TXN-")).to_have_count(1)
    page.get_by_text("features as they were at the decision").click()
    expect(page.get_by_role("table", name="Features at the decision")).to_contain_text("sliding_count_1h")
    page.locator("dd a", has_text=name(5)).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Customer {name(5)}")
    history = page.get_by_role("table", name="Transactions, the newest first")
    expect(history.locator("tbody tr")).to_have_count(NUMBER // CUSTOMERS)
    expect(history.locator(".label-genuine").first).to_be_visible()
    page.get_by_text(f"{NUMBER // CUSTOMERS} labels").click()
    expect(page.get_by_role("table", name="Labels, the newest first").locator("tbody tr")).to_have_count(
        NUMBER // CUSTOMERS
    )
    assert page.locator("figure canvas").count() >= 2
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ALERT-")


def test_markup_in_what_came_with_a_payment_is_text(run: Run, watched: Watched) -> None:
    alert = alert_id(f"TXN-{NUMBER:012x}")
    for address in ("alerts", "customers", f"alert/{alert}", f"customer/{quote(MARKUP, safe='')}", "dead-letters"):
        page = watched.open(f"{run.url}#/{address}")
        page.reload()
        expect(page.locator("main")).to_contain_text("<img src=x")
        assert page.locator("main img").count() == 0, address
        assert page.evaluate("window.hacked") is None
    page = watched.open(f"{run.url}#/alerts?customer={quote(MARKUP)}")
    expect(page.locator(".scroll tbody td", has_text=MARKUP).first).to_be_visible()
    page.locator(".scroll tbody td", has_text=MARKUP).first.locator("a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(MARKUP)


def test_an_address_that_names_nothing_says_so(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/nonsense")
    expect(page.get_by_role("alert")).to_contain_text("no page of this name")
    page = watched.open(f"{run.url}#/customer/nobody")
    expect(page.locator(".notice").first).to_contain_text("No table has this customer")


def test_all_can_be_reached_by_the_keyboard_and_seen_to_be_focused(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/alerts")
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    expect(page.locator("#skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Severity")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    link = page.locator(".scroll tbody td.what a").first
    for _ in range(30):
        page.keyboard.press("Tab")
        if link.evaluate("node => node === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("ALERT-")
    expect(page.locator("main")).to_be_focused()


def test_times_are_the_readers_and_utc_on_hover(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/alerts")
    moment = page.locator(".scroll tbody time").first
    utc = moment.get_attribute("datetime")
    assert moment.get_attribute("title") == f"{utc[:19].replace('T', ' ')} UTC"
    hour = (int(utc[11:13]) + 9) % 24
    assert f"{hour:02}:{utc[14:19]}" in moment.text_content()


def test_the_page_has_landmarks_and_every_control_a_name(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/alerts")
    for landmark in ("banner", "navigation", "main", "contentinfo", "search"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    assert page.locator("nav a[aria-current=page]").all_text_contents() == ["Alerts"]
    unnamed = "[...document.querySelectorAll('input,select')].filter(node => !node.labels.length).length"
    assert page.evaluate(unnamed) == 0
    assert page.locator("thead th:not([scope=col])").count() == 0


def test_a_lost_worker_is_told(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/alerts")
    expect(page.locator(".state")).to_have_text("Live")
    page.context.set_offline(True)
    page.goto(f"{run.url}#/rules")
    expect(page.get_by_role("alert")).to_contain_text("The worker does not answer")
    page.context.set_offline(False)
    page.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("table", name="Rules")).to_be_visible()
    watched.complaints.clear()  # Chromium tells of the lost connection itself


def test_alerts_of_a_customer_within_a_minute_are_one_row_until_asked_for(run: Run, watched: Watched) -> None:
    start = time.time() - 600
    burst = [
        payment(2_000 + n, "CUST-BURST", 2_000.0 + n, timestamp=start + after)
        for n, after in enumerate((0, 20, 59, 61))
    ]
    produce(run.settings, "transactions", burst)
    wait_until(lambda: sum(one["customer_id"] == "CUST-BURST" for one in transaction_alerts(run.settings)) == 4)
    page = watched.open(f"{run.url}#/alerts?customer=CUST-BURST")
    rows = page.locator(".stacks tbody tr")
    expect(rows).to_have_count(4)
    assert [row.is_visible() for row in rows.all()] == [True, True, False, False]
    more = page.get_by_role("button", name="2 more within a minute")
    expect(more).to_have_attribute("aria-expanded", "false")
    more.press("Enter")
    assert [row.is_visible() for row in rows.all()] == [True] * 4
    expect(more).to_be_focused()
    keep(page, "burst")
    produce(run.settings, "transactions", [payment(2_009, "CUST-BURST", 2_009.0, timestamp=start + 80)])
    expect(page.get_by_role("button", name="1 more within a minute")).to_be_visible()  # the second group's, as it comes
    expect(rows).to_have_count(5)


def test_a_payment_is_tried_and_what_is_wrong_with_it_is_named(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/predict")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("heading", name="Answer")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Transaction amount $1,250.00 exceeds")
    expect(page.locator("main")).to_contain_text("known")
    page.get_by_label("Form").select_option("payment")
    assert "merchant_risk_score" in page.get_by_label("JSON").input_value()
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".headline")).to_be_visible()
    page.get_by_label("JSON").fill('{"transaction_amount": "much"}')
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".told")).to_contain_text("$.transaction_amount")
    watched.complaints.clear()  # Chromium notes each answer of 400
    page.get_by_label("JSON").fill("{")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".told")).to_contain_text("This is no JSON")
