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
from fraud_stream.engine.guard import is_older
from fraud_stream.engine.keys import decode_key, window_range
from fraud_stream.engine.panes import Windows
from fraud_stream.engine.table import ExactTable
from fraud_stream.settings import Settings
from tables.codecs import StructCodec
from tables.ranks import PROFILE, WINDOWS
from tests.truth import decide_all

CHUNK, CHUNKS_PER_COMMIT = 6, 2
#: Seconds between two transactions, and those that windows are kept: in the second case a commit has more than an hour.
STREAMS = [(15, None), (400, 60)]


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

    def __init__(self, log: dict[str, list[Any]], batches: float, expires: int | None = None) -> None:
        app = ExactApp(
            "crash", chunk_size=1, commit_interval=1, stuck_after=60, prepare=lambda: None, broker="kafka://nowhere"
        )
        profiles = app.exact_table("profile", rank=PROFILE, codec=StructCodec(Profile))
        tumbling = app.windowed_table("tumbling", rank=WINDOWS, codec=StructCodec(WindowStats), merge=merged)
        hopping = app.windowed_table("hopping", rank=WINDOWS, codec=StructCodec(WindowStats), merge=merged)
        tumbling.tumbling(3_600, expires=expires)
        hopping.hopping(300, 60, expires=expires)
        self.tables = [profiles, tumbling, hopping]
        self.producer = DyingProducer(log, batches)
        worker = SimpleNamespace(producer=SimpleNamespace(_producer=self.producer), clock=app.clock)
        self.commit = GroupCommit(worker, 1)
        for table, rank in zip(self.tables, (PROFILE, WINDOWS, WINDOWS), strict=True):
            self.commit.add_table(table, rank)
            topic = table.changelog_topic_name
            records = [SimpleNamespace(offset=n, key=k, value=v) for n, (k, v) in enumerate(log[topic])]
            table.absorb(TP(topic, 0), records)
        self.clock = app.clock
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
            self.clock.observe(0, tx.timestamp)
            observed = self.observer.observe(tx, offset, state)
            if observed is not None:
                row = self.observer.maker.rows([observed.facts])[0].tolist()
                self.commit.outbox.put("scored", 0, tx.transaction_id.encode(), repr(row).encode())


def acknowledge(acknowledged: list[int], n: int) -> Any:
    async def done() -> None:
        acknowledged.append(n)

    return done


def chunks(gap: int = 15) -> list[list[tuple[int, Transaction]]]:
    rnd = random.Random(3)
    sent = [
        Transaction(
            f"T{n}",
            f"C{rnd.randrange(3)}",
            1.7e9 + n * gap - rnd.choice([0, 0, 0, 40]),
            10.0 + n,
            location=rnd.choice("AB"),
        )
        for n in range(54)
    ]
    for n in (9, 20, 33, 40):
        sent.insert(n, sent[n - 3])  # duplicates
    numbered = list(enumerate(sent))
    return [numbered[n : n + CHUNK] for n in range(0, len(numbered), CHUNK)]


async def live(
    log: dict[str, list[Any]], acknowledged: list[int], batches: float, stream: tuple[int, int | None]
) -> bool:
    """Whether the worker lived through all chunks."""
    gap, expires = stream
    life = Life(log, batches, expires)
    try:
        await life.run(chunks(gap), acknowledged)
    except CrashError:
        return False
    check_state(life, gap)
    return True


def check_state(life: Life, gap: int) -> None:
    """What the changelogs have is right; the stores have not expired windows alone."""
    _, truth = decide_all(Settings(), [one for chunk in chunks(gap) for one in chunk])
    profiles, *windowed = life.tables
    assert isinstance(truth.profiles, DictProfiles)
    codec, stats_codec = StructCodec(Profile), StructCodec(WindowStats)
    assert newest(life, profiles) == {k: codec.dump(v) for k, v in truth.profiles.items()}
    for table, expected in zip(windowed, (truth.tumbling, truth.hopping), strict=True):
        assert isinstance(expected, DictWindows)
        panes = {(key, window_range(start, expected.step)): stats for (key, start), stats in expected.panes.items()}
        assert {key: stats_codec.load(data) for key, data in newest(life, table).items()} == panes


def newest(life: Life, table: ExactTable) -> dict[Any, bytes]:
    found: dict[Any, bytes] = {}
    for key, data in life.producer.log[table.changelog_topic_name]:
        if not is_older(data, found.get(key)):
            found[key] = data
    return {decode_key(key): data for key, data in found.items()}


def batches_of_a_whole_life() -> int:
    log: dict[str, list[Any]] = defaultdict(list)
    life = Life(log, 10_000)
    asyncio.run(life.run(chunks(), []))
    return 10_000 - int(life.producer.left)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("first", range(0, 21))
@pytest.mark.parametrize("second", [1, 2, 3, 4, 5, 7])
async def test_a_crash_at_any_point_changes_no_decision_and_no_table(
    first: int, second: int, stream: tuple[int, int | None]
) -> None:
    log: dict[str, list[Any]] = defaultdict(list)
    acknowledged: list[int] = []
    lives = [await live(log, acknowledged, batches, stream) for batches in (first, second, float("inf"))]
    assert lives[-1]
    truth, _ = decide_all(Settings(), [one for chunk in chunks(stream[0]) for one in chunk])
    told = {(key.decode(), value.decode()) for key, value in log["scored"]}
    assert told == {(ident, repr(row)) for ident, (row, _) in truth.items()}


def test_the_crash_points_cover_every_commit() -> None:
    assert batches_of_a_whole_life() == 20
