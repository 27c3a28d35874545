"""What is sent, in which order and in which batches; and the producer that the tests of the group commit use too."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from fraud_stream.engine.outbox import LINGER, Outbox
from tests.engine.bench import Place

BATCH_SIZE = 1_000


class SentRecord(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class Sent(NamedTuple):
    """A batch as the broker gets it."""

    topic: str
    partition: int
    records: list[SentRecord]


class FakeProducer:
    """Builds real batches, notes what is sent and delivers each a moment later, unless its topic fails.

    Attributes:
        sent: The batches in the order they were handed over.
        events: "sent", "delivered" or "failed" with the topic, and what tests add.
        failing: Topics whose batches are not delivered.
        delay: Seconds that a delivery takes.
        first_sent: That something was sent.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.events: list[str] = []
        self.failing: set[str] = set()
        self.delay = 0.001
        self.first_sent = asyncio.Event()
        self._ends: defaultdict[tuple[str, int], int] = defaultdict(int)

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_SIZE, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Place]:
        assert batch.closed()
        await asyncio.sleep(0)
        records = read_batch(batch)
        self.sent.append(Sent(topic, partition, records))
        self.events.append(f"sent {topic}")
        self.first_sent.set()
        place = Place(topic, partition, self._ends[topic, partition])
        self._ends[topic, partition] += len(records)
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(self.delay, self._deliver, future, place)
        return future

    def _deliver(self, future: asyncio.Future[Place], place: Place) -> None:
        failed = place.topic in self.failing
        self.events.append(f"{'failed' if failed else 'delivered'} {place.topic}")
        if failed:
            future.set_exception(KafkaTimeoutError())
        else:
            future.set_result(place)

    def values(self, topic: str, partition: int = 0) -> list[bytes | None]:
        batches = (one.records for one in self.sent if (one.topic, one.partition) == (topic, partition))
        return [record.value for records in batches for record in records]


def read_batch(batch: BatchBuilder) -> list[SentRecord]:
    found = MemoryRecords(bytes(batch._build())).next_batch()
    assert found is not None
    return [SentRecord(record.key, record.value, tuple(record.headers)) for record in found]


class FakeApp:
    """An application as far as an outbox knows it: what holds the producer."""

    def __init__(self) -> None:
        self.producer = self
        self._producer = FakeProducer()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds, on a busy machine too."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


def new_outbox() -> tuple[Outbox, FakeProducer]:
    app: Any = FakeApp()
    return Outbox(app), app._producer


async def test_records_of_a_partition_share_a_batch_in_their_order() -> None:
    outbox, producer = new_outbox()
    for n in range(3):
        outbox.put("out", 1, b"C1", b"%d" % n)
    outbox.put("out", 2, b"C2", b"x")
    await outbox.push()
    assert [(sent.topic, sent.partition, len(sent.records)) for sent in producer.sent] == [("out", 1, 3), ("out", 2, 1)]
    assert producer.values("out", 1) == [b"0", b"1", b"2"]


async def test_a_record_is_sent_as_it_is() -> None:
    outbox, producer = new_outbox()
    outbox.put("out", 0, 'C"é'.encode(), b"\xff\0", [("reason", b"null")])
    outbox.put("out", 0, b"k", None)
    outbox.put("out", 0, None, b"v")
    await outbox.push()
    assert producer.sent[0].records == [
        SentRecord('C"é'.encode(), b"\xff\0", (("reason", b"null"),)),
        SentRecord(b"k", None, ()),
        SentRecord(None, b"v", ()),
    ]


async def test_more_than_a_batch_holds_is_sent_in_several_in_order() -> None:
    outbox, producer = new_outbox()
    for n in range(50):
        outbox.put("out", 0, b"C1", b"%04d" % n + b"x" * 100)
    await outbox.push()
    assert len(producer.sent) > 5
    assert [value[:4] for value in producer.values("out") if value] == [b"%04d" % n for n in range(50)]


async def test_a_record_larger_than_a_batch_has_a_batch_of_its_own() -> None:
    outbox, producer = new_outbox()
    values = [b"before", b"x" * 5 * BATCH_SIZE, b"after", b"y" * 5 * BATCH_SIZE]
    for value in values:
        outbox.put("out", 0, b"C1", value)
    await outbox.push()
    assert [[record.value for record in sent.records] for sent in producer.sent] == [[value] for value in values]


