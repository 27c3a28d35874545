"""The open loop."""

import time
from typing import Any

import pytest

from benchmarks import sender
from benchmarks.material import steps
from fraud_stream.settings import Settings


class SlowProducer:
    """A producer that takes `pause` seconds for each transaction, and remembers what it was given."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.given: list[tuple[str, bytes, str]] = []

    def produce(self, topic: str, value: bytes, key: str) -> None:
        self.given.append((topic, value, key))
        time.sleep(self.pause if topic == "transactions" else 0.0)

    def poll(self, timeout: float) -> None:
        pass

    def flush(self, timeout: float) -> int:
        return 0


def sent_with(pause: float, rate: float, monkeypatch: pytest.MonkeyPatch) -> tuple[SlowProducer, list[float], float]:
    producer = SlowProducer(pause)
    monkeypatch.setattr(sender, "make_producer", lambda _: producer)
    begin = time.time()
    late = sender.send(sender.Order(Settings(), list(steps(40, 10.0)), rate), begin)
    return producer, late, time.time() - begin


def test_records_are_sent_when_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    _, late, took = sent_with(pause=0.0, rate=200.0, monkeypatch=monkeypatch)
    assert took >= 39 / 200
    assert len(late) == 40
    assert min(late) >= 0.0


def test_whatever_holds_the_sender_up_counts_for_all_that_are_due_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    _, late, _ = sent_with(pause=0.01, rate=1_000.0, monkeypatch=monkeypatch)
    assert late == sorted(late)
    assert late[-1] >= 40 * 0.01 - 39 / 1_000


def test_labels_go_before_the_transaction_that_they_precede(monkeypatch: pytest.MonkeyPatch) -> None:
    producer, _, _ = sent_with(pause=0.0, rate=1e6, monkeypatch=monkeypatch)
    expected: list[Any] = []
    for step in steps(40, 10.0):
        expected += [("labels", label.value, label.key) for label in step.labels]
        expected.append(("transactions", step.transaction.value, step.transaction.key))
    assert producer.given == expected
