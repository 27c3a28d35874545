"""The audit topic: who changed what, when, how and why.

An entry is delivered before the change is made, so that no change goes without one; a change that then fails is told by
a second entry.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal, NamedTuple

import msgspec

from fraud_stream.access import Role
from fraud_stream.delivery import deliver
from fraud_stream.errors import ChangeError, FraudStreamError
from fraud_stream.reading import read_all
from fraud_stream.records import AuditAction, AuditEntry
from fraud_stream.settings import Settings


class Author(NamedTuple):
    """Who makes a change: their name, how they make it, and with which rights the page lets them."""

    name: str
    via: Literal["page", "command"]
    role: Role | None = None


class Change(NamedTuple):
    """What is changed: as in an `AuditEntry`."""

    action: AuditAction
    target: str
    details: dict[str, Any]
    reason: str = ""


@contextmanager
def audited(settings: Settings, author: Author, change: Change) -> Iterator[None]:
    """Tell the topic of a change that is made within the block.

    Raises:
        BrokerError: It cannot be told; then the change must not be made.
        ChangeError: It cannot be told as text; likewise.
    """
    entry = AuditEntry(
        time.time(), author.name, author.via, change.action, change.target, author.role, change.reason, change.details
    )
    _write(settings, entry)
    try:
        yield
    except BaseException as error:
        failed = msgspec.structs.replace(entry, at=time.time(), failure=str(error) or type(error).__name__)
        with suppress(FraudStreamError):  # what went wrong first is what is told
            _write(settings, failed)
        raise


def _write(settings: Settings, entry: AuditEntry) -> None:
    try:
        value = msgspec.json.encode(entry)
    except UnicodeEncodeError:
        raise ChangeError("what is to be recorded has bytes that are no UTF-8: write it as text") from None
    deliver(settings, settings.topics.audit, entry.by, value)


def read_audit(settings: Settings) -> Iterator[AuditEntry]:
    """Every entry, the oldest first; what is none is passed over.

    Raises:
        BrokerError: There is no such topic, or the broker does not answer.
    """
    for message in read_all(settings, settings.topics.audit):
        try:
            yield msgspec.json.decode(message.value() or b"", type=AuditEntry)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
