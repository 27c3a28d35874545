"""Labels arrive late, as chargebacks do: kept back until the stream's time has come to them."""

import heapq
from collections.abc import Callable

import msgspec

from fraud_stream.records import Label
from producers.seeding import seeded


class DelayedLabels:
    """The labels of a stream, each sent once the stream's event time has passed the moment it became known.

    Args:
        send: Takes a customer's id and a label, JSON.
        source: Who says so, for example ``generator``.
        delay: Seconds of event time from a transaction to its label.
        spread: How much the delay differs, as a share of it: 0.5 gives delays from half to one and a half.
        seed: Makes the differences.

    >>> sent = []
    >>> labels = DelayedLabels(lambda customer, value: sent.append(customer), "generator", delay=10.0)
    >>> labels.add("T1", "C1", 100.0, True, "card_testing")
    >>> labels.advance(109.0), len(sent), labels.advance(110.0), len(sent)
    (None, 0, None, 1)
    """

    def __init__(
        self, send: Callable[[str, bytes], object], source: str, delay: float, spread: float = 0.0, seed: int = 0
    ) -> None:
        self.sent = 0
        self._send = send
        self._source = source
        self._least, self._range = delay * (1 - spread), 2 * delay * spread
        self._random = seeded(seed, "labels").random
        self._encode = msgspec.json.Encoder().encode
        self._waiting: list[tuple[float, int, str, bytes]] = []
        self._added = 0

    @property
    def waiting(self) -> int:
        """How many labels are kept back."""
        return len(self._waiting)

    def add(
        self, transaction_id: str, customer_id: str, event_time: float, is_fraud: bool, kind: str | None = None
    ) -> None:
        """Keep the label of a transaction of `event_time` (seconds since 1970) until it is known."""
        known = event_time + self._least + (self._random() * self._range if self._range else 0.0)
        label = Label(transaction_id, customer_id, is_fraud, known, self._source, kind)
        self._added += 1
        heapq.heappush(self._waiting, (known, self._added, customer_id, self._encode(label)))

    def advance(self, stream_time: float) -> None:
        """Send what is known at `stream_time`, seconds since 1970, oldest first."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= stream_time:
            _, _, customer, value = heapq.heappop(waiting)
            self._send(customer, value)
            self.sent += 1

    def flush(self) -> None:
        """Send all that is kept back."""
        self.advance(float("inf"))
