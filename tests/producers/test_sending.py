from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from fraud_stream.errors import BrokerError
from fraud_stream.settings import Settings
from producers import sending
from producers.sending import GIVE_UP_AFTER, Sender


class Producer:
    """A producer whose queue holds `room` records and whose deliveries end as `verdict` says."""

    def __init__(self, room: int = 100, verdict: KafkaError | None = None, *, dead: bool = False) -> None:
        self.room, self.verdict, self.dead = room, verdict, dead
        self.queue: list[Callable[[Any, Any], None]] = []
        self.delivered: list[tuple[str, bytes, str | None]] = []

    def produce(self, topic: str, value: bytes, key: str | None, on_delivery: Callable[[Any, Any], None]) -> None:
        if value == b"huge":
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        if len(self.queue) >= self.room:
            raise BufferError
        self.queue.append(on_delivery)
        self.delivered.append((topic, value, key))

    def poll(self, _: float) -> None:
        while self.queue and not self.dead:
            self.queue.pop(0)(self.verdict, None)

    def flush(self, _: float) -> int:
        self.poll(0)
        return len(self.queue)

    def __len__(self) -> int:
        return len(self.queue)


def sender_of(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> Sender:
    monkeypatch.setattr(sending, "make_producer", lambda _: producer)
    return Sender(Settings().broker)


def let_time_fly(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 10**9, 5))
    monkeypatch.setattr("producers.sending.time.monotonic", lambda: float(next(moments)))


def test_a_full_queue_is_waited_for_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer(room=3)
    with sender_of(producer, monkeypatch) as sender:
        for number in range(10):
            sender.send("t", "C1", b"%d" % number)
    assert producer.delivered == [("t", b"%d" % number, "C1") for number in range(10)]
    assert (sender.sent, sender.delivered, sender.failed) == (10, 10, 0)


def test_a_record_that_is_not_delivered_is_an_error_that_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer(verdict=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    sender = sender_of(producer, monkeypatch)
    sender.send("t", "C1", b"1")
    sender.send("t", "C1", b"2")
    with pytest.raises(BrokerError, match=r"2 of 2 records were not delivered: .*uthoriz"):
        sender.flush()


def test_a_record_that_is_too_large_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = sender_of(Producer(), monkeypatch)
    with pytest.raises(BrokerError, match="1 of 1 records were not delivered"):
        sender.send("t", "C1", b"huge")


def test_a_silent_broker_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    let_time_fly(monkeypatch)
    sender = sender_of(Producer(room=2, dead=True), monkeypatch)
    sender.send("t", "C1", b"1")
    sender.send("t", "C1", b"2")
    with pytest.raises(BrokerError, match=rf"confirmed nothing for {GIVE_UP_AFTER:.0f} s; 2 of 3 records"):
        sender.send("t", "C1", b"3")


def test_the_end_waits_for_the_last_delivery_or_says_that_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    let_time_fly(monkeypatch)
    sender = sender_of(Producer(dead=True), monkeypatch)
    with pytest.raises(BrokerError, match="1 of 1 records"), sender:
        sender.send("t", "C1", b"1")


def test_another_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = sender_of(Producer(dead=True), monkeypatch)
    sender.send("t", "C1", b"1")
    with pytest.raises(KeyboardInterrupt), sender:
        raise KeyboardInterrupt
