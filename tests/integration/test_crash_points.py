"""A crash at every point of every group commit: what is decided again is decided the same, and no window is wrong.

No broker: a producer that dies at its n-th batch, and tables that are recovered from what it had delivered.
"""

import asyncio
import random
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.memory import DictProfiles, DictWindows
from fraud_stream.domain.observation import CustomerState, Observer
from fraud_stream.domain.profile import Profile
from fraud_stream.domain.transaction import Transaction
from fraud_stream.domain.windows import WindowStats, merged
from fraud_stream.engine.app import ExactApp
from fraud_stream.engine.commit import GroupCommit
from fraud_stream.engine.keys import window_range
from fraud_stream.engine.panes import Windows
from fraud_stream.settings import Settings
from tables.codecs import StructCodec
from tables.ranks import PROFILE, WINDOWS
from tests.truth import decide_all

CHUNK, CHUNKS_PER_COMMIT = 6, 2


class CrashError(Exception):
    """The worker dies here."""


class Batch:
    """A batch builder that is never full."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    def append(self, *, timestamp: None, key: bytes, value: bytes | None, headers: list[Any]) -> object:
        self.records.append((key, value))
        return self

    def close(self) -> None:
        """Nothing to do."""


class DyingProducer:
    """Delivers so many batches and then dies."""

    def __init__(self, log: dict[str, list[Any]], batches: float) -> None:
        self.log, self.left = log, batches

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[Any]":
        if self.left <= 0:
            raise CrashError
        self.left -= 1
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(SimpleNamespace(topic=topic, partition=partition, offset=len(self.log[topic])))
        self.log[topic] += batch.records
        return done


class Life:
    """One life of a worker: recovered from the log, it processes chunks until it dies or is through."""

    def __init__(self, log: dict[str, list[Any]], batches: float) -> None:
        app = ExactApp(
            "crash", chunk_size=1, commit_interval=1, stuck_after=60, prepare=lambda: None, broker="kafka://nowhere"
        )
        profiles = app.exact_table("profile", rank=PROFILE, codec=StructCodec(Profile))
        tumbling = app.windowed_table("tumbling", rank=WINDOWS, codec=StructCodec(WindowStats), merge=merged)
        hopping = app.windowed_table("hopping", rank=WINDOWS, codec=StructCodec(WindowStats), merge=merged)
        tumbling.tumbling(3_600)
        hopping.hopping(300, 60)
        self.tables = [profiles, tumbling, hopping]
        self.producer = DyingProducer(log, batches)
        self.commit = GroupCommit(SimpleNamespace(producer=SimpleNamespace(_producer=self.producer)), 1)
        for table, rank in zip(self.tables, (PROFILE, WINDOWS, WINDOWS), strict=True):
            self.commit.add_table(table, rank)
            topic = table.changelog_topic_name
            records = [SimpleNamespace(offset=n, key=k, value=v) for n, (k, v) in enumerate(log[topic])]
            table.absorb(TP(topic, 0), records)
        self.observer = Observer(FeatureMaker())

    def state(self) -> CustomerState:
        profiles, tumbling, hopping = self.tables
        return CustomerState(
            profiles.partition(0), Windows(tumbling, 0, WindowStats), Windows(hopping, 0, WindowStats), {}, {}
        )

    async def run(self, chunks: list[list[tuple[int, Transaction]]], acknowledged: list[int]) -> None:
        for n, chunk in enumerate(chunks):
            if n < len(acknowledged):
                continue
            self.process(chunk)
            self.commit.finish(acknowledge(acknowledged, n))
            if n % CHUNKS_PER_COMMIT == CHUNKS_PER_COMMIT - 1 or n == len(chunks) - 1:
                await self.commit.commit()

    def process(self, chunk: list[tuple[int, Transaction]]) -> None:
        state = self.state()
        for offset, tx in chunk:
            observed = self.observer.observe(tx, offset, state)
            if observed is not None:
                row = self.observer.maker.rows([observed.facts])[0].tolist()
                self.commit.outbox.put("scored", 0, tx.transaction_id.encode(), repr(row).encode())


def acknowledge(acknowledged: list[int], n: int) -> Any:
    async def done() -> None:
        acknowledged.append(n)

    return done


def chunks() -> list[list[tuple[int, Transaction]]]:
    rnd = random.Random(3)
    sent = [
        Transaction(
            f"T{n}",
            f"C{rnd.randrange(3)}",
            1.7e9 + n * 15 - rnd.choice([0, 0, 0, 40]),
            10.0 + n,
            location=rnd.choice("AB"),
        )
        for n in range(54)
    ]
    for n in (9, 20, 33, 40):
        sent.insert(n, sent[n - 3])  # duplicates
    numbered = list(enumerate(sent))
    return [numbered[n : n + CHUNK] for n in range(0, len(numbered), CHUNK)]


async def live(log: dict[str, list[Any]], acknowledged: list[int], batches: float) -> bool:
    """Whether the worker lived through all chunks."""
    life = Life(log, batches)
    try:
        await life.run(chunks(), acknowledged)
    except CrashError:
        return False
    check_state(life)
    return True


def check_state(life: Life) -> None:
    _, truth = decide_all(Settings(), [one for chunk in chunks() for one in chunk])
    profiles, *windowed = life.tables
    assert isinstance(truth.profiles, DictProfiles)
    codec = StructCodec(Profile)
    assert {k: codec.dump(v) for k, v in profiles.entries([0])} == {k: codec.dump(v) for k, v in truth.profiles.items()}
    for table, expected in zip(windowed, (truth.tumbling, truth.hopping), strict=True):
        assert isinstance(expected, DictWindows)
        panes = {(key, window_range(start, expected.step)): stats for (key, start), stats in expected.panes.items()}
        assert dict(table.entries([0])) == panes


def batches_of_a_whole_life() -> int:
    log: dict[str, list[Any]] = defaultdict(list)
    life = Life(log, 10_000)
    asyncio.run(life.run(chunks(), []))
    return 10_000 - int(life.producer.left)


@pytest.mark.parametrize("first", range(0, 21))
@pytest.mark.parametrize("second", [1, 2, 3, 4, 5, 7])
async def test_a_crash_at_any_point_changes_no_decision_and_no_table(first: int, second: int) -> None:
    log: dict[str, list[Any]] = defaultdict(list)
    acknowledged: list[int] = []
    lives = [await live(log, acknowledged, batches) for batches in (first, second, float("inf"))]
    assert lives[-1]
    truth, _ = decide_all(Settings(), [one for chunk in chunks() for one in chunk])
    told = {(key.decode(), value.decode()) for key, value in log["scored"]}
    assert told == {(ident, repr(row)) for ident, (row, _) in truth.items()}


def test_the_crash_points_cover_every_commit() -> None:
    assert batches_of_a_whole_life() == 20
