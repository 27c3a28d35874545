from typing import Any

import msgspec
import numpy as np
import pytest

from agents import trainer as module
from agents.labelled import read
from agents.outputs import features_version, maker
from agents.trainer import Trainer
from fraud_stream.app import app, settings
from fraud_stream.engine.app import Chunk
from fraud_stream.models.online import Lesson, OnlineModel
from fraud_stream.models.shelf import ModelShelf
from fraud_stream.models.state import ModelState
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
        monkeypatch.setattr(module, "time", self.clock)
        monkeypatch.setattr(module, "shelf", self.shelf)
        monkeypatch.setattr(module, "reader", None)
        self.trainer = Trainer()

    def chunk(self, *records: Record, name: str = "chunk") -> Chunk:
        async def acknowledge() -> None:
            self.acknowledged.append(name)

        return Chunk("labelled", 0, list(records), acknowledge)

    async def learn(self, chunk: Chunk) -> None:
        """What the agent does with a chunk, as far as the trainer goes."""
        await self.trainer.learn(list(read(chunk)), chunk)

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
        features_version, "labels-0", offset,
    )  # fmt: skip
    return as_record(msgspec.json.encode(msgspec.structs.replace(one, **changes)), topic="labelled", offset=offset)


async def test_a_chunk_is_learnt_and_acknowledged_once_the_model_that_learnt_it_is_published(bench: Bench) -> None:
    chunk = bench.chunk(labelled(0), labelled(1, True), labelled(2))
    await bench.learn(chunk)
    assert chunk.held
    assert (bench.acknowledged, bench.outbox.records) == ([], [])
    await bench.commit()
    (state,) = bench.published()
    assert (state.name, state.version, state.learnt, state.frauds, state.seen) == ("online", 1, 3, 1, {"labels-0": 2})
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


async def test_a_model_that_has_not_learnt_is_not_published(bench: Bench) -> None:
    await bench.commit()
    await bench.learn(bench.chunk(labelled(0)))
    await bench.commit()
    bench.clock.now += 10 * INTERVAL
    await bench.commit()
    assert len(bench.published()) == 1


async def test_a_label_is_learnt_once_however_often_it_comes(bench: Bench) -> None:
    await bench.learn(bench.chunk(labelled(0), labelled(1), labelled(0)))
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
    before.learn([Lesson([1.0] * len(maker.names), True, "labels-0", 5)])
    bench.shelf.offer(msgspec.json.encode(before.publish(0.0)))
    await bench.learn(bench.chunk(labelled(5), labelled(6)))
    await bench.commit()
    (state,) = bench.published()
    assert (state.version, state.learnt, state.seen) == (2, 2, {"labels-0": 6})


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
    other.learn([Lesson([1.0] * len(maker.names), True, "labels-0", 5)])
    monkeypatch.setattr(module, "reader", Reader(bench.shelf, msgspec.json.encode(other.publish(0.0))))
    await bench.learn(bench.chunk(labelled(6)))
    await bench.commit()
    assert bench.published()[0].learnt == 2
