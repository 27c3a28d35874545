"""What is watched for drift, and what is told of one."""

from typing import Any

import msgspec
import numpy as np
import pytest

from agents import drift
from agents.drift import Watcher, described
from agents.outputs import maker
from fraud_stream.app import settings
from fraud_stream.domain.decision import Decision
from fraud_stream.domain.transaction import Transaction
from fraud_stream.models.drift import STREAMS, Change
from fraud_stream.records import Drift, Labelled, drift_id, read_alert
from tests.agents.test_outputs import Outboxes

START = 1_700_000_000.0


class Paid(msgspec.Struct):
    """What detection has of a transaction, as far as it is looked at."""

    transaction: Transaction


class Bench:
    """A watcher, the outbox, and numbers for what it watches."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outbox = Outboxes(monkeypatch)
        self.watcher = Watcher()
        self.rng = np.random.default_rng(1)
        self.count = 0

    def decide(self, count: int, times: float = 1.0, share: float = 0.01) -> None:
        """Amounts `times` what they are usually, of which `share` are alerted."""
        rows = np.zeros((count, len(maker.names)))
        rows[:, maker.names.index("amount")] = times * self.rng.lognormal(3.5, 1.0, count)
        taken = [Paid(Transaction(f"T{self.count + n}", "C1", START + self.count + n, 1.0)) for n in range(count)]
        self.count += count
        verdicts = ["review" if one < share else "accept" for one in self.rng.random(count)]
        self.watcher.watch_decided(taken, rows, [Decision(None, 0.0, verdict, [], [], []) for verdict in verdicts])

    def label(self, count: int, share: float = 0.1, missed: float = 0.2) -> None:
        """Labels of which `share` are frauds, of which `missed` were accepted."""
        found = [self.labelled(n, share, missed) for n in range(self.count, self.count + count)]
        self.count += count
        self.watcher.watch_labelled(found)

    def labelled(self, number: int, share: float, missed: float) -> tuple[int, Labelled]:
        is_fraud, verdict = bool(self.rng.random() < share), "accept" if self.rng.random() < missed else "block"
        return number, Labelled(
            f"T{number}", "C1", START + number, 5.0, is_fraud, START, "analyst", None, None, 0.0, verdict, "none", b"",
            "f",
        )  # fmt: skip

    def told(self) -> list[Drift]:
        records = [read_alert(one.value) for one in self.outbox.records]
        assert all(isinstance(one, Drift) for one in records)
        return records  # type: ignore[return-value]

    def streams(self) -> list[str]:
        return [one.stream for one in self.told()]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def set_drift(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    changed = settings.drift.model_copy(update=changes)
    monkeypatch.setattr(drift, "settings", settings.model_copy(update={"drift": changed}))


def test_amounts_that_rise_are_told_once_with_all_that_people_need(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        bench.decide(1_000)
    assert bench.outbox.records == []
    bench.decide(2_000, times=2.0)
    (told,) = bench.told()
    number = int(told.event_time.timestamp() - START)
    assert 10_000 <= number < 11_000
    assert told.alert_id == drift_id("log_amount", f"T{number}")
    assert (told.type, told.stream, told.severity) == ("DRIFT", "log_amount", "MEDIUM")
    assert np.exp(told.after - told.before) == pytest.approx(2.0, rel=0.15)
    assert told.transactions == pytest.approx(number - 9_999, abs=200)
    (put,) = bench.outbox.records
    assert (put.topic, put.partition, put.key) == ("alerts", 0, b"log_amount")
    assert caplog.messages == [f"DRIFT MEDIUM log_amount: {told.message}"]
    assert caplog.records[0].levelname == "WARNING"
    assert bench.watcher.newest == {"log_amount": told}
    assert {name: found.drifts for name, found in bench.watcher.detectors.items() if found.drifts} == {"log_amount": 1}


def test_alerts_that_become_many_are_told(bench: Bench) -> None:
    bench.decide(10_000)
    bench.decide(5_000, share=0.05)
    assert bench.streams() == ["alert_rate"]
    assert bench.told()[0].message.startswith("the share of alerts rose from 0.87 % to 6.")


def test_no_change_is_not_told(bench: Bench) -> None:
    for _ in range(20):
        bench.decide(1_000)
    for _ in range(20):
        bench.label(1_000)
    assert bench.outbox.records == []
    assert all(found.estimate is not None for found in bench.watcher.detectors.values())


def test_frauds_that_become_many_are_told_as_severe(bench: Bench) -> None:
    bench.label(10_000)
    bench.label(5_000, share=0.3)
    (told,) = bench.told()
    assert (told.stream, told.severity) == ("fraud_label_rate", "HIGH")


def test_frauds_that_are_missed_are_told_as_severe_and_of_frauds_alone(bench: Bench) -> None:
    bench.label(10_000)
    bench.label(5_000, missed=0.7)
    (told,) = bench.told()
    assert (told.stream, told.severity) == ("missed_fraud_rate", "HIGH")
    assert told.before == pytest.approx(0.2, abs=0.03)
    assert told.transactions < 500  # frauds, of which a tenth of the labels are


def test_a_fall_of_the_frauds_is_not_severe(bench: Bench) -> None:
    bench.label(10_000, share=0.3)
    bench.label(5_000, share=0.05)
    assert [(one.stream, one.severity) for one in bench.told()] == [("fraud_label_rate", "MEDIUM")]


@pytest.mark.parametrize(("time", "year"), [(1e300, 9999), (-1e300, 1970)])
def test_a_labelled_transaction_of_any_time_may_give_a_drift_away(bench: Bench, time: float, year: int) -> None:
    one = msgspec.structs.replace(bench.labelled(1, 1.0, 1.0)[1], timestamp=time)
    assert described("fraud_label_rate", Change(0, 0.1, 0.2, 100), one).event_time.year == year


def test_the_same_decisions_give_the_same_record(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for _ in range(2):
        bench = Bench(monkeypatch)
        bench.decide(5_000)
        bench.decide(2_000, times=2.0)
        ids.append([one.alert_id for one in bench.told()])
    assert ids[0] == ids[1] != []


def test_labels_that_are_read_again_are_watched_once(bench: Bench) -> None:
    bench.label(1_000)
    again = [bench.labelled(n, 0.1, 0.2) for n in range(500, 1_500)]
    bench.watcher.watch_labelled(again)
    assert bench.watcher.detectors["fraud_label_rate"].count == 1_500
    bench.watcher.watch_labelled(again)
    assert bench.watcher.detectors["fraud_label_rate"].count == 1_500


def test_a_refit_is_asked_for_when_frauds_change_and_that_is_set(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(drift, "refit_now", asked.append)
    set_drift(monkeypatch, refit=True)
    bench.decide(5_000)
    bench.decide(2_000, times=2.0)
    assert asked == []
    bench.label(10_000)
    bench.label(5_000, missed=0.7)
    assert asked == [one.message for one in bench.told() if one.stream == "missed_fraud_rate"] != []


def test_a_refit_is_not_asked_for_unless_it_is_set(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(drift, "refit_now", asked.append)
    bench.label(10_000)
    bench.label(5_000, missed=0.7)
    assert bench.streams() == ["missed_fraud_rate"]
    assert asked == []


def test_nothing_is_watched_where_it_is_switched_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    set_drift(monkeypatch, enabled=False)
    bench.decide(1_000)
    bench.label(1_000)
    assert {found.count for found in bench.watcher.detectors.values()} == {0}
    assert bench.watcher.detectors.keys() == STREAMS.keys()
