"""Taking a transaction into a customer's state, and the facts it is judged by with it."""

from collections import Counter
from typing import Any, NamedTuple, Protocol

import msgspec

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.outcomes import NOTHING, History, Known
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import WindowStats


class Profiles(Protocol):
    """Where profiles are kept, by customer."""

    def get(self, key: Any) -> Profile | None:
        """A customer's profile."""
        ...

    def put(self, key: Any, value: Profile | None) -> None:
        """Keep a changed profile."""
        ...


class CustomerWindows(Protocol):
    """Where window statistics are kept, by customer and time."""

    def change(self, key: Any, time: float) -> WindowStats | None:
        """The statistics that a transaction of that time is added to; None where it is too late for that."""
        ...

    def window(self, key: Any, time: float, last: float | None, pane: WindowStats | None) -> WindowStats:
        """The earliest window that contains that time.

        `last` is the largest time added before, None if none was; `pane` is what `change` gave for that time.
        """
        ...


class Labels(Protocol):
    """Where it is kept what became known of payments, by customer or by merchant."""

    def get(self, key: Any) -> History | None:
        """What became known of those of one."""
        ...


class CustomerState(NamedTuple):
    """What the transactions of one partition are judged by: the customers' state, and what labels have told."""

    profiles: Profiles
    tumbling: CustomerWindows
    hopping: CustomerWindows
    customers: Labels
    merchants: Labels


class Observed(msgspec.Struct, frozen=True, gc=False):
    """A transaction that was taken in.

    Attributes:
        facts: What its features are computed from.
        is_late: Whether some of its windows had expired.
    """

    facts: list[float]
    is_late: bool


class Observer:
    """Takes transactions in, each once.

    Args:
        maker: Notes the facts.
        max_events: Transactions of a customer that are kept one by one.

    Attributes:
        counts: How many transactions were ``late``, ``duplicate``, ``replayed`` (decided before a
            crash) or ``folded`` (put into buckets, as their customer has too many).
    """

    def __init__(self, maker: FeatureMaker, max_events: int = 1_000) -> None:
        self.maker = maker
        self.counts: Counter[str] = Counter()
        self._max_events = max_events

    def observe(self, tx: Transaction, offset: int, state: CustomerState) -> Observed | None:
        """Take in the transaction read at `offset`; None where there is nothing to decide.

        A transaction that the profile has in it was decided before, but its windows may have been lost: they are
        caught up.  A duplicate changes nothing.
        """
        profile = state.profiles.get(tx.customer_id) or Profile()
        if offset <= profile.offset:
            self.counts["replayed"] += 1
            if not profile.ids.repeats(tx.transaction_id, offset):
                _add(tx, offset, state.tumbling)
                _add(tx, offset, state.hopping)
            return None
        state.profiles.put(tx.customer_id, profile)
        if not profile.note(tx, offset, self._max_events):
            self.counts["duplicate"] += 1
            return None
        known = _known(state.customers, tx.customer_id, tx), _known(state.merchants, tx.merchant_id, tx)
        facts, last = self.maker.before(tx, profile, *known), profile.last_time
        self.counts["folded"] += profile.apply(tx, self._max_events)
        panes = _add(tx, offset, state.tumbling), _add(tx, offset, state.hopping)
        is_late = panes[0] is None or panes[1] is None
        self.counts["late"] += is_late
        tumbling = state.tumbling.window(tx.customer_id, tx.timestamp, last, panes[0])
        hopping = state.hopping.window(tx.customer_id, tx.timestamp, last, panes[1])
        facts += self.maker.after(tx, profile, tumbling, hopping)
        return Observed(facts, is_late)


def _known(labels: Labels, key: str | None, tx: Transaction) -> Known:
    history = None if key is None else labels.get(key)
    return NOTHING if history is None else history.at(tx.timestamp)


def _add(tx: Transaction, offset: int, windows: CustomerWindows) -> WindowStats | None:
    """Add to the windows; the statistics it was added to, None where they have expired."""
    stats = windows.change(tx.customer_id, tx.timestamp)
    if stats is not None:
        stats.add(tx, offset)
    return stats
