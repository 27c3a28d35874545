"""What people with a token change with the analyst's page, in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from fraud_stream.kafka import create_topics
from fraud_stream.records import alert_id
from tests.browser import LOOKS, MARKS, Run, Watched, a_browser, keep, payment, watching
from tests.harness import a_broker, count, produce, settings_for, transaction_alerts, values, wait_until, worker

pytestmark = MARKS
TOKENS = {name: f"{name}-{'0123456789' * 3}" for name in ("ana", "bo", "vic")}
PEOPLE = ",".join(
    f"{role}:{name}:{TOKENS[name]}" for role, name in (("admin", "ana"), ("analyst", "bo"), ("viewer", "vic"))
)
#: Each customer's n-th transaction is large, so that each has one alert of its own.
CUSTOMERS = [f"CUST-{n:08}" for n in range(8)]
BURST, LONG = "CUST-BURST", 130


def large(n: int) -> str:
    return f"TXN-{1_000 + n:012x}"


def payments() -> Iterator[tuple[str, bytes]]:
    for n in range(80):
        yield payment(n, CUSTOMERS[n % 8], 15.0 + n)
    for n, customer in enumerate(CUSTOMERS):
        yield payment(
            1_000 + n, customer, 3_000.0 + n, timestamp=json.loads(payment(90, customer, 1.0)[1])["timestamp"]
        )
    start = json.loads(payment(100, BURST, 1.0)[1])["timestamp"]
    for n in range(LONG):
        yield payment(2_000 + n, BURST, 9_999.0 if n == 5 else 1.0, timestamp=start + n * 40)


def broken(n: int) -> tuple[str, bytes]:
    return CUSTOMERS[0], f'"broken {n}"'.encode()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder: Path = tmp_path_factory.mktemp("changes")
    with a_broker(folder) as port, a_browser() as browser:
        settings, environ = settings_for(port, folder, FRAUD_STREAM_WEB_TOKENS=PEOPLE)
        with worker(environ, folder) as running:
            running.wait_until_ready()
            produce(settings, "transactions", [*payments(), *map(broken, range(3))])
            wait_until(lambda: {alert_id(large(n)) for n in range(8)} <= alerts_of(settings))
            wait_until(lambda: count(settings, settings.topics.dead) == 3)
            wait_until(lambda: count(settings, settings.topics.scored) == 88 + LONG)
            yield Run(settings, running, browser)


def alerts_of(settings: Any) -> set[str]:
    return {one["alert_id"] for one in transaction_alerts(settings)}


@pytest.fixture
def watched(run: Run, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page of somebody who has not signed in, which may complain of nothing and asks nobody but its worker."""
    with watching(run, **getattr(request, "param", {})) as found:
        yield found


def enter(watched: Watched, run: Run, name: str, page: str) -> Page:
    """Sign in, and open a page."""
    shown = watched.open(f"{run.url}#/rules")
    shown.get_by_role("banner").get_by_role("button", name="Sign in").click()
    shown.get_by_label("Token").fill(TOKENS[name])
    shown.keyboard.press("Enter")
    expect(shown.locator("#who")).to_contain_text(name)
    shown.goto(f"{run.url}#/{page}")
    return shown


def alert_page(n: int) -> str:
    return f"alert/{alert_id(large(n))}"


def labels_of(run: Run, transaction: str) -> list[Any]:
    return [one for one in values(run.settings, "labels") if one["transaction_id"] == transaction]


def tab_to(page: Page, target: Locator) -> None:
    """Go on by the keyboard until something has the focus."""
    for _ in range(200):
        if target.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("the keyboard does not get there")


def said(page: Page, text: str) -> Locator:
    """What was done, where it is seen: a screen reader is told it as well."""
    return page.locator("main .notice.good", has_text=text)


def rule_at(run: Run, ident: str) -> Any:
    return next((one for one in run.worker.get("/rules/")["rules"] if one["id"] == ident), None)


