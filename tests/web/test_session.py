import pytest
from itsdangerous import TimestampSigner

from fraud_stream.access import read_people
from fraud_stream.web import session
from fraud_stream.web.session import LASTS, cookie_of, signed_in

PEOPLE = read_people(f"admin:ana:{'a' * 40},analyst:bo:{'b' * 40}")
ANA, BO = PEOPLE


def test_who_has_signed_in_is_known():
    assert [signed_in(cookie_of(one), PEOPLE) for one in PEOPLE] == [ANA, BO]


@pytest.mark.parametrize(
    "forge",
    [
        lambda cookie: cookie[:-5] + cookie[-5:].swapcase(),
        lambda cookie: cookie[:-1],
        lambda cookie: "bo" + cookie[3:],
        lambda _: "",
    ],
)
def test_a_forged_cookie_is_nobodys(forge):
    assert signed_in(forge(cookie_of(ANA)), PEOPLE) is None


def test_a_cookie_ends_with_its_time_and_with_its_token_and_with_its_role(monkeypatch):
    cookie = cookie_of(ANA)
    assert signed_in(cookie, read_people(f"admin:ana:{'c' * 40}")) is None
    assert signed_in(cookie, read_people(f"viewer:ana:{'a' * 40}")) is None
    assert signed_in(cookie, [BO]) is None
    later = TimestampSigner("-").get_timestamp() + LASTS + 2
    monkeypatch.setattr(session.TimestampSigner, "get_timestamp", lambda _: later)
    assert signed_in(cookie, PEOPLE) is None
