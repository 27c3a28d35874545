"""The page's scripts in a real browser, with answers and events as a test wants them."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from fraud_stream.web.dashboard.pages import FOLDER

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here; `apt-get install chromium`")
URL = "http://dashboard.test/dashboard/"
START = datetime(2024, 5, 1, 12, tzinfo=UTC)
#: Takes the place of the browser's own; `say` is the worker's voice.
EVENTS = """
window.sources = [];
window.EventSource = class extends EventTarget {
  constructor(url) { super(); this.url = url; window.sources.push(this); }
  close() { this.isClosed = true; }
};
window.say = (type, id, data) => {
  for (const source of window.sources.filter((one) => !one.isClosed)) {
    const event = new MessageEvent(type, { data: JSON.stringify(data), lastEventId: id });
    source.dispatchEvent(event);
    source[`on${type}`]?.(event);
  }
};
"""


def alert(n: int, severity: str = "LOW", customer: str | None = None, **more: Any) -> dict[str, Any]:
    moment = (START + timedelta(seconds=n)).isoformat()
    facts = {
        "severity": severity,
        "type": "VELOCITY",
        "risk_score": 0.9,
        "verdict": "review",
        "message": f"message {n}",
    }
    who = {"alert_id": f"A{n}", "customer_id": customer or f"C{n}", "amount": 10.0}
    return {**who, "event_time": moment, "detected_at": moment, **facts, **more}


def visitor(role: str | None, name: str = "local", *, knows_tokens: bool = False) -> dict[str, Any]:
    return {"name": name, "role": role, "knows_tokens": knows_tokens, "is_masked": False}


class Worker:
    """Answers as it is told; None is no answer at all."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.trouble: str | None = None
        self.is_away = False
        self.asked = 0
        self.answers: dict[str, Any] = {"GET api/session": visitor("viewer")}
        self.sent: list[str] = []

    def serve(self, route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/dashboard/")
        if path == "api/alerts":
            self._answer(route)
        elif path.startswith("api/"):
            self._answer_as_told(route, f"{route.request.method} {path}")
        else:
            route.fulfill(path=FOLDER / "index.html" if path == "" else FOLDER.parent / path)

    def _answer_as_told(self, route: Route, asked: str) -> None:
        self.sent.append(asked)
        if self.answers[asked] is None:
            route.abort()
        else:
            route.fulfill(json=self.answers[asked])

    def _answer(self, route: Route) -> None:
        self.asked += 1
        if self.is_away:
            route.abort()
        else:
            held = {"after": "one-0", "held": len(self.alerts), "most": 2_000, "trouble": self.trouble}
            route.fulfill(json={"alerts": self.alerts[::-1], **held})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def asked() -> Worker:
    return Worker()


@pytest.fixture
def page(browser: Browser, asked: Worker) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.route(f"{URL}**", asked.serve)
    found, errors = context.new_page(), list[str]()
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.add_init_script(EVENTS)
    found.clock.install(time=START)
    yield found
    context.close()
    assert errors == []


def show(page: Page) -> None:
    page.goto(URL)
    page.wait_for_selector("main > div:not([aria-busy])")


def say(page: Page, kind: str, data: Any = 0, place: str = "one-0") -> None:
    page.evaluate("([type, id, data]) => say(type, id, data)", [kind, place, data])


def messages(page: Page, *, visible: bool = False) -> list[str]:
    rows = [row for row in page.locator(".stacks tbody tr").all() if not visible or row.is_visible()]
    return [row.locator("td.what a").text_content() for row in rows]


def state(page: Page) -> Any:
    return expect(page.locator(".state"))


def test_an_outage_is_never_shown_as_live(page: Page, asked: Worker) -> None:
    asked.trouble = "no broker answered"
    show(page)
    state(page).to_have_text("no broker answered")
    say(page, "open")
    say(page, "alert", alert(1))
    expect(page.locator("td.what a")).to_have_text("message 1")
    state(page).to_have_text("no broker answered")
    say(page, "still-here")
    state(page).to_have_text("Live")
    say(page, "trouble", "no broker answers any more")
    state(page).to_have_text("no broker answers any more")


def test_the_most_severe_leads_a_group_and_of_equals_the_newest(page: Page, asked: Worker) -> None:
    asked.alerts = [alert(n, how, "C") for n, how in enumerate(("LOW", "CRITICAL", "HIGH"))]
    show(page)
    assert messages(page, visible=True) == ["message 1"]
    say(page, "alert", alert(3, "LOW", "C"))
    assert messages(page) == ["message 1", "message 3", "message 2", "message 0"]
    say(page, "alert", alert(4, "CRITICAL", "C"))
    assert messages(page, visible=True) == ["message 4"]
    expect(page.locator("button.more")).to_have_text("4 more within a minute")
    assert page.locator("tr", has=page.locator("button.more")).locator("td.what a").text_content() == "message 4"
    say(page, "alert", alert(60, "LOW", "C"))
    assert messages(page, visible=True) == ["message 60", "message 4"]


def test_groups_are_those_of_the_worker_where_it_says_so(page: Page, asked: Worker) -> None:
    asked.alerts = [alert(n, customer="C", group_id=group) for n, group in ((0, "A0"), (30, "A30"), (300, "A0"))]
    show(page)
    assert messages(page, visible=True) == ["message 300", "message 30"]
    expect(page.locator("button.more")).to_have_text("1 more of this group")


def test_the_focus_stays_where_it_is_when_rows_move(page: Page, asked: Worker) -> None:
    asked.alerts = [alert(n, "HIGH", "C") for n in range(3)]
    show(page)
    more = page.locator("button.more")
    more.press("Enter")
    more.evaluate("node => { window.button = node }")
    say(page, "alert", alert(3, "HIGH", "C"))
    expect(more).to_have_text("3 more within a minute")
    expect(more).to_be_focused()
    assert page.evaluate("window.button === document.querySelector('button.more')")
    page.get_by_role("link", name="message 1").focus()
    say(page, "alert", alert(4, "CRITICAL", "C"))
    expect(page.get_by_role("link", name="message 1")).to_be_focused()


def test_the_oldest_is_forgotten_wherever_it_stands_and_its_group_told(page: Page, asked: Worker) -> None:
    """The oldest is the first of a group that stands on top, since it goes on."""
    asked.alerts = [alert(0, "CRITICAL", "C"), *(alert(n) for n in range(1, 199)), alert(50, "LOW", "C", alert_id="A")]
    show(page)
    expect(page.locator("button.more")).to_have_text("1 more within a minute")
    say(page, "alert", alert(200))
    found = messages(page, visible=True)
    assert (found[:3], found[-1]) == (["message 200", "message 50", "message 198"], "message 1")
    assert page.locator("button.more").count() == 0
    assert page.locator(".stacks tbody tr").count() == 200


def test_what_is_forgotten_leaves_nothing_behind(page: Page) -> None:
    show(page)
    left = page.evaluate(
        """async () => {
          const { Groups } = await import("./static/groups.js");
          const [groups, body] = [new Groups(), document.createElement("tbody")];
          const time = (n) => new Date(1e12 + 40_000 * n).toISOString();
          for (let n = 0; n < 300; n += 1) {
            const row = document.createElement("tr");
            row.append(document.createElement("td"));
            body.prepend(row);
            const group_id = n % 3 ? null : `G${n >> 2}`;
            groups.add({ alert_id: n, customer_id: `C${n % 7}`, event_time: time(n), severity: "LOW", group_id }, row);
          }
          for (let n = 0; n < 300; n += 1) groups.forget(n);
          return [body.children.length, groups.entries.size, groups.named.size, groups.newest.size];
        }"""
    )
    assert left == [0, 0, 0, 0]


def test_a_row_that_somebody_is_in_is_not_forgotten(page: Page, asked: Worker) -> None:
    asked.alerts = [alert(n) for n in range(200)]
    show(page)
    first = page.get_by_role("link", name="message 0", exact=True)
    first.focus()
    say(page, "alert", alert(200))
    expect(first).to_be_focused()
    assert "message 1" not in messages(page)
    page.locator("main").focus()
    say(page, "alert", alert(201))
    assert "message 0" not in messages(page)
    assert len(messages(page)) == 200


COUNTED = """
const made = window.uPlot;
window.plots = new Set();
window.uPlot = Object.assign(function (...facts) {
  const plot = new made(...facts);
  const end = plot.destroy;
  window.plots.add(plot);
  plot.destroy = () => { window.plots.delete(plot); end.call(plot); };
  return plot;
}, made);
0;
"""


def test_no_more_charts_are_kept_than_are_shown_and_opened_figures_stay_open(page: Page, asked: Worker) -> None:
    asked.alerts = [alert(n) for n in range(2)]
    page.goto(f"{URL}#/nowhere")
    page.evaluate(COUNTED)
    page.evaluate("location.hash = '#/alerts'")
    expect(page.locator("figure canvas")).to_have_count(1)
    page.get_by_text("Figures").press("Enter")
    rows = page.locator("figure details tbody tr")
    expect(rows).to_have_count(2)
    for n in range(2, 5):
        say(page, "alert", alert(n))
        page.clock.fast_forward(5_100)
        expect(rows).to_have_count(n + 1)
        expect(page.get_by_text("Figures")).to_be_focused()
        expect(page.locator("figure canvas")).to_have_count(1)
        page.wait_for_function("window.plots.size === 1")
    page.evaluate("location.hash = '#/nowhere'")
    page.wait_for_function("window.plots.size === 0")


def look(page: Page, *, is_hidden: bool) -> None:
    """Have a page believe that it is hidden, or seen."""
    page.evaluate(
        "is => { Object.defineProperty(document, 'hidden', { value: is, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        is_hidden,
    )


def test_who_wakes_without_a_network_tries_again(page: Page, asked: Worker) -> None:
    show(page)
    look(page, is_hidden=True)
    page.clock.fast_forward(61_000)
    asked.is_away = True
    look(page, is_hidden=False)
    expect(page.get_by_role("alert")).to_have_text("The worker does not answer.")
    state(page).to_have_text("Connection lost; trying again …")
    asked.alerts, asked.is_away = [alert(1)], False
    page.clock.fast_forward(1_100)
    expect(page.locator("td.what a")).to_have_text("message 1")


def test_an_answer_that_fails_late_does_not_wipe_a_newer_one(page: Page, asked: Worker) -> None:
    asked.alerts = [alert(1)]
    show(page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/alerts?type=OLD*", hold)
    page.get_by_label("Type").fill("OLD")
    with page.expect_request("**/api/alerts?type=OLD*"):
        page.clock.fast_forward(400)
    page.get_by_label("Type").fill("NEW")
    with page.expect_response("**/api/alerts?type=NEW*"):
        page.clock.fast_forward(400)
    expect(page.locator("td.what a")).to_have_text("message 1")
    with page.expect_event("requestfailed"):
        held[0].abort()
    page.wait_for_timeout(100)
    expect(page.locator("td.what a")).to_have_text("message 1")


ROWS_MADE = """
window.rowsMade = 0;
const make = document.createElement.bind(document);
document.createElement = (tag) => {
  window.rowsMade += tag === "tr";
  return make(tag);
};
0;
"""


def test_a_paused_list_keeps_so_many_and_counts_the_rest(page: Page, asked: Worker) -> None:
    asked.alerts = [alert(0), alert(1)]
    show(page)
    page.get_by_role("button", name="Pause").click()
    page.evaluate("all => { for (const one of all) say('alert', 'one-1', one); }", [alert(n) for n in range(2, 502)])
    page.evaluate(ROWS_MADE)
    page.get_by_role("button", name="Go on (500 new)").click()
    assert page.evaluate("window.rowsMade") == 200
    assert messages(page) == [f"message {n}" for n in range(501, 301, -1)]
    expect(page.locator(".status button")).to_have_text("Pause")


def test_the_button_of_a_paused_list_is_right_after_all_was_asked_for_again(page: Page, asked: Worker) -> None:
    asked.alerts = [alert(0)]
    show(page)
    page.get_by_role("button", name="Pause").click()
    say(page, "alert", alert(1))
    expect(page.get_by_role("button", name="Go on (1 new)")).to_be_visible()
    page.get_by_label("Type").fill("NEW")
    with page.expect_response("**/api/alerts?type=NEW*"):
        page.clock.fast_forward(400)
    expect(page.locator(".status button")).to_have_text("Go on")


def test_a_page_whose_worker_changes_reads_anew_ever_more_seldom(page: Page, asked: Worker) -> None:
    show(page)
    for wait in (1_000, 2_000, 4_000):
        before = asked.asked
        say(page, "still-here", place="two-0")
        page.clock.run_for(wait - 100)
        assert asked.asked == before
        with page.expect_response("**/api/alerts*"):
            page.clock.run_for(200)
        page.wait_for_function("sources.some((one) => !one.isClosed)")
    say(page, "still-here")
    state(page).to_have_text("Live")
    say(page, "still-here", place="two-0")
    with page.expect_response("**/api/alerts*"):
        page.clock.run_for(1_100)


def test_any_risk_can_be_asked_for(page: Page, asked: Worker) -> None:
    show(page)
    page.get_by_label("Risk from").fill("0.973")
    with page.expect_request("**/api/alerts?min_score=0.973*"):
        page.clock.fast_forward(400)


def test_whose_session_ends_while_alerts_come_is_asked_for_the_token(page: Page, asked: Worker) -> None:
    show(page)
    asked.answers["GET api/session"] = visitor(None, knows_tokens=True)
    say(page, "error")  # as the worker refuses the events
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.locator("#who")).to_contain_text("Not signed in")
    asked.answers["POST api/session"] = asked.answers["GET api/session"] = visitor("analyst", "bo", knows_tokens=True)
    page.get_by_label("Token").fill("a token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Alerts")
    expect(page.locator("#who")).to_contain_text("bo analyst")


def test_who_signs_in_elsewhere_is_noticed_with_the_next_page(page: Page, asked: Worker) -> None:
    show(page)
    expect(page.locator("#who")).to_have_text("local viewer")
    asked.answers["GET api/session"] = visitor("admin", "ana", knows_tokens=True)
    page.get_by_role("link", name="Customers").click()
    expect(page.locator("#who")).to_contain_text("ana admin")
    expect(page.locator("#who button")).to_have_text("Sign out")


def letter(at: str) -> dict[str, Any]:
    about = {"reason": "not_json", "detail": "x", "origin": "transactions 0:1", "time": 1.0, "key": "C1"}
    return {"at": at, "state": "waiting", **about, "value": "{", "size": 1}


def test_letters_that_were_sent_are_not_offered_again_where_looking_fails(page: Page, asked: Worker) -> None:
    redrive = "POST api/dead-letters/redrive"
    asked.answers["GET api/session"] = visitor("admin")
    asked.answers["GET api/dead-letters"] = {"letters": [letter("0:7")], "counts": {"not_json": 1}, "silent": []}
    asked.answers[redrive] = {"sent": 1, "topics": {"transactions": 1}, "left": {}}
    page.goto(f"{URL}#/dead-letters")
    page.get_by_role("button", name="Redrive 0:7").click()
    asked.answers["GET api/dead-letters"] = None
    page.get_by_role("dialog").get_by_role("button", name="Redrive 1").dblclick()
    expect(page.locator("main")).to_contain_text("1 letter sent in again.")
    expect(page.get_by_role("alert")).to_contain_text("The worker does not answer")
    expect(page.get_by_role("button", name="Redrive")).to_have_count(0)
    assert asked.sent.count(redrive) == 2  # the rehearsal, and the redrive


def test_a_rule_that_was_announced_is_told_so_where_looking_fails(page: Page, asked: Worker) -> None:
    facts = {"severity": "LOW", "state": "active", "version": 4, "type": "RULE", "description": "", "message": ""}
    rule = {"id": "big", "when": "amount > 9", **facts}
    about = {"rule": rule, "hits": 0, "changed": {"rule": rule, "since": 0.0, "by": "settings"}}
    rules = {"rules": [about], "version": "v", "lists": [], "scored": 0, "since": None, "silent": []}
    asked.answers["GET api/session"] = visitor("admin")
    asked.answers["GET api/rules"] = rules
    asked.answers["POST api/rules"] = {"message": "rule big is off in version 5", "version": 5}
    page.goto(f"{URL}#/rules")
    expect(page.get_by_role("button", name="Off")).to_be_visible()
    asked.answers["GET api/rules"] = None
    page.get_by_role("button", name="Off").dblclick()
    expect(page.locator(".notice.good")).to_contain_text(
        "Rule big is off in version 5. This worker has not told of it yet", timeout=15_000
    )
    assert asked.sent.count("POST api/rules") == 1