async def test_many_records_are_sent_as_one_after_the_other() -> None:
    values = [b"before", b"x" * 5 * BATCH_SIZE, *(b"%04d" % n + b"x" * 100 for n in range(50)), b"y" * 5 * BATCH_SIZE]
    sent = []
    for together in (True, False):
        outbox, producer = new_outbox()
        outbox.put("out", 0, b"C1", b"first")
        if together:
            outbox.put_all("out", 0, [(b"C1", value) for value in values] + [(b"C2", None)])
        else:
            for value in values:
                outbox.put("out", 0, b"C1", value)
            outbox.put("out", 0, b"C2", None)
        await outbox.push()
        sent.append([one.records for one in producer.sent])
    assert sent[0] == sent[1]
    assert [record.value for records in sent[0] for record in records] == [b"first", *values, None]


async def test_where_batches_are_is_told_once_they_are_delivered() -> None:
    outbox, producer = new_outbox()
    outbox.put("out", 0, b"k", b"v")
    outbox.put("out", 0, b"k", b"w")
    await outbox.push()
    assert producer.events == ["sent out"]
    assert await outbox.delivered() == [Place("out", 0, 0)]
    assert producer.events == ["sent out", "delivered out"]
    outbox.put("out", 0, b"k", b"x")
    await outbox.push()
    assert await outbox.delivered() == [Place("out", 0, 2)]
    assert await outbox.delivered() == []


async def test_nothing_is_sent_where_there_is_nothing() -> None:
    outbox, producer = new_outbox()
    await outbox.push()
    assert (await outbox.delivered(), producer.sent) == ([], [])


async def test_a_failed_delivery_is_raised() -> None:
    outbox, producer = new_outbox()
    producer.failing = {"bad"}
    for topic in ("good", "bad"):
        outbox.put(topic, 0, b"k", b"v")
    await outbox.push()
    with pytest.raises(KafkaError):
        await outbox.delivered()


class BrokenProducer(FakeProducer):
    """Takes nothing of one topic."""

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Place]:
        if topic == "bad":
            raise KafkaTimeoutError
        return await super().send_batch(batch, topic, partition=partition)


async def test_what_could_not_be_handed_over_is_raised_ever_after() -> None:
    """It is gone: nothing that belongs to it may count as sent."""
    app: Any = FakeApp()
    app._producer = BrokenProducer()
    outbox = Outbox(app)
    outbox.put("bad", 0, b"k", b"v")
    with pytest.raises(KafkaError):
        await outbox.push()
    outbox.put("good", 0, b"k", b"v")
    with pytest.raises(KafkaError):
        await outbox.push()
    with pytest.raises(KafkaError):
        await outbox.delivered()


async def test_outputs_that_come_within_the_linger_share_a_batch() -> None:
    outbox, producer = new_outbox()
    for n in range(3):
        outbox.put("out", 0, b"k", b"%d" % n)
        outbox.push_soon()
        await asyncio.sleep(0)
    assert producer.sent == []
    await outbox.delivered()
    assert [len(sent.records) for sent in producer.sent] == [3]


async def test_outputs_do_not_wait_longer_than_the_linger() -> None:
    outbox, producer = new_outbox()
    outbox.put("out", 0, b"k", b"v")
    began = time.monotonic()
    outbox.push_soon()
    await until(lambda: producer.events == ["sent out", "delivered out"])
    assert time.monotonic() - began >= LINGER
    outbox.put("out", 0, b"k", b"w")
    outbox.push_soon()
    await until(lambda: producer.values("out") == [b"v", b"w"])


async def test_pushes_at_the_same_time_keep_the_order() -> None:
    outbox, producer = new_outbox()
    pushing = []
    for n in range(20):
        outbox.put("out", 0, b"k", b"%02d" % n + b"x" * 300)
        if n % 5 == 0:
            outbox.push_soon()
            pushing.append(asyncio.ensure_future(outbox.push()))
            await asyncio.sleep(0)
    await asyncio.gather(*pushing, outbox.push())
    await outbox.delivered()
    assert [value[:2] for value in producer.values("out") if value] == [b"%02d" % n for n in range(20)]


async def test_a_push_waits_for_the_one_under_way() -> None:
    outbox, producer = new_outbox()
    for n in range(30):
        outbox.put("out", 0, b"k", b"%02d" % n + b"x" * 300)
    first = asyncio.ensure_future(outbox.push())
    await producer.first_sent.wait()
    outbox.put("out", 0, b"k", b"30")
    await asyncio.gather(first, outbox.push())
    assert [value[:2] for value in producer.values("out") if value] == [b"%02d" % n for n in range(31)]


async def test_a_record_that_is_put_while_others_are_sent_is_sent_next() -> None:
    outbox, producer = new_outbox()
    outbox.put("out", 0, b"k", b"first")
    pushing = asyncio.ensure_future(outbox.push())
    await asyncio.sleep(0)
    outbox.put("out", 0, b"k", b"second")
    await pushing
    assert producer.values("out") == [b"first"]
    await outbox.push()
    assert producer.values("out") == [b"first", b"second"]
