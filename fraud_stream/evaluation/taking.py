"""Taking transactions in as the stream does, for those who go through a file: what features are computed from."""

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.memory import new_state
from fraud_stream.domain.observation import Observer
from fraud_stream.domain.outcomes import History
from fraud_stream.domain.transaction import Transaction
from fraud_stream.settings import Settings


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

    def take(self, transaction: Transaction) -> list[float] | None:
        """The facts that a transaction is judged by; None where it is a duplicate."""
        observed = self._observer.observe(transaction, self._read, self._state)
        self._read += 1
        return None if observed is None else observed.facts

    def note(self, transaction: Transaction, known_at: float, *, is_fraud: bool) -> None:
        """Note what became known of a transaction; it counts from `known_at`, seconds since 1970, and not earlier."""
        if transaction.merchant_id is not None:
            _history(self._state.merchants, transaction.merchant_id).add(known_at, is_fraud)
        if is_fraud:
            _history(self._state.customers, transaction.customer_id).add(known_at, True)


def _history(held: object, key: str) -> History:
    assert isinstance(held, dict)  # noqa: S101 - `new_state` made it
    history: History = held.setdefault(key, History())
    return history