def test_a_wrong_token_is_refused_and_a_right_one_says_who_it_is(run: Run, watched: Watched) -> None:
    page = watched.open(f"{run.url}#/rules")
    expect(page.locator("#who")).to_contain_text("local viewer")
    page.get_by_role("banner").get_by_role("button", name="Sign in").click()
    token = page.get_by_label("Token")
    expect(token).to_be_focused()
    expect(token).to_have_attribute("type", "password")
    expect(token).to_have_attribute("autocomplete", "current-password")
    token.fill("wrong" * 8)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("nobody's")
    watched.forgive(401)
    token.fill(TOKENS["bo"])
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page.locator("#who")).to_contain_text("bo analyst")
    expect(page.get_by_role("table", name="Rules")).to_be_visible()  # the page that was asked for
    page.reload()
    expect(page.locator("#who")).to_contain_text("bo analyst")
    assert page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)") == "{}{}"
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#who")).to_contain_text("local viewer")


def test_an_analyst_labels_an_alert_and_the_label_is_sent(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "bo", alert_page(0))
    form = page.get_by_role("form", name="Label the transaction")
    form.get_by_label("Reason").fill("the customer called")
    form.get_by_label("Reason").press("Enter")  # neither of the two
    assert labels_of(run, large(0)) == []
    form.get_by_role("button", name="Fraud").click()
    expect(page.locator(".about")).to_contain_text("is fraud; its first label counts")
    expect(page.locator(".about")).to_contain_text("The first label of a transaction counts")
    expect(form).to_have_count(0)
    expect(page.locator("tr.named .label-fraud")).to_be_visible()
    (label,) = wait_until(lambda: labels_of(run, large(0)))
    assert (label["customer_id"], label["is_fraud"], label["source"]) == (CUSTOMERS[0], True, "analyst")
    page.reload()
    expect(page.locator(".about")).to_contain_text("fraud says analyst")
    expect(form).to_have_count(0)


def test_a_transaction_is_labelled_in_the_history_of_its_customer(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "bo", f"customer/{CUSTOMERS[1]}")
    row = page.locator("tr", has=page.get_by_role("button", name=f"Label {large(1)}"))
    row.get_by_role("button").click()
    dialog = page.get_by_role("dialog", name="Is it fraud?")
    expect(dialog).to_contain_text("3,001.00")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row.get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Genuine").click()
    expect(dialog).to_have_count(0)
    for name in ("Transactions, the newest first", "Labels, the newest first"):
        expect(page.get_by_label(name).locator("tr", has_text=large(1)).locator(".label-genuine")).to_have_count(1)
    expect(page.locator("#announcer")).to_contain_text("is genuine; its first label counts")
    (label,) = wait_until(lambda: labels_of(run, large(1)))
    assert label["is_fraud"] is False


def test_the_alerts_of_a_customer_are_snoozed(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "bo", alert_page(2))
    page.get_by_role("form", name="Snooze").get_by_role("button", name="For 8 h").click()
    expect(page.get_by_role("form", name="Snooze").locator(".notice")).to_contain_text("snooze")
    entry = wait_until(lambda: run.worker.get("/rules/")["lists"])[0]
    assert (entry["list"], entry["what"], entry["value"], entry["by"]) == ("snooze", "customer", CUSTOMERS[2], "bo")
    assert entry["until"] - entry["since"] == pytest.approx(28_800, abs=1)
    page.goto(f"{run.url}#/rules")
    page.get_by_role("button", name=f"Remove {CUSTOMERS[2]} from the snooze list").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Nothing is allowed, denied or snoozed")).to_be_visible()
    assert run.worker.get("/rules/")["lists"] == []


def test_a_list_takes_what_an_analyst_puts_on_it(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "bo", "rules")
    page.get_by_text("Put something on a list").click()
    form = page.get_by_role("form", name="Put something on a list")
    form.get_by_label("List").select_option("snooze")
    assert form.locator("option:disabled").all_text_contents() == ["merchant", "device", "until it is removed"]
    form.get_by_label("List").select_option("deny")
    form.get_by_label("What").select_option("device")
    form.get_by_label("Its id").fill("D-STOLEN")
    form.get_by_label("For").select_option(label="until it is removed")
    form.get_by_label("Reason").fill("found in a raid")
    form.get_by_role("button", name="Add").click()
    expect(page.get_by_role("table", name="Lists")).to_contain_text("D-STOLEN")
    expect(form.get_by_label("Its id")).to_have_value("")
    entry = next(one for one in run.worker.get("/rules/")["lists"] if one["value"] == "D-STOLEN")
    assert (entry["list"], entry["what"], entry["until"], entry["reason"]) == (
        "deny",
        "device",
        None,
        "found in a raid",
    )


