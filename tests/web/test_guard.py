import time

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from fraud_stream.access import read_people
from fraud_stream.sections import WebSettings
from fraud_stream.web import passes
from fraud_stream.web.guard import admit
from fraud_stream.web.operations import OPERATIONS, operation_at
from fraud_stream.web.passes import HEADER, is_pass, pass_for
from fraud_stream.web.session import COOKIE, cookie_of

TOKENS = {"admin": "a" * 40, "analyst": "b" * 40, "viewer": "c" * 40}
PEOPLE = ",".join(f"{role}:{role}1:{token}" for role, token in TOKENS.items())
LOCAL = WebSettings()
LOCAL_WITH_TOKENS = WebSettings(tokens=PEOPLE)
OPEN_TO_OTHERS = WebSettings(tokens=PEOPLE, bind="0.0.0.0")
MASKED = WebSettings(tokens=PEOPLE, bind="0.0.0.0", mask_for_viewers=True)
RULES, LABELS, CUSTOMER = "/dashboard/api/rules", "/dashboard/api/labels", "/dashboard/api/customer?id=C1"


class Connection:
    """A connection from somewhere."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str, default=None):
        return (self._peer, 50_000) if name == "peername" else default


def request(
    method: str,
    path: str,
    role: str | None = None,
    host: str = "127.0.0.1:6066",
    peer: str = "127.0.0.1",
    **headers: str,
):
    more = {} if role is None else {"Authorization": f"Bearer {TOKENS[role]}"}
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request(method, path, headers={"Host": host, **more, **dashed}, transport=Connection(peer))


def status(asked, settings: WebSettings) -> int:
    try:
        admit(asked, settings)
    except web.HTTPException as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        *(("GET", path, "viewer") for path in (RULES, "/table/", "/", "/metrics", "/metrics/", "/nowhere")),
        *(("POST", path, "analyst") for path in (LABELS, "/dashboard/api/lists")),
        *(("POST", path, "admin") for path in (RULES, "/dashboard/api/dead-letters/redrive", "/", "/nowhere")),
        ("PUT", LABELS, "admin"),
    ],
)
def test_roles_beyond_the_loopback(method, path, least):
    roles = ["viewer", "analyst", "admin"]
    found = {role: status(request(method, path, role), OPEN_TO_OTHERS) for role in roles}
    assert found == {role: 200 if roles.index(role) >= roles.index(least) else 403 for role in roles}
    assert status(request(method, path), OPEN_TO_OTHERS) == 401


@pytest.mark.parametrize("path", ["/health", "/health/", "/dashboard/", "/dashboard", "/dashboard/static/app.js"])
def test_what_needs_no_token_beyond_the_loopback(path):
    assert status(request("GET", path), OPEN_TO_OTHERS) == 200
    assert status(request("POST", path), OPEN_TO_OTHERS) == 401


def test_on_the_loopback_without_tokens_whoever_is_there_may_all():
    visitor = admit(request("POST", RULES), LOCAL)
    assert (visitor.name, visitor.role, visitor.knows_tokens) == ("local", "admin", False)


def test_on_the_loopback_with_tokens_reading_is_free_and_changing_is_not():
    assert admit(request("GET", RULES), LOCAL_WITH_TOKENS).role == "viewer"
    assert status(request("POST", RULES), LOCAL_WITH_TOKENS) == 403
    assert status(request("POST", RULES, "admin"), LOCAL_WITH_TOKENS) == 200


@pytest.mark.parametrize("settings", [LOCAL, LOCAL_WITH_TOKENS, OPEN_TO_OTHERS])
def test_a_token_that_is_nobodys_is_refused_everywhere(settings):
    asked = request("GET", RULES, Authorization="Bearer " + "x" * 40)
    with pytest.raises(web.HTTPUnauthorized) as caught:
        admit(asked, settings)
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_cookie_stands_for_its_token():
    ana = read_people(PEOPLE)[0]
    visitor = admit(request("POST", RULES, Cookie=f"{COOKIE}={cookie_of(ana)}"), OPEN_TO_OTHERS)
    assert (visitor.name, visitor.role) == ("admin1", "admin")
    assert status(request("POST", RULES, Cookie=f"{COOKIE}=admin1.forged.cookie"), OPEN_TO_OTHERS) == 401


@pytest.mark.parametrize("settings", [LOCAL, LOCAL_WITH_TOKENS, OPEN_TO_OTHERS])
@pytest.mark.parametrize(
    "headers",
    [
        *({"Origin": origin} for origin in ("http://evil.example", "null", "http://127.0.0.1:1")),
        *({"Sec_Fetch_Site": site} for site in ("cross-site", "same-site")),
    ],
)
def test_a_page_of_somebody_else_changes_nothing(settings, headers):
    assert status(request("POST", RULES, "admin" if settings.people else None, **headers), settings) == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://127.0.0.1:6066", "Sec_Fetch_Site": "same-origin"}, {}])
def test_the_page_itself_and_programs_do(headers):
    assert status(request("POST", RULES, **headers), LOCAL) == 200


@pytest.mark.parametrize(
    "asked",
    [
        {"peer": "192.0.2.7"},  # it listens elsewhere than its settings say
        *({name: "203.0.113.9"} for name in ("X_Forwarded_For", "X_Real_IP", "Forwarded", "Via")),
    ],
)
def test_who_is_not_at_this_machine_or_asks_through_a_proxy_needs_a_token(asked):
    for settings in (LOCAL, LOCAL_WITH_TOKENS):
        assert status(request("GET", RULES, **asked), settings) == 401
    assert status(request("GET", RULES, "viewer", **asked), LOCAL_WITH_TOKENS) == 200


class Sent:
    """A body that is to come."""

    def at_eof(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content_Type": "application/json"}, 200),
        ({"Content_Type": "application/json; charset=utf-8"}, 200),
        ({"Content_Type": "application/json", "Content_Encoding": "gzip"}, 415),
        ({"Content_Type": "text/plain"}, 415),
        ({}, 415),
    ],
)
def test_what_is_sent_is_json_as_it_is(headers, expected):
    asked = request("POST", RULES, **headers)
    asked._payload = Sent()
    assert status(asked, LOCAL) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, 421) for host in ("evil.example", "evil.example:6066", "127.0.0.1.evil.example", "")),
        *((host, 421) for host in ("[::1]evil.example", "127.0.0.1:x", "a:b:c")),
        *((host, 200) for host in ("localhost:6066", "[::1]:6066", "LOCALHOST")),
    ],
)
def test_a_worker_on_the_loopback_answers_to_its_own_names(host, expected):
    assert status(request("GET", RULES, host=host), LOCAL) == expected
    assert status(request("GET", RULES, "viewer", host=host), OPEN_TO_OTHERS) == 200


def test_other_names_are_a_setting():
    behind = WebSettings(allowed_hosts="A.example, b.example", tokens=PEOPLE)
    assert status(request("GET", RULES, "viewer", host="a.example"), behind) == 200
    assert status(request("GET", RULES, host="a.example"), behind) == 401


def test_viewers_who_are_told_no_customers_may_not_ask_for_any():
    named = [CUSTOMER, "/dashboard/api/history?customer=C1", "/dashboard/api/dead-letters", "/table/pending/"]
    for path in [*named, "/table/customer_profile/C1/", "/table/customer_profile/a%2Fb/"]:
        assert status(request("GET", path, "viewer"), MASKED) == 403
        assert status(request("HEAD", path, "viewer"), MASKED) == 403
        assert status(request("GET", path, "viewer"), OPEN_TO_OTHERS) == 200
        assert status(request("GET", path, "analyst"), MASKED) == 200
    assert admit(request("GET", RULES, "viewer"), MASKED).is_masked
    assert not admit(request("GET", RULES, "analyst"), MASKED).is_masked


def test_a_worker_shows_another_a_pass_for_one_page_and_no_token():
    path = "/table/customer_profile/a%2Fb/"
    shown = pass_for(path, OPEN_TO_OTHERS.people)
    assert not any(token in text for token in TOKENS.values() for text in shown.values())
    headers = {name.replace("-", "_"): value for name, value in shown.items()}
    assert admit(request("GET", path, **headers), MASKED).role == "analyst"
    assert status(request("GET", "/table/customer_profile/C2/", **headers), MASKED) == 401
    assert status(request("POST", RULES, **headers), OPEN_TO_OTHERS) == 401
    assert status(request("GET", path, **headers), WebSettings(tokens=f"viewer:x:{'y' * 40}", bind="0.0.0.0")) == 401
    assert pass_for(path, LOCAL.people) == {}


def test_a_pass_is_good_for_a_minute(monkeypatch):
    shown = pass_for(RULES, OPEN_TO_OTHERS.people)[HEADER]
    now = time.time()
    for later, expected in ((0, True), (50, True), (-50, True), (70, False), (-70, False)):
        monkeypatch.setattr(passes.time, "time", lambda moment=now + later: moment)
        assert is_pass(shown, RULES, OPEN_TO_OTHERS.people) is expected
    assert not is_pass("forged", RULES, OPEN_TO_OTHERS.people)
    assert not is_pass(shown, RULES, ())


def test_whoever_shows_no_pass_is_not_asked_for_a_signature(monkeypatch):
    """A failed one is an exception, which keeps its request until the garbage collector comes and stops the stream."""
    monkeypatch.setattr(passes, "_signer", lambda _: pytest.fail("a signature was looked for"))
    token = OPEN_TO_OTHERS.people[0].token
    assert admit(request("GET", "/predict"), LOCAL).role == "admin"
    assert admit(request("GET", "/predict"), LOCAL_WITH_TOKENS).role == "viewer"
    assert admit(request("GET", "/predict", Authorization=f"Bearer {token}"), OPEN_TO_OTHERS).role == "admin"


def test_each_operation_is_found_at_its_path():
    for one in OPERATIONS:
        assert operation_at(one.method, one.path.replace("{name}", "x").replace("{key}", "y z")) == one
