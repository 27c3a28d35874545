"""Signed cookies: who has signed in on the page need not send the token again, and no script can read it.

Nothing is kept: every worker with the same tokens knows such a cookie, and one that no longer has the token does not.
"""

from collections.abc import Iterable

from itsdangerous import BadData, TimestampSigner

from fraud_stream.access import Person
from fraud_stream.app import settings

#: Applications on one host, whose cookies go to every port, must not replace each other's.
COOKIE = f"fraud_stream_session_{settings.app.id}"
#: Seconds after which one has to sign in again.
LASTS = 12 * 3_600


def cookie_of(person: Person) -> str:
    """The cookie of somebody who has shown their token."""
    return _signer(person).sign(person.name).decode()


def signed_in(cookie: str, people: Iterable[Person]) -> Person | None:
    """Whose cookie it is; None where it is forged, or too old, or its owner has another token now."""
    name = cookie.partition(".")[0]
    person = next((one for one in people if one.name == name), None)
    if person is None:
        return None
    try:
        _signer(person).unsign(cookie, max_age=LASTS)
    except BadData:
        return None
    return person


def _signer(person: Person) -> TimestampSigner:
    return TimestampSigner(f"{person.role} {person.token}", salt="fraud_stream session")
