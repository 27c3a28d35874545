"""A crash at every point of every group commit, with labels before and after their transactions: each counts once.

No broker: a producer that dies at its n-th batch, and tables that are recovered from what it had delivered.
"""

import asyncio
import random
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from faust.types import TP

from fraud_stream.domain.joining import Joiner
from fraud_stream.domain.once import Join, Offsets, Once
from fraud_stream.domain.outcomes import History
from fraud_stream.domain.pending import EARLY, SCORED, Pending
from fraud_stream.engine.app import ExactApp
from fraud_stream.engine.commit import GroupCommit
from tables.codecs import StructCodec
from tables.pending import PendingCodec
from tables.ranks import FRAUDS, PENDING
from tests.integration.test_crash_points import CrashError, DyingProducer

IDENTS, CHUNK, CHUNKS_PER_COMMIT = 24, 4, 3
#: In which order the labels are on their topic: some before their transaction is read, some after.
LABELS = random.Random(5).sample(range(IDENTS), IDENTS)


class Life:
    """One life of a worker: recovered from the log, it joins until it dies or is through."""

    def __init__(self, log: dict[str, list[Any]], batches: float) -> None:
        app = ExactApp(
            "crash", chunk_size=1, commit_interval=1, stuck_after=60, prepare=lambda: None, broker="kafka://nowhere"
        )
        pending = app.exact_table("pending", rank=PENDING, codec=PendingCodec())
        self.frauds = app.exact_table("frauds", rank=FRAUDS, codec=StructCodec(History))
        self.producer = DyingProducer(log, batches)
        worker = SimpleNamespace(producer=SimpleNamespace(_producer=self.producer), clock=app.clock)
        self.commit = GroupCommit(worker, 1)
        for table, rank in ((self.frauds, FRAUDS), (pending, PENDING)):
            self.commit.add_table(table, rank)
            topic = table.changelog_topic_name
            records = [SimpleNamespace(offset=n, key=k, value=v) for n, (k, v) in enumerate(log[topic])]
            table.absorb(TP(topic, 0), records)
        self.settled = [0, 0]  # as far as this life knows
        self.joiner = Joiner(0, pending.partition(0), self.frauds.partition(0), 1e9, self.send)

    def send(self, ident: str, scored: Pending, label: Pending, join: Join) -> None:
        self.commit.outbox.put("labelled", 0, ident.encode(), msgspec.json.encode(join))

    async def run(self, seed: int, acknowledged: list[int]) -> None:
        """Read chunks of the two topics in an order of this life's own."""
        places, rnd, chunks = list(acknowledged), random.Random(seed), 0
        while min(places) < IDENTS:
            kind = rnd.randrange(2) if max(places) < IDENTS else places.index(min(places))
            self.process(kind, range(places[kind], places[kind] + CHUNK))
            places[kind] += CHUNK
            self.commit.finish(self.acknowledge(acknowledged, kind, places[kind]))
            chunks += 1
            if chunks % CHUNKS_PER_COMMIT == 0 or min(places) == IDENTS:
                await self.commit.commit()

    def process(self, kind: int, offsets: range) -> None:
        settled: Offsets = (self.settled[0], self.settled[1])
        for offset in offsets:
            if kind:
                label = Pending(EARLY, 0.0, "C", is_fraud=True, labelled_at=1.0, offset=offset)
                self.joiner.label(f"T{LABELS[offset]}", label, settled)
            else:
                self.joiner.scored(f"T{offset}", Pending(SCORED, 0.0, f"C{offset % 3}", offset=offset), settled)

    def acknowledge(self, acknowledged: list[int], kind: int, place: int) -> Any:
        async def done() -> None:
            acknowledged[kind] = self.settled[kind] = place

        return done


async def live(log: dict[str, list[Any]], acknowledged: list[int], batches: float, seed: int) -> Life | None:
    """A life; None if it ended before all was done."""
    life = Life(log, batches)
    try:
        await life.run(seed, acknowledged)
    except CrashError:
        return None
    return life


def batches_of_a_whole_life() -> int:
    life = Life(defaultdict(list), 10_000)
    asyncio.run(life.run(0, [0, 0]))
    return 10_000 - int(life.producer.left)


@pytest.mark.parametrize("first", range(0, 13))
@pytest.mark.parametrize("second", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("seed", [0, 10, 20])
async def test_a_crash_at_any_point_has_each_label_count_once(first: int, second: int, seed: int) -> None:
    log: dict[str, list[Any]] = defaultdict(list)
    acknowledged = [0, 0]
    lives = [await live(log, acknowledged, batches, seed + n) for n, batches in enumerate((first, second, 1e9))]
    last, once = lives[-1], Once()
    assert last is not None
    sent = [(ident.decode(), msgspec.json.decode(value, type=Join)) for ident, value in log["labelled"]]
    counted = [ident for ident, join in sent if once.is_first(ident, join)]
    assert sorted(counted) == sorted(f"T{n}" for n in range(IDENTS))
    assert {key: history.noted for key, history in last.frauds.entries([0])} == {f"C{n}": IDENTS // 3 for n in range(3)}


def test_the_crash_points_cover_every_commit() -> None:
    assert batches_of_a_whole_life() == 12


async def test_some_crashes_have_labels_sent_twice() -> None:
    """Else the test above shows nothing."""
    repeated = 0
    for first in range(13):
        log: dict[str, list[Any]] = defaultdict(list)
        acknowledged = [0, 0]
        for n, batches in enumerate((first, 1e9)):
            await live(log, acknowledged, batches, n)
        repeated += len(log["labelled"]) - IDENTS
    assert repeated > 20
