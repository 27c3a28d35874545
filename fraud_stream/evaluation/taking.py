"""Taking transactions in as the stream does, for those who go through a file: what features are computed from."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.memory import DictWindows, new_state
from fraud_stream.domain.observation import Observer
from fraud_stream.domain.outcomes import History
from fraud_stream.domain.transaction import Transaction
from fraud_stream.settings import Settings

#: Windows are looked through every so many transactions, for those that have expired in the stream.
_LOOK_EVERY = 100_000


class Taker:
    """Takes transactions and their labels in, in order of event time.

    Args:
        settings: What the features depend on.

    Attributes:
        maker: Makes features of the facts.
    """

    def __init__(self, settings: Settings) -> None:
        windows = settings.windows
        self.maker = FeatureMaker(settings.feature_settings)
        self._observer = Observer(self.maker, windows.max_events)
        self._state = new_state(windows.tumbling_size, windows.hopping_size, windows.hopping_step)
        self._read = 0
        self._newest = 0.0
        self._expires = windows.tumbling_expires, windows.hopping_expires

    def take(self, transaction: Transaction) -> list[float] | None:
        """The facts that a transaction is judged by; None where it is a duplicate."""
        observed = self._observer.observe(transaction, self._read, self._state)
        self._read += 1
        self._newest = max(self._newest, transaction.timestamp)
        if self._read % _LOOK_EVERY == 0:
            self._forget()
        return None if observed is None else observed.facts

    def _forget(self) -> None:
        for windows, expires in zip((self._state.tumbling, self._state.hopping), self._expires, strict=True):
            assert isinstance(windows, DictWindows)  # noqa: S101 - `new_state` made them
            windows.forget(self._newest - expires - windows.size)

    def note(self, transaction: Transaction, known_at: float, *, is_fraud: bool) -> None:
        """Note what became known of a transaction; it counts from `known_at`, seconds since 1970, and not earlier."""
        self.note_of(transaction.customer_id, transaction.merchant_id, known_at, is_fraud=is_fraud)

    def note_of(self, customer_id: str, merchant_id: str | None, known_at: float, *, is_fraud: bool) -> None:
        """The same, of a transaction by its customer and merchant."""
        if merchant_id is not None:
            _history(self._state.merchants, merchant_id).add(known_at, is_fraud)
        if is_fraud:
            _history(self._state.customers, customer_id).add(known_at, True)


def _history(held: object, key: str) -> History:
    assert isinstance(held, dict)  # noqa: S101 - `new_state` made it
    history: History = held.setdefault(key, History())
    return history


class _Waiting(NamedTuple):
    """What will become known of a payment, and when, seconds since 1970."""

    known_at: float
    customer_id: str
    merchant_id: str | None
    is_fraud: bool


#: A transaction, and its label where one is known.
Told = tuple[Transaction, bool | None]


class TakerOfLabelled:
    """Takes transactions in, and what their labels tell once it is their time.

    Args:
        taker: What takes them in.
        delay: Seconds of event time from a payment to its label.
    """

    def __init__(self, taker: Taker, delay: float) -> None:
        self._taker, self._delay = taker, delay
        self._waiting: deque[_Waiting] = deque()

    def take(self, transaction: Transaction, is_fraud: bool | None) -> list[float] | None:
        """The facts that a transaction is judged by; None where it is a duplicate."""
        self._note_until(transaction.timestamp)
        facts = self._taker.take(transaction)
        if facts is not None and is_fraud is not None:
            known_at = transaction.timestamp + self._delay
            self._waiting.append(_Waiting(known_at, transaction.customer_id, transaction.merchant_id, is_fraud))
        return facts

    def take_all(self, part: Iterable[Told]) -> tuple[Sequence[Told], list[list[float]]]:
        """Take transactions in: those that are no duplicates, and their facts."""
        found = [(one, facts) for one in part if (facts := self.take(*one)) is not None]
        return [one for one, _ in found], [facts for _, facts in found]

    def _note_until(self, now: float) -> None:
        while self._waiting and self._waiting[0].known_at <= now:
            one = self._waiting.popleft()
            self._taker.note_of(one.customer_id, one.merchant_id, one.known_at, is_fraud=one.is_fraud)