def test_a_rule_is_added_changed_and_deleted_by_the_keyboard_alone(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "ana", "rules")
    adds = page.get_by_role("button", name="Add a rule")
    expect(adds).to_be_visible()
    press(page, adds)
    page.keyboard.type("by-keyboard")
    press(page, page.get_by_label("State"), "a")
    press(page, page.get_by_label("Condition"), None)
    page.keyboard.type("amount > 123456")
    press(page, page.get_by_label("Message"), None)
    page.keyboard.type("{amount:,.2f} is a lot")
    page.keyboard.press("Enter")
    expect(said(page, "Rule by-keyboard is active in version 1.")).to_be_visible()
    changes = page.get_by_role("group", name="Change by-keyboard")
    expect(changes.get_by_role("button", name="Edit")).to_be_focused()
    added = rule_at(run, "by-keyboard")
    assert (added["when"], added["state"], added["by"]) == ("amount > 123456", "active", "ana")
    press(page, changes.get_by_role("button", name="Shadow"))
    expect(said(page, "Rule by-keyboard is shadow in version 2.")).to_be_visible()
    expect(changes.get_by_role("button", name="Edit")).to_be_focused()
    assert rule_at(run, "by-keyboard")["state"] == "shadow"
    page.keyboard.press("Enter")
    expect(page.get_by_label("Id", exact=True)).to_have_attribute("readonly", "")
    expect(page.get_by_label("Condition")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type("7")
    press(page, page.get_by_role("button", name="Save"))
    expect(said(page, "Rule by-keyboard is shadow in version 3.")).to_be_visible()
    assert rule_at(run, "by-keyboard")["when"] == "amount > 1234567"
    press(page, changes.get_by_role("button", name="Delete"))
    expect(page.get_by_role("dialog", name="Delete by-keyboard?")).to_be_visible()
    page.keyboard.type("was a try")
    page.keyboard.press("Enter")
    expect(said(page, "Rule by-keyboard is deleted.")).to_be_visible()
    expect(changes).to_have_count(0)
    assert rule_at(run, "by-keyboard") is None


def press(page: Page, target: Locator, key: str | None = "Enter") -> None:
    tab_to(page, target)
    if key is not None:
        page.keyboard.press(key)


def test_an_invalid_rule_is_refused_with_the_reason_and_nothing_typed_is_lost(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "ana", "rules")
    page.get_by_role("button", name="Add a rule").click()
    form = page.get_by_role("form", name="Add a rule")
    form.get_by_label("Id", exact=True).fill("no-such-name")
    form.get_by_label("Condition").fill("ammount > 1000")
    form.get_by_label("Reason").fill("trying")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_role("alert")).to_contain_text("'ammount' is unknown; did you mean amount?")
    watched.forgive(422)
    assert form.get_by_label("Id", exact=True).input_value() == "no-such-name"
    assert form.get_by_label("Condition").input_value() == "ammount > 1000"
    assert form.get_by_label("Reason").input_value() == "trying"
    keep(page, "rules-refused")
    form.get_by_label("Condition").fill("amount > 100000")
    form.get_by_role("button", name="Add").click()
    expect(said(page, "Rule no-such-name is shadow in version 1.")).to_be_visible()
    assert rule_at(run, "no-such-name")["state"] == "shadow"  # as the form proposes


def test_of_two_who_change_a_rule_the_second_is_told_and_may_replace_it(run: Run, watched: Watched) -> None:
    ident = "amount-above-threshold"
    page = enter(watched, run, "ana", "rules")
    page.get_by_role("group", name=f"Change {ident}").get_by_role("button", name="Edit").click()
    form = page.get_by_role("form", name=f"Edit {ident}")
    form.get_by_label("Description").fill("mine")
    before = rule_at(run, ident)["version"]
    other = {"id": ident, "when": "amount > 1000", "before": before, "description": "another's"}
    token = {"Authorization": f"Bearer {TOKENS['ana']}"}
    assert page.request.post(f"{run.url}api/rules", data=other, headers=token).ok
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text(f"Version {before + 1} is in the table now")
    watched.forgive(409)
    expect(page.get_by_role("table", name="Rules")).to_contain_text("another's")
    assert form.get_by_label("Description").input_value() == "mine"
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("table", name="Rules")).to_contain_text("mine")
    assert rule_at(run, ident)["version"] == before + 2


