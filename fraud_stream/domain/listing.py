"""Lists of customers, merchants and devices that people keep: allowed, denied, not to be alerted for a while."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from fraud_stream.domain.intake import LONGEST_ID
from fraud_stream.domain.rules import RuleError
from fraud_stream.domain.said import Word
from fraud_stream.domain.transaction import Transaction

ListName = Literal["allow", "deny", "snooze"]
What = Literal["customer", "merchant", "device"]
#: Which field of a transaction is looked up, by what is listed.
FIELDS: Mapping[What, Literal["customer_id", "merchant_id", "device_id"]] = {
    "customer": "customer_id",
    "merchant": "merchant_id",
    "device": "device_id",
}
#: Entries of all lists.
MOST_ENTRIES = 100_000


class Listed(msgspec.Struct, frozen=True, tag_field="kind", tag="listed"):
    """An entry of a list; a later one of the same list, kind and value replaces it.

    Attributes:
        kind: ``listed``.
        list: ``allow``: never alerted; ``deny``: always blocked, and stronger than ``allow``; ``snooze``: the alerts of
            a customer are decided and not sent.
        what: ``customer``, ``merchant`` or ``device``.
        value: Its id.
        since: When this was said, seconds since 1970.
        until: When it ends, by the clock of the worker, seconds since 1970; null where it stays.
        by: The user who said it.
        reason: Why.
    """

    list: ListName
    what: What
    value: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
    since: float
    until: float | None
    by: Word
    reason: Word = ""

    def __post_init__(self) -> None:
        """Look whether such an entry can be.

        Raises:
            ValueError: Only the alerts of customers can be snoozed, and not for ever.
        """
        if self.list == "snooze" and (self.what != "customer" or self.until is None):
            raise ValueError("only the alerts of a customer can be snoozed, until some time")

    @property
    def key(self) -> str:
        """What is replaced by a later entry; the key on the topic.

        >>> Listed("deny", "device", "D-1", 0.0, None, "ana").key
        'deny device D-1'
        """
        return f"{self.list} {self.what} {self.value}"

    def holds(self, now: float) -> bool:
        """Whether it has not ended."""
        return self.until is None or self.until > now


def _end(entry: Listed) -> float:
    return math.inf if entry.until is None else entry.until


class Lists:
    """The lists in force."""

    def __init__(self) -> None:
        self._held: dict[tuple[ListName, What], dict[str, Listed]] = {}
        self._kept: dict[str, Listed] = {}
        self._next_end = math.inf

    def __bool__(self) -> bool:
        """Whether there is any entry."""
        return bool(self._kept)

    def count(self, now: float) -> int:
        """How many entries have not ended."""
        return sum(entry.holds(now) for entry in self._kept.values())

    def take(self, entry: Listed, now: float) -> None:
        """Take an entry in; one that ends before it begins takes back what was said before.

        Raises:
            RuleError: There are too many that have not ended.
        """
        if entry.key not in self._kept and len(self._kept) >= MOST_ENTRIES:
            self._make_room(now)
        self.remove(entry.key)
        if entry.holds(entry.since):
            self._held.setdefault((entry.list, entry.what), {})[entry.value] = self._kept[entry.key] = entry
            self._next_end = min(self._next_end, _end(entry))

    def remove(self, key: str) -> None:
        """Take back what was said under a key; nothing where nothing was."""
        entry = self._kept.pop(key, None)
        if entry is not None:
            del self._held[entry.list, entry.what][entry.value]

    def _make_room(self, now: float) -> None:
        if self._next_end <= now:  # else all are looked at for nothing
            for key in [key for key, entry in self._kept.items() if not entry.holds(now)]:
                self.remove(key)
            self._next_end = min(map(_end, self._kept.values()), default=math.inf)
        if len(self._kept) >= MOST_ENTRIES:
            raise RuleError(f"there are {MOST_ENTRIES:,} entries of lists already; remove some first")

    def entries(self, now: float) -> list[Listed]:
        """The entries that have not ended, in the order of their keys."""
        return sorted((entry for entry in self._kept.values() if entry.holds(now)), key=lambda entry: entry.key)

    def find(self, name: ListName, transaction: Transaction, now: float) -> Listed | None:
        """The entry of a list that a transaction meets; None where it meets none.

        >>> lists = Lists()
        >>> lists.take(Listed("deny", "merchant", "M-1", 0.0, 60.0, "ana"), now=0.0)
        >>> payment = Transaction("T-1", "C-1", 0.0, 5.0, merchant_id="M-1")
        >>> lists.find("deny", payment, 59.0).value, lists.find("deny", payment, 60.0)
        ('M-1', None)
        """
        for what, field in FIELDS.items():
            entry = self._held.get((name, what), {}).get(getattr(transaction, field))
            if entry is not None and entry.holds(now):
                return entry
        return None
