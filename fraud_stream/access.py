"""Who may see and change what: the people of ``FRAUD_STREAM_WEB_TOKENS``, their roles and tokens."""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

Role = Literal["viewer", "analyst", "admin"]
#: From the one that may do least: each may do what those before it may.
ROLES: tuple[Role, ...] = get_args(Role)
#: Characters of a token: shorter ones could be guessed.
SHORTEST, LONGEST = 20, 200
#: How an entry is written, for errors; it never quotes a token.
FORM = f"write them as ROLE:NAME:TOKEN, with commas between; ROLE is {', '.join(ROLES)}"
#: What nobody may be called: those who have no token, and what is not by anybody.
RESERVED = ("local", "settings", "worker")
_NAME = re.compile(r"[A-Za-z0-9_@-]{1,64}")
_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST},{LONGEST}}}")


class Person(NamedTuple):
    """Somebody, or a program, who has a token.

    Attributes:
        role: What they may do.
        name: What changes are recorded under.
        token: What they prove it by.
    """

    role: Role
    name: str
    token: str


def may(role: Role, needed: Role) -> bool:
    """Whether a role has the rights of another.

    >>> may("admin", "analyst"), may("viewer", "analyst")
    (True, False)
    """
    return ROLES.index(role) >= ROLES.index(needed)


def read_people(text: str) -> tuple[Person, ...]:
    """The people that a setting names.

    >>> read_people("admin:ana:0123456789abcdefghij")[0].name
    'ana'

    Raises:
        ValueError: An entry is wrong, or a name or token is there twice.
    """
    people = tuple(_person(entry, n) for n, entry in enumerate(filter(None, map(str.strip, text.split(","))), 1))
    for what in ("name", "token"):
        if len({getattr(one, what) for one in people}) < len(people):
            raise ValueError(f"two entries have the same {what}")
    return people


def _person(entry: str, number: int) -> Person:
    role, name, token = (*entry.split(":", 2), "", "")[:3]
    if role not in ROLES or not _NAME.fullmatch(name):
        raise ValueError(f"entry {number} is not understood; {FORM}, NAME has 1 to 64 letters, digits, _, @ or -")
    if name in RESERVED:
        raise ValueError(f"entry {number}: nobody may be called {name!r}, which stands for somebody without a token")
    if not _TOKEN.fullmatch(token):
        raise ValueError(
            f"entry {number}: the token of {name} must have {SHORTEST} to {LONGEST} letters, digits or ._~+/=-; "
            "`openssl rand -hex 32` makes one"
        )
    return Person(role, name, token)


def owner_of(token: str, people: Iterable[Person]) -> Person | None:
    """Whose token it is; takes as long whosever it is, and whatever is in it."""
    given, found = _digest(token), None
    for person in people:
        if hmac.compare_digest(_digest(person.token), given):
            found = person
    return found


def credentials(person: Person | None) -> dict[str, str]:
    """The headers with which somebody asks a worker; none for nobody.

    >>> credentials(Person("viewer", "vic", "0123456789abcdefghij"))
    {'Authorization': 'Bearer 0123456789abcdefghij'}
    """
    return {} if person is None else {"Authorization": f"Bearer {person.token}"}


def with_least_rights(people: Iterable[Person]) -> Person | None:
    """Who may do least, for who only reads."""
    return min(people, key=lambda one: ROLES.index(one.role), default=None)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
