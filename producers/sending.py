"""Sending to Kafka, with an account of what was delivered."""

import time
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaException

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import PATIENCE, make_producer
from fraud_stream.sections import BrokerSettings

#: Delivery reports are taken in after so many records.
_POLL_EVERY = 1_000
#: Seconds without any delivery after which the broker is given up.
GIVE_UP_AFTER = 3 * PATIENCE
#: Seconds to deliver what is left when an error or Ctrl-C ends the sending.
_LAST_CHANCE = 5.0


class Sender:
    """Sends records and counts what became of them; a context manager that waits for the last delivery.

    Any method raises `BrokerError` once a record could not be delivered, or the broker has confirmed nothing for
    `GIVE_UP_AFTER` seconds.

    Args:
        broker: Where to send.

    Attributes:
        sent: Records handed over.
        delivered: Records the broker has confirmed.
        failed: Records that could not be delivered.
    """

    def __init__(self, broker: BrokerSettings) -> None:
        self.sent = self.delivered = self.failed = 0
        self._url = broker.url
        self._producer = make_producer(broker)
        self._reason = ""
        self._seen, self._alive = 0, time.monotonic()

    def __enter__(self) -> Self:
        """The sender itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Wait for the last delivery; for a while only where an error is on its way."""
        if kind is None:
            self.flush()
        else:
            self._producer.flush(_LAST_CHANCE)

    def send(self, topic: str, key: str | None, value: bytes) -> None:
        """Hand over one record; waits while the queue is full."""
        self.sent += 1
        while not self._handed_over(topic, key, value):
            self.serve(0.1)
        if self.sent % _POLL_EVERY == 0:
            self.serve()

    def serve(self, patience: float = 0.0) -> None:
        """Take in delivery reports; waits for the first at most `patience` seconds."""
        self._producer.poll(patience)
        self._check()

    def flush(self) -> None:
        """Wait until every record is delivered."""
        while self._producer.flush(0.5):
            self._check()
        self._check()

    def _handed_over(self, topic: str, key: str | None, value: bytes) -> bool:
        try:
            self._producer.produce(topic, value, key, on_delivery=self._report)
        except BufferError:
            return False
        except KafkaException as error:  # this record cannot be sent at all: it is too large, say
            self._report(error.args[0], None)
            self._check()
        return True

    def _report(self, error: Any, _: Any) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failed += 1
            self._reason = self._reason or error.str()

    def _check(self) -> None:
        if self.failed:
            raise BrokerError(f"{self.failed:,} of {self.sent:,} records were not delivered: {self._reason}")
        now, waiting = time.monotonic(), len(self._producer)
        if self.delivered > self._seen or not waiting:
            self._seen, self._alive = self.delivered, now
        elif now - self._alive > GIVE_UP_AFTER:
            silence = f"the broker at {self._url} has confirmed nothing for {GIVE_UP_AFTER:.0f} s"
            raise BrokerError(f"{silence}; {waiting:,} of {self.sent:,} records were not delivered")