def test_a_rule_that_somebody_else_has_changed_is_shown_as_it_is_before_it_is_switched(
    run: Run, watched: Watched
) -> None:
    ident = "several-devices"
    page = enter(watched, run, "ana", "rules")
    changes = page.get_by_role("group", name=f"Change {ident}")
    expect(changes).to_be_visible()
    other = {"id": ident, "when": "sliding_devices_1h >= 4", "before": rule_at(run, ident)["version"]}
    token = {"Authorization": f"Bearer {TOKENS['ana']}"}
    assert page.request.post(f"{run.url}api/rules", data=other, headers=token).ok
    wait_until(lambda: rule_at(run, ident)["when"] == other["when"])
    changes.get_by_role("button", name="Off").click()
    row = page.get_by_role("row", name=ident)
    expect(row.get_by_role("alert")).to_contain_text("somebody has changed it meanwhile")
    watched.forgive(409)
    expect(row).to_contain_text("sliding_devices_1h >= 4")
    changes.get_by_role("button", name="Off").click()
    expect(row.locator(".badge.state-off")).to_be_visible()


def test_a_dead_letter_is_rehearsed_and_redriven(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "ana", "dead-letters")
    sent = count(run.settings, "transactions")
    one = page.get_by_role("button", name=re.compile(r"^Redrive \d+:\d+$")).first
    one.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 letter to transactions")
    keep(page, "redrive")
    dialog.get_by_role("button", name="Cancel").click()
    assert count(run.settings, "transactions") == sent
    one.click()
    dialog.get_by_role("button", name="Redrive 1").click()
    expect(said(page, "1 letter sent in again.")).to_be_visible()
    expect(page.locator("td", has_text="sent in again just now")).to_have_count(1)
    assert count(run.settings, "transactions") == sent + 1
    page.get_by_role("button", name="Redrive all that wait").click()
    expect(dialog).to_contain_text("letters to transactions")
    dialog.get_by_label("Reason").fill("mended")
    dialog.get_by_role("button", name="Redrive").click()
    expect(said(page, "letters sent in again.")).to_be_visible()
    assert count(run.settings, "transactions") >= sent + 4
    expect(page.locator(".letter-redriven").first).to_be_visible()


@pytest.mark.parametrize("name", ["vic", None])
def test_a_viewer_sees_nothing_to_change_with(run: Run, watched: Watched, name: str | None) -> None:
    for address in ("rules", "dead-letters", f"customer/{CUSTOMERS[3]}", alert_page(3)):
        page = enter(watched, run, name, address) if name else watched.open(f"{run.url}#/{address}")
        page.reload()
        expect(page.locator("main [aria-busy]")).to_have_count(0)
        if "/" in address:
            expect(page.locator("h2", has_text="History")).to_be_visible()
        buttons = page.locator("main button:visible").all_text_contents()
        assert set(buttons) <= {"Search further back"}, address
        assert page.locator("main form").count() == 0, address
        if name:
            page.get_by_role("button", name="Sign out").click()


def test_an_analyst_may_not_change_rules(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "bo", "rules")
    expect(page.get_by_text("Put something on a list")).to_be_visible()
    expect(page.get_by_role("button", name="Add a rule")).to_have_count(0)
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)


