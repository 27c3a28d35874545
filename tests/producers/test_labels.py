import msgspec
import pytest

from fraud_stream.records import Label
from producers.labels import DelayedLabels


class Topic:
    def __init__(self) -> None:
        self.sent: list[tuple[str, Label]] = []

    def send(self, key: str, value: bytes) -> None:
        self.sent.append((key, msgspec.json.decode(value, type=Label)))


def test_a_label_is_sent_when_the_stream_has_come_to_it_and_not_before() -> None:
    topic = Topic()
    labels = DelayedLabels(topic.send, "generator", delay=10.0)
    labels.add("T1", "C1", 1_000.0, True, "card_testing")
    labels.advance(1_009.9)
    assert (topic.sent, labels.waiting) == ([], 1)
    labels.advance(1_010.0)
    assert topic.sent == [("C1", Label("T1", "C1", True, 1_010.0, "generator", "card_testing"))]
    assert (labels.sent, labels.waiting) == (1, 0)


def test_genuine_transactions_have_labels_too_and_no_kind() -> None:
    topic = Topic()
    labels = DelayedLabels(topic.send, "replay", delay=0.0)
    labels.add("T1", "C1", 1_000.0, False)
    labels.advance(1_000.0)
    assert topic.sent == [("C1", Label("T1", "C1", False, 1_000.0, "replay", None))]


def test_labels_differ_within_the_spread_and_come_in_the_order_they_became_known() -> None:
    topic = Topic()
    labels = DelayedLabels(topic.send, "generator", delay=100.0, spread=0.5)
    for number in range(1_000):
        labels.add(f"T{number}", "C1", 5_000.0, False)
    labels.advance(5_100.0)
    assert len(topic.sent) == pytest.approx(500, abs=60)
    labels.advance(5_150.0)
    known = [label.labelled_at for _, label in topic.sent]
    assert known == sorted(known)
    assert len(known) == 1_000
    assert 5_050 <= known[0] < 5_055
    assert 5_145 < known[-1] <= 5_150


def test_the_spread_repeats_with_the_seed() -> None:
    def known(seed: int) -> list[float]:
        topic = Topic()
        labels = DelayedLabels(topic.send, "generator", delay=100.0, spread=0.5, seed=seed)
        for number in range(5):
            labels.add(f"T{number}", "C1", 0.0, False)
        labels.flush()
        return [label.labelled_at for _, label in topic.sent]

    assert known(1) == known(1) != known(2)


def test_flush_sends_what_is_left() -> None:
    topic = Topic()
    labels = DelayedLabels(topic.send, "generator", delay=604_800.0)
    labels.add("T1", "C1", 0.0, False)
    labels.flush()
    assert [label.labelled_at for _, label in topic.sent] == [604_800.0]
