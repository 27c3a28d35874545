from typing import Any

import msgspec
import numpy as np
import pytest

from agents import trainer as module
from agents.labelled import read
from agents.outputs import features_version, maker
from agents.trainer import HURRIED, Trainer
from fraud_stream.app import app, settings
from fraud_stream.domain.once import Join
from fraud_stream.engine.app import Chunk
from fraud_stream.models.online import OnlineModel
from fraud_stream.models.shelf import ModelShelf
from fraud_stream.models.state import ModelState, Progress
from fraud_stream.records import Labelled
from tests.agents.test_outputs import Outboxes, as_record
from tests.engine.bench import Record

INTERVAL = settings.model.publish_interval


class FakeTime:
    """A clock that the test turns."""

    now = 1_000.0

    def time(self) -> float:
        return self.now


class Bench:
    """A trainer with a model shelf, an outbox and a clock of the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeTime()
        self.shelf = ModelShelf(settings.model.name, maker.names, 0)
        self.outbox = Outboxes(monkeypatch)
        self.acknowledged: list[str] = []
        self.given_back: list[str] = []
        monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(module, "shelf", self.shelf)
        monkeypatch.setattr(module, "reader", None)
        self.trainer = Trainer()

    def chunk(self, *records: Record, name: str = "chunk") -> Chunk:
        async def acknowledge() -> None:
            self.acknowledged.append(name)

        async def give_back() -> None:
            self.given_back.append(name)

        return Chunk("labelled", 0, list(records), acknowledge, give_back)

    async def learn(self, chunk: Chunk) -> None:
        """What the agent does with a chunk, as far as the trainer goes."""
        await self.trainer.take(list(read(chunk)), chunk)

    def published(self) -> list[ModelState]:
        return [msgspec.json.decode(one.value, type=ModelState) for one in self.outbox.records]

    async def commit(self) -> None:
        """What a group commit does with the trainer."""
        self.trainer.publish_if_due()
        done, app.group_commit._done[:] = list(app.group_commit._done), []
        for acknowledge in done:
            await acknowledge()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def labelled(offset: int, is_fraud: bool = False, **changes: Any) -> Any:
    row = np.arange(offset, offset + len(maker.names), dtype=float).tobytes()
    one = Labelled(
        f"T{offset}", "C1", 0.0, 5.0, is_fraud, 60.0, "analyst", None, None, 0.0, "accept", "none", row,
        features_version, None, Join(0, (offset, offset)), 60.0,
    )  # fmt: skip
    return as_record(msgspec.json.encode(msgspec.structs.replace(one, **changes)), topic="labelled", offset=offset)


async def test_a_chunk_is_learnt_and_acknowledged_once_the_model_that_learnt_it_is_published(bench: Bench) -> None:
    chunk = bench.chunk(labelled(0), labelled(1, True), labelled(2))
    await bench.learn(chunk)
    assert chunk.held
    assert (bench.acknowledged, bench.outbox.records) == ([], [])
    await bench.commit()
    (state,) = bench.published()
    assert (state.name, state.version, state.learnt, state.frauds) == ("online", 1, 3, 1)
    assert (state.progress.read, state.progress.waiting) == (2, [])
    assert [(one.topic, one.partition, one.key) for one in bench.outbox.records] == [("models", 0, b"online")]
    assert bench.acknowledged == ["chunk"]


async def test_a_model_is_published_at_most_once_an_interval(bench: Bench) -> None:
    for n in range(3):
        await bench.learn(bench.chunk(labelled(n), name=f"chunk {n}"))
        await bench.commit()
    assert len(bench.published()) == 1
    assert bench.acknowledged == ["chunk 0"]
    bench.clock.now += INTERVAL
    await bench.commit()
    assert [state.learnt for state in bench.published()] == [1, 3]
    assert bench.acknowledged == ["chunk 0", "chunk 1", "chunk 2"]


async def test_where_a_month_is_replayed_within_minutes_a_model_is_published_in_the_streams_time(bench: Bench) -> None:
    for n, hours in enumerate((0.0, 0.5, 1.0, 1.5, 2.0, 2.5)):
        await bench.learn(bench.chunk(labelled(n, stream_time=60.0 + hours * (HURRIED + 1.0))))
        await bench.commit()
    assert [state.learnt for state in bench.published()] == [1, 3, 5]


async def test_a_model_that_has_not_learnt_is_not_published(bench: Bench) -> None:
    await bench.commit()
    await bench.learn(bench.chunk(labelled(0)))
    await bench.commit()
    bench.clock.now += 10 * INTERVAL
    await bench.commit()
    assert len(bench.published()) == 1


async def test_a_label_is_learnt_once_however_often_it_comes(bench: Bench) -> None:
    again = as_record(labelled(0).value, topic="labelled", offset=2)
    await bench.learn(bench.chunk(labelled(0), labelled(1), again))
    await bench.learn(bench.chunk(labelled(1)))
    await bench.commit()
    assert bench.published()[0].learnt == 2
    assert bench.acknowledged == ["chunk", "chunk"]


async def test_labels_of_another_feature_list_are_skipped_and_counted(bench: Bench) -> None:
    await bench.learn(bench.chunk(labelled(0, features_version="other", features=b"12345678"), labelled(1)))
    await bench.commit()
    assert bench.published()[0].learnt == 1
    assert bench.trainer.skipped == 1


async def test_it_goes_on_from_the_model_in_force(bench: Bench) -> None:
    before = OnlineModel(settings.model.name, maker.names)
    before.learn(np.ones((1, len(maker.names))), [True])
    bench.shelf.offer(msgspec.json.encode(before.publish(0.0, Progress(5))))
    await bench.learn(bench.chunk(labelled(5), labelled(6)))
    await bench.commit()
    (state,) = bench.published()
    assert (state.version, state.learnt, state.progress.read) == (2, 2, 6)


async def test_after_a_rebalance_it_goes_on_from_what_was_published(bench: Bench) -> None:
    await bench.learn(bench.chunk(labelled(0), name="published"))
    await bench.commit()
    await bench.learn(bench.chunk(labelled(1), name="lost"))
    bench.trainer.forget()
    bench.shelf.offer(bench.outbox.records[0].value)
    bench.clock.now += INTERVAL
    await bench.commit()
    assert len(bench.published()) == 1
    await bench.learn(bench.chunk(labelled(1), name="again"))
    await bench.commit()
    assert [(state.version, state.learnt) for state in bench.published()] == [(1, 1), (2, 2)]
    assert bench.acknowledged == ["published", "again"]


BAD = {
    "null": None,
    "empty": b"",
    "other": b"{}",
    "not UTF-8": labelled(1).value.replace(b"T1", b"\xff"),
    "short": labelled(1, features=b"12345678").value,
    "not a number": labelled(1, features=np.full(len(maker.names), np.nan).tobytes()).value,
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD.keys())
async def test_what_is_no_labelled_transaction_does_not_stop_the_worker_for_good(
    value: bytes | None, bench: Bench
) -> None:
    """It would be read again after each start."""
    await bench.learn(bench.chunk(labelled(0), as_record(value, topic="labelled", offset=1), labelled(2)))
    await bench.commit()
    state = [msgspec.json.decode(one.value, type=ModelState) for one in bench.outbox.records if one.topic == "models"]
    assert [one.learnt for one in state] == [2]
    assert bench.outbox.topics() == ["transactions-dead", "models"]


class Reader:
    """Notes that it was asked to catch up, and gives the shelf what it then finds."""

    def __init__(self, shelf: ModelShelf, found: bytes) -> None:
        self._shelf = shelf
        self._found = found

    async def catch_up(self) -> None:
        self._shelf.offer(self._found)


async def test_before_it_learns_it_reads_what_another_worker_has_published(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = OnlineModel(settings.model.name, maker.names)
    other.learn(np.ones((1, len(maker.names))), [True])
    monkeypatch.setattr(module, "reader", Reader(bench.shelf, msgspec.json.encode(other.publish(0.0))))
    await bench.learn(bench.chunk(labelled(6)))
    await bench.commit()
    assert bench.published()[0].learnt == 2


def due(offset: int, labelled_at: float, stream_time: float) -> Any:
    return labelled(offset, labelled_at=labelled_at, stream_time=stream_time)


async def test_a_label_is_learnt_when_the_stream_comes_to_its_time(bench: Bench) -> None:
    await bench.learn(bench.chunk(due(0, 5_000.0, 100.0), due(1, 200.0, 100.0), name="both"))
    await bench.commit()
    assert bench.published() == []
    await bench.learn(bench.chunk(due(2, 300.0, 300.0), name="next"))
    await bench.commit()
    (state,) = bench.published()
    assert (state.learnt, state.progress.read, state.progress.waiting) == (2, 2, [(0, 0)])
    assert bench.acknowledged == ["next"]
    bench.clock.now += 5_000.0  # the stream's time goes on though no transaction comes
    await bench.commit()
    assert [state.learnt for state in bench.published()] == [2, 3]
    assert bench.acknowledged == ["next", "both"]


async def test_who_goes_on_learns_what_waited_and_nothing_twice(bench: Bench) -> None:
    first = bench.chunk(due(0, 5_000.0, 100.0), due(1, 50.0, 100.0), name="first")
    await bench.learn(first)
    await bench.commit()
    bench.trainer.forget()
    bench.shelf.offer(bench.outbox.records[0].value)
    await bench.learn(first)
    await bench.learn(bench.chunk(due(2, 60.0, 6_000.0), name="second"))
    bench.clock.now += INTERVAL
    await bench.commit()
    assert [(state.learnt, state.progress.waiting) for state in bench.published()] == [(1, [(0, 0)]), (3, [])]


async def test_in_a_rebalance_and_at_the_end_nothing_is_held_back(bench: Bench) -> None:
    await bench.learn(bench.chunk(due(0, 5_000.0, 100.0), name="before"))
    await bench.trainer.leave()
    await bench.learn(bench.chunk(due(1, 5_000.0, 100.0), name="meanwhile"))
    assert bench.given_back == ["before", "meanwhile"]
    bench.trainer.forget()
    await bench.learn(bench.chunk(due(0, 5_000.0, 100.0), name="after"))
    assert bench.given_back == ["before", "meanwhile"]


async def test_histories_are_published_before_the_chunks_are_acknowledged_that_they_were_noted_from(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[int] = []
    monkeypatch.setattr(module.merchants, "publish", lambda _: published.append(len(bench.acknowledged)))
    await bench.learn(bench.chunk(labelled(0)))
    await bench.commit()
    assert (published, bench.acknowledged) == ([0], ["chunk"])


async def test_a_chunk_that_is_handed_out_again_is_learnt_once_and_both_are_acknowledged(bench: Bench) -> None:
    for name in ("before", "again"):
        await bench.learn(bench.chunk(due(0, 5_000.0, 100.0), due(1, 5_000.0, 100.0), name=name))
    bench.clock.now += 5_000.0
    await bench.commit()
    assert [state.learnt for state in bench.published()] == [2]
    assert sorted(bench.acknowledged) == ["again", "before"]


@pytest.mark.parametrize("changes", [{"stream_time": 1e300}, {"timestamp": 1e300}, {"join": Join(99, (0, 0))}])
async def test_what_nobody_of_us_writes_is_a_dead_letter(changes: dict[str, Any], bench: Bench) -> None:
    await bench.learn(bench.chunk(labelled(0, **changes), labelled(1)))
    await bench.commit()
    assert bench.outbox.topics() == ["transactions-dead", "models"]