def test_who_was_signed_out_meanwhile_signs_in_above_the_form(run: Run, watched: Watched) -> None:
    page = enter(watched, run, "bo", alert_page(4))
    form = page.get_by_role("form", name="Label the transaction")
    form.get_by_label("Reason").fill("typed before")
    page.context.clear_cookies()
    form.get_by_role("button", name="Fraud").click()
    expect(form.get_by_role("alert")).to_contain_text("this needs the role analyst")
    watched.forgive(403)
    form.get_by_role("button", name="Sign in").click()
    page.get_by_label("Token").fill(TOKENS["bo"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert form.get_by_label("Reason").input_value() == "typed before"
    form.get_by_role("button", name="Fraud").click()
    expect(page.locator(".about")).to_contain_text("is fraud; its first label counts")


def test_the_transaction_of_an_alert_is_found_behind_a_burst(run: Run, watched: Watched) -> None:
    alert = alert_id(f"TXN-{2_005:012x}")
    page = watched.open(f"{run.url}#/alert/{alert}?customer={BURST}")
    expect(page.locator("tr.named", has_text="TXN-")).to_have_count(1)
    expect(page.get_by_text("features as they were at the decision")).to_be_visible()
    expect(page.get_by_role("table", name="Transactions, the newest first").locator("tbody tr")).to_have_count(LONG)


@pytest.mark.parametrize("watched", LOOKS, indirect=True)
def test_what_changes_things_is_whole_at_every_width(
    run: Run, watched: Watched, request: pytest.FixtureRequest
) -> None:
    look = request.node.callspec.id
    page = enter(watched, run, "ana", alert_page(5))
    for address in (alert_page(5), f"customer/{CUSTOMERS[5]}", "rules", "dead-letters"):
        page.goto(f"{run.url}#/{address}")
        page.reload()
        page.wait_for_selector("main > div:not([aria-busy])")
        if "/" in address:
            expect(page.locator("h2", has_text="History")).to_be_visible()
        if address == "rules":
            page.get_by_role("button", name="Add a rule").click()
            page.get_by_text("Put something on a list").click()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= page.viewport_size["width"], address
        unnamed = "[...document.querySelectorAll('input,select,textarea')].filter(node => !node.labels.length).length"
        assert page.evaluate(unnamed) == 0, address
        keep(page, f"change-{address.split('/')[0]}-{look}")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#who")).to_contain_text("local viewer")
    page.get_by_role("button", name="Sign in").click()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= page.viewport_size["width"]
    keep(page, f"sign-in-{look}")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Iterator[Run]:
    """A worker beyond the loopback: nobody reads without a token, and viewers are told no customer."""
    folder: Path = tmp_path_factory.mktemp("guarded")
    with a_broker(folder) as port:
        settings, environ = settings_for(
            port,
            folder,
            FRAUD_STREAM_WEB_TOKENS=PEOPLE,
            FRAUD_STREAM_WEB_BIND="0.0.0.0",
            FRAUD_STREAM_WEB_MASK_FOR_VIEWERS="true",
            FRAUD_STREAM_APP_ID="guarded",
        )
        create_topics(settings)
        with worker(environ, folder, "guarded") as running:
            produce(settings, "transactions", payments())
            wait_until(lambda: {alert_id(large(n)) for n in range(8)} <= alerts_of(settings))
            yield Run(settings, running, run.browser)


def test_beyond_the_loopback_one_signs_in_first_and_sees_the_page_asked_for(guarded: Run) -> None:
    with watching(guarded) as found:
        page = found.open(f"{guarded.url}#/rules")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        expect(page.locator("#who")).to_contain_text("Not signed in")
        page.get_by_label("Token").fill(TOKENS["bo"])
        page.keyboard.press("Enter")
        expect(page.get_by_role("table", name="Rules")).to_be_visible()
        page.context.clear_cookies()
        page.get_by_role("link", name="Models").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_one_whose_session_has_ended_signs_in_again_and_sees_the_alerts_live(guarded: Run) -> None:
    with watching(guarded) as found:
        page = found.open(f"{guarded.url}#/alerts")
        page.get_by_label("Token").fill(TOKENS["bo"])
        page.keyboard.press("Enter")
        expect(page.locator(".state")).to_have_text("Live")
        page.context.clear_cookies()
        page.get_by_label("Verdict").select_option("block")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
        found.forgive(401)
        page.get_by_label("Token").fill(TOKENS["bo"])
        page.keyboard.press("Enter")
        expect(page.locator(".state")).to_have_text("Live")
        assert page.get_by_label("Verdict").input_value() == "block"


def test_a_viewer_who_is_told_no_customer_is_shown_another_name_and_asks_for_none(guarded: Run) -> None:
    with watching(guarded) as found:
        page = found.open(f"{guarded.url}#/alerts")
        page.get_by_label("Token").fill(TOKENS["vic"])
        page.keyboard.press("Enter")
        expect(page.locator(".scroll tbody td", has_text="customer-").first).to_be_visible()
        assert page.locator("a[href*='#/customer/']").count() == 0
        assert "CUST-" not in page.locator("main").text_content()
        for address in (
            alert_page(0),
            "customers",
            "customer/CUST-00000001",
            "dead-letters",
            "rules",
            "data",
            "models",
        ):
            page.goto(f"{guarded.url}#/{address}")
            page.reload()
            page.wait_for_selector("main > div:not([aria-busy])")
            assert page.locator(".notice.error").count() == 0, address
            assert page.locator("a[href*='#/customer/']").count() == 0, address
            assert "CUST-" not in page.locator("main > div").text_content(), address
