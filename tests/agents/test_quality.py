"""The evaluation as the worker does it: what it publishes, when chunks are acknowledged, what all workers know."""

from typing import Any

import msgspec
import numpy as np
import pytest

from agents import board as board_module
from agents import quality as module
from agents import traffic as traffic_module
from agents.board import Board, fixed
from agents.models import take, takers
from agents.quality import Evaluator
from agents.traffic import TrafficCounter
from fraud_stream.app import app, settings
from fraud_stream.domain.once import Join
from fraud_stream.domain.sliding import DAY
from fraud_stream.engine.app import Chunk
from fraud_stream.models.live.quality import MOST_DAYS
from fraud_stream.models.panel import NOTHING_SAID
from fraud_stream.records import EvaluationDay, Labelled, Traffic
from tests.agents.test_outputs import Outboxes

INTERVAL = settings.evaluation.publish_interval
START = 1_700_000_000.0


class FakeTime:
    """A clock that the test turns."""

    now = 1_000.0

    def time(self) -> float:
        return self.now


class Reader:
    """Gives the board what is published when it is asked to catch up."""

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench

    async def catch_up(self) -> None:
        self._bench.read_all()


class Bench:
    """An evaluator with a board, an outbox and a clock of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.clock = FakeTime()
        self.sent = Outboxes(monkeypatch)
        self.acknowledged: list[str] = []
        for place in (module, traffic_module):
            monkeypatch.setattr(place, "time", self.clock)
        monkeypatch.setattr(module, "reader", Reader(self))
        self.restart()

    def restart(self) -> None:
        """What a new process begins with."""
        self.board = Board()
        for place in (module, traffic_module, board_module):
            self.monkeypatch.setattr(place, "board", self.board)
        self.monkeypatch.setitem(takers, "evaluation", self.board.take_day)
        self.monkeypatch.setitem(takers, "traffic", self.board.take_traffic)
        self.evaluator = Evaluator()

    def read_all(self) -> None:
        for one in self.sent.records:
            take(one.key, one.value)

    async def note(self, *found: tuple[int, Labelled], name: str = "chunk") -> Chunk:
        """What the agent does with a chunk whose model is published at once."""

        async def acknowledge() -> None:
            self.acknowledged.append(name)

        chunk = Chunk("labelled", 0, [], acknowledge, acknowledge)
        await self.evaluator.note(found, chunk)
        app.group_commit.finish(chunk.acknowledge)
        return chunk

    async def commit(self) -> None:
        """What a group commit does with the evaluator."""
        self.evaluator.publish_if_due()
        done, app.group_commit._done[:] = list(app.group_commit._done), []
        for acknowledge in done:
            await acknowledge()

    def days(self) -> list[EvaluationDay]:
        return [msgspec.json.decode(one.value, type=EvaluationDay) for one in self.sent.records if one.value]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def labelled(offset: int, score: float | None = 0.5, is_fraud: bool = False, **changes: Any) -> tuple[int, Labelled]:
    one = Labelled(
        f"T{offset}", f"C{offset % 7}", START + offset, 5.0, is_fraud, START + offset + 60, "analyst", None, score, 0.0,
        "accept", "none", b"", "v", None, Join(0, (offset, offset)), online_score=score,
    )  # fmt: skip
    return offset, msgspec.structs.replace(one, **changes)


async def test_a_chunk_is_acknowledged_once_both_its_model_and_its_evaluation_are_published(bench: Bench) -> None:
    await bench.note(labelled(0), labelled(1, is_fraud=True), name="first")
    await bench.commit()
    assert bench.acknowledged == ["first"]
    await bench.note(labelled(2), name="second")
    await bench.commit()
    assert bench.acknowledged == ["first"]  # its model is, but the interval is not over
    bench.clock.now += INTERVAL
    await bench.commit()
    assert bench.acknowledged == ["first", "second"]
    assert [(day.noted, day.read) for day in bench.days()] == [(2, 1), (3, 2)]
    assert [(one.topic, one.partition, one.key) for one in bench.sent.records] == [
        ("models", 0, b"evaluation-2023-11-14")
    ] * 2


async def test_a_model_that_is_late_keeps_the_chunk_from_being_acknowledged(bench: Bench) -> None:
    chunk = await bench.note(labelled(0))
    app.group_commit._done.clear()  # the model is not published with this commit
    await bench.commit()
    assert bench.acknowledged == []
    await chunk.acknowledge()
    assert bench.acknowledged == ["chunk"]


@pytest.mark.parametrize("why", ["rebalancing", "_stopped"])
async def test_what_waits_for_acknowledgements_does_not_wait_for_the_interval(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    await bench.note(labelled(0))
    await bench.commit()
    await bench.note(labelled(1), name="second")
    if why == "rebalancing":
        monkeypatch.setattr(app, "rebalancing", True)
    else:
        monkeypatch.setattr(type(app), "should_stop", True)
    await bench.commit()
    assert bench.acknowledged == ["chunk", "second"]


async def test_a_chunk_in_which_nothing_is_new_is_acknowledged_and_nothing_published(bench: Bench) -> None:
    await bench.note(labelled(0))
    await bench.commit()
    await bench.note(labelled(0), name="again")
    await bench.note(name="empty")
    bench.clock.now += INTERVAL
    await bench.commit()
    assert bench.acknowledged == ["chunk", "again", "empty"]
    assert len(bench.days()) == 1


async def test_after_a_crash_what_was_published_counts_once_and_what_was_not_is_read_again(bench: Bench) -> None:
    await bench.note(labelled(0), labelled(1))
    await bench.commit()
    await bench.note(labelled(2), name="lost")
    await bench.commit()
    bench.restart()
    await bench.note(*(labelled(n) for n in range(4)), name="again")
    await bench.commit()
    assert [day.noted for day in bench.days()] == [2, 4]
    assert bench.acknowledged == ["chunk", "again"]


async def test_after_a_rebalance_it_goes_on_from_what_another_has_published(bench: Bench) -> None:
    await bench.note(labelled(0))
    await bench.commit()
    other = Evaluator()
    bench.evaluator.forget()
    other, bench.evaluator = bench.evaluator, other
    await bench.note(labelled(1))
    await bench.commit()
    bench.evaluator = other
    await bench.note(labelled(2))
    bench.clock.now += INTERVAL
    await bench.commit()
    assert [day.noted for day in bench.days()] == [1, 2, 3]


async def test_a_rebalance_while_it_reads_leaves_the_labels_to_another(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rebalanced:
        async def catch_up(self) -> None:
            bench.evaluator.forget()

    monkeypatch.setattr(module, "reader", Rebalanced())
    await bench.note(labelled(0))
    await bench.commit()
    assert bench.sent.records == []
    assert bench.acknowledged == ["chunk"]  # nothing keeps it: of another generation it commits nothing


async def test_a_day_that_is_forgotten_is_taken_off_the_topic(bench: Bench) -> None:
    await bench.note(*(labelled(n, timestamp=START + n * DAY) for n in range(MOST_DAYS + 1)))
    await bench.commit()
    assert (bench.sent.records[-1].key, bench.sent.records[-1].value) == (b"evaluation-2023-11-14", None)
    assert len(bench.days()) == MOST_DAYS


async def test_what_somebody_else_wrote_on_labelled_does_not_stop_the_worker(bench: Bench) -> None:
    odd = [{"timestamp": 1e300}, {"timestamp": -1e300}, {"labelled_at": 1e300}, {"score": -5.0}, {"score": 7e9}]
    await bench.note(*(labelled(n, **{"score": 0.5, **changes}) for n, changes in enumerate(odd)))
    await bench.commit()
    bench.read_all()
    assert (bench.board.refused, sum(day.noted for day in bench.board.quality.days())) == (0, 5)
    msgspec.json.encode(board_module.page())


def told() -> dict[tuple[str, ...], float]:
    """The samples by their names and the values of their labels."""
    return {(one.name, *one.labels.values()): one.value for one in board_module.metrics()}


async def test_the_page_and_the_metrics_show_what_is_published(bench: Bench) -> None:
    known = [labelled(n, 0.2 + n / 20, n in (5, 8, 9), verdict="review" if n > 7 else "accept") for n in range(10)]
    await bench.note(*known, labelled(10, None))
    await bench.commit()
    assert board_module.page()["labelled"] == 0
    bench.read_all()
    page, metrics = board_module.page(), told()
    assert (page["labelled"], page["frauds"], page["alerts"]["precision"]) == (11, 3, 1.0)
    assert page["threshold"] == {"value": 0.5, "by": "fixed", "why": "[model] alert_threshold"}
    figures = page["contestants"]["deciding"]
    assert (figures["transactions"], figures["precision"], figures["recall"]) == (10, 1 / 2, 2 / 3)
    assert figures["average_precision"] == pytest.approx((1 + 1 + 3 / 5) / 3)
    assert page["by_day"][0]["contestants"]["deciding"]["average_precision"] == figures["average_precision"]
    assert page["label_delay_seconds"]["p50"] == pytest.approx(60, rel=0.04)
    assert metrics["fraud_stream_quality_average_precision_ratio", "deciding"] == figures["average_precision"]
    assert metrics["fraud_stream_label_delay_seconds", "0.9"] == pytest.approx(60, rel=0.04)
    assert metrics["fraud_stream_alert_threshold_ratio",] == 0.5
    msgspec.json.encode(page)


def test_every_metric_is_documented_and_before_the_first_label_few_are_told(bench: Bench) -> None:
    assert told() == {("fraud_stream_alert_threshold_ratio",): 0.5}
    assert board_module.page()["alerts"] == {"labelled": 0, "precision": None, "recall": None, "f1": None}


async def test_every_documented_metric_is_told_and_no_other(bench: Bench) -> None:
    await bench.note(labelled(0, 0.9, True, verdict="block"), labelled(1, 0.1))
    await bench.commit()
    counter = TrafficCounter()
    counter.note(0, [START + n for n in range(4)], [(0.5, None), NOTHING_SAID, (0.5, None), (0.5, 0.4)])
    counter.publish_if_due()
    bench.read_all()
    found = told()
    assert {name for name, *_ in found} == set(board_module.report.METRICS)
    assert found["fraud_stream_labelled_ratio",] == 0.5


def test_workers_count_on_where_others_left_off(bench: Bench) -> None:
    one, other = TrafficCounter(), TrafficCounter()
    one.note(3, [START, START + 1], [(0.5, None), NOTHING_SAID])
    one.publish_if_due()
    other.note(3, [START + 2], [(0.9, None)])
    other.note(4, [START + 2], [(0.9, None)])
    other.publish_if_due()
    found = [msgspec.json.decode(record.value, type=Traffic) for record in bench.sent.records]
    assert [(record.name, record.transactions) for record in found] == [
        ("traffic-3", 2), ("traffic-3", 3), ("traffic-4", 1),
    ]  # fmt: skip
    one.publish_if_due()
    bench.clock.now += INTERVAL
    one.publish_if_due()
    assert len(bench.sent.records) == 3  # nothing has come since
    bench.restart()
    bench.read_all()
    assert {n: traffic.transactions for n, traffic in bench.board.traffic.items()} == {3: 3, 4: 1}


def follow(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    monkeypatch.setattr(board_module, "settings", settings.model_copy(update={"model": changed(**changes)}))


def changed(**changes: Any) -> Any:
    return settings.model.model_copy(update=changes)


async def test_the_threshold_follows_the_labels(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(monkeypatch, threshold_by="best-f1")
    assert bench.board.threshold == (0.5, "fixed", "too little is known for best-f1 yet")
    await bench.note(*(labelled(n, 0.3 if n % 3 else 0.1, n % 3 > 0) for n in range(90)))
    await bench.commit()
    bench.read_all()
    found = bench.board.threshold
    assert found.by == "best-f1"
    assert 0.1 < found.value < 0.3
    assert bench.board.thresholds == (found.value, settings.model.block_threshold, settings.anomaly.doubt)


class Deciding:
    """A panel of which only matters who decides."""

    def __init__(self, decides: str) -> None:
        self.decides = decides


async def test_after_a_promotion_the_threshold_is_of_the_new_decider(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(monkeypatch, threshold_by="best-f1")
    frauds = [n % 3 > 0 for n in range(90)]
    await bench.note(
        *(labelled(n, 0.3 if bad else 0.1, bad, challenger_score=0.9 if bad else 0.6) for n, bad in enumerate(frauds))
    )
    await bench.commit()
    bench.read_all()
    found = {}
    for who in ("online", "challenger", "blend", "online"):
        monkeypatch.setattr(board_module, "panel", Deciding(who))
        found[who] = bench.board.threshold.value
    assert 0.1 < found["online"] < 0.3 < found["blend"] < 0.6 < found["challenger"] < 0.9


def test_a_worker_counts_on_only_after_it_could_read_what_others_counted(bench: Bench) -> None:
    counter = TrafficCounter()
    counter.wait()
    counter.note(0, [START], [NOTHING_SAID])
    counter.publish_if_due()
    assert bench.sent.records == []
    bench.clock.now += INTERVAL
    counter.publish_if_due()
    assert len(bench.sent.records) == 1


def test_the_threshold_keeps_to_a_budget_of_all_partitions(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(monkeypatch, threshold_by="budget", alert_budget=240.0)
    counter, scores = TrafficCounter(), np.random.default_rng(1).random(40_000)
    for partition in range(4):
        times = START + np.linspace(0, DAY, 10_000)
        counter.note(partition, times.tolist(), [(score, None) for score in scores[partition::4].tolist()])
    assert bench.board.threshold.by == "fixed"
    counter.publish_if_due()
    assert bench.board.threshold.by == "budget"
    assert 200 <= (scores >= bench.board.threshold.value).sum() <= 240


def test_a_fixed_threshold_is_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    follow(monkeypatch, alert_threshold=0.7)
    assert fixed().value == 0.7


@pytest.mark.parametrize("kind", ["evaluation", "traffic"])
@pytest.mark.parametrize("body", ["}", ', "day": 1e400}', ', "x": ' + "[" * 100_000, ', "partition": 1, "days": {}}'])
def test_what_is_damaged_is_passed_over(bench: Bench, kind: str, body: str) -> None:
    take(b"k", f'{{"kind": "{kind}"{body}'.encode())
    assert bench.board.quality.days() == []
    assert bench.board.traffic == {}


def test_a_record_for_the_board_is_none_for_the_shelf(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[Any] = []
    monkeypatch.setattr("agents.models.shelf", type("Shelf", (), {"offer": staticmethod(offered.append)}))
    for value in (None, b"", b'{"kind": "traffic"}', b'{"kind": "other"}', b'{"kind": 5}'):
        take(b"k", value)
    assert offered == [None, b"", b'{"kind": "other"}', b'{"kind": 5}']
    assert bench.board.refused == 1
