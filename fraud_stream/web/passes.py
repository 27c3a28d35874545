"""What workers show each other: a signature of the page that they ask for, which is good for nothing else.

Nobody's token is sent: where another worker is, Kafka tells, and whoever may join the group can tell anything.
"""

import time
from collections.abc import Sequence
from hashlib import sha256

from itsdangerous import BadData, TimestampSigner

from fraud_stream.access import Person

HEADER = "X-Fraud-Stream-Pass"
#: Seconds that a pass lasts, and that the clocks of two workers may differ.
LASTS = 60.0


def pass_for(path: str, people: Sequence[Person]) -> dict[str, str]:
    """The headers with which a worker asks another for a page; none where nobody has a token."""
    return {HEADER: _signer(people).sign(path.encode()).decode()} if people else {}


def is_pass(shown: str, path: str, people: Sequence[Person]) -> bool:
    """Whether a worker with the same tokens asks for this page.

    Most who ask show none: an exception for each would keep its request until the garbage collector comes, and that
    would stop the stream for a third of a second.
    """
    if not (shown and people):
        return False
    try:
        named, made = _signer(people).unsign(shown, return_timestamp=True)
    except (BadData, UnicodeEncodeError):
        return False
    return named == path.encode() and abs(time.time() - made.timestamp()) <= LASTS


def _signer(people: Sequence[Person]) -> TimestampSigner:
    secret = sha256("\n".join(sorted(f"{one.role} {one.name} {one.token}" for one in people)).encode())
    return TimestampSigner(secret.digest(), salt="fraud_stream worker")
