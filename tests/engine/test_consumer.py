"""Batch delivery: from fetched records to the messages that Faust sees, and back to the offsets it commits."""

import asyncio
from typing import Any

from faust.types import TP, Message

from fraud_stream.engine.app import GIVES_WAY, SHORT
from fraud_stream.engine.consumer import ENOUGH, LOOK_AGAIN, ChunkConsumer, ChunkSchema, ChunkTransport
from fraud_stream.engine.highwater import HighwaterThread
from tests.engine.bench import Number, make_app, record
from tests.engine.fetches import (
    OTHER,
    TP0,
    TP1,
    Fetched,
    FetchedConsumer,
    consumer_of,
    delivered,
    offsets,
    records,
    recovering,
)


def test_the_application_uses_it() -> None:
    app = make_app()
    assert isinstance(app.transport, ChunkTransport)
    assert isinstance(app.consumer, ChunkConsumer)
    assert isinstance(app.consumer._thread, HighwaterThread)  # type: ignore[attr-defined]


async def test_a_fetch_is_delivered_in_chunks_of_one_partition() -> None:
    found = await delivered(consumer_of({TP0: records(10, 7), TP1: records(5, 2)}))
    assert [(tp, offsets(message.value)) for tp, message in found] == [
        (TP0, [10, 11, 12]),
        (TP0, [13, 14, 15]),
        (TP0, [16]),
        (TP1, [5, 6]),
    ]


async def test_chunks_are_short_for_a_while_after_somebody_has_asked() -> None:
    app = make_app()
    app.chunk_size = 3 * SHORT
    consumer = consumer_of({TP0: records(0, 2 * SHORT)}, {TP0: records(2 * SHORT, 2 * SHORT)}, app=app)
    app.give_way()
    assert [len(offsets(message.value)) for _, message in await delivered(consumer)] == [SHORT, SHORT]
    app._gives_way_until -= GIVES_WAY
    assert [len(offsets(message.value)) for _, message in await delivered(consumer)] == [2 * SHORT]


async def test_a_size_below_that_of_short_chunks_stays() -> None:
    app = make_app()
    app.give_way()
    assert app.records_at_once == app.chunk_size < SHORT


async def test_the_message_of_a_chunk_is_that_of_its_last_record() -> None:
    ((_, message),) = await delivered(consumer_of({TP1: records(5, 2)}))
    assert (message.topic, message.partition, message.offset, message.tp) == ("transactions", 1, 6, TP1)
    assert (message.timestamp, message.key, message.generation_id) == (6.0, None, 0)


async def test_one_record_is_a_chunk() -> None:
    ((_, message),) = await delivered(consumer_of({TP0: records(0, 1)}))
    assert offsets(message.value) == [0]


async def test_topics_without_chunks_are_delivered_record_by_record() -> None:
    found = await delivered(consumer_of({OTHER: records(3, 2)}))
    assert [(message.offset, message.key, message.value) for _, message in found] == [(3, b"k", b"3"), (4, b"k", b"4")]


async def test_of_a_partition_that_has_enough_to_do_nothing_is_fetched() -> None:
    """Chunks that nobody takes would keep the other partitions waiting that are fetched with them."""
    consumer = consumer_of({TP0: records(0, 3 * ENOUGH)})
    asked: list[tuple[set[TP], float]] = []

    async def getmany(tps: set[TP], timeout: float) -> dict[TP, Any]:  # noqa: ASYNC109 - as Faust
        asked.append(({tp for tp in (TP0, TP1) if tp in tps}, timeout))
        return {}

    consumer._thread.getmany = getmany  # type: ignore[method-assign,assignment]
    await consumer._getmany({TP0, TP1}, 1.0)
    (_, first), *_ = await delivered(consumer)
    await consumer._getmany({TP0, TP1}, 1.0)
    assert await consumer._getmany({TP0}, 1.0) == {}
    consumer.begin(first)
    await consumer._getmany({TP0, TP1}, 1.0)
    assert asked == [({TP0, TP1}, 1.0), ({TP1}, LOOK_AGAIN), ({TP0, TP1}, 1.0)]


async def test_records_that_were_read_before_are_left_out() -> None:
    consumer = consumer_of({TP0: records(10, 5)}, {TP0: records(10, 2)})
    consumer._next[TP0] = 13
    ((_, message),) = await delivered(consumer)
    assert offsets(message.value) == [13, 14]
    assert await delivered(consumer) == []


async def test_what_faust_dropped_before_a_seek_is_handed_out_again_whole_and_not_committed() -> None:
    """Faust's recovery resumes partitions, seeks, and then clears its queues: a chunk that counts as read is gone."""
    consumer: Any = consumer_of({TP0: records(10, 5)}, {TP0: records(10, 5)})
    consumer.app.chunk_size = 100

    async def committed() -> dict[TP, int]:
        return {TP0: 10}

    consumer.seek_to_committed = committed
    ((_, dropped),) = await delivered(consumer)
    consumer._read_offset[TP0] = 14
    await ChunkConsumer.perform_seek(consumer)
    consumer._read_offset[TP0] = 14  # Faust notes it after the seek
    consumer.begin(dropped)
    dropped.acked = True
    assert consumer._new_offset(TP0) is None
    ((_, again),) = await delivered(consumer)
    assert offsets(again.value) == [10, 11, 12, 13, 14]
    assert consumer._new_offset(TP0) is None
    consumer.begin(again)
    again.acked = True
    assert consumer._new_offset(TP0) == 15


async def test_only_chunks_before_the_first_that_is_not_done_are_committed() -> None:
    consumer: Any = consumer_of({TP0: records(0, 5)}, {TP0: records(5, 5)})
    consumer.app.chunk_size = 100
    ((_, first),) = await delivered(consumer)
    ((_, second),) = await delivered(consumer)
    for message in (first, second):
        consumer.begin(message)
    second.acked = True
    assert consumer._new_offset(TP0) is None
    first.acked = True
    assert consumer._new_offset(TP0) == 10


async def test_a_chunk_of_another_generation_is_not_committed() -> None:
    """Faust acknowledges it without processing it."""
    consumer: Any = consumer_of({TP0: records(0, 5)})
    consumer.app.chunk_size = 100
    ((_, message),) = await delivered(consumer)
    consumer.begin(message)
    message.acked = True
    consumer.app.consumer_generation_id += 1
    assert consumer._new_offset(TP0) is None


async def test_a_chunk_that_never_began_is_not_committed_though_faust_acknowledges_it() -> None:
    """Faust's stream skips what it gets while the flow is suspended, and says that it is done."""
    consumer: Any = consumer_of({TP0: records(0, 6)})
    first, second = [message for _, message in await delivered(consumer)]
    consumer.begin(first)
    first.acked = second.acked = True
    assert consumer._new_offset(TP0) == 3
    assert consumer._new_offset(TP0) is None
    consumer.begin(second)
    assert consumer._new_offset(TP0) == 6


async def test_partitions_that_are_paused_are_left_out_unless_they_are_buffered() -> None:
    consumer = consumer_of({TP0: records(0, 1), TP1: records(0, 1)}, {TP0: records(0, 1)})
    consumer.active = {TP1}
    assert [tp for tp, _ in await delivered(consumer)] == [TP1]
    consumer._buffered_partitions.add(TP0)
    assert [tp for tp, _ in await delivered(consumer)] == [TP0]


async def test_a_rebalance_ends_the_delivery() -> None:
    consumer = consumer_of({TP0: records(0, 9)})
    found = []
    async for _, message in consumer.getmany(timeout=1.0):
        found.append(offsets(message.value))
        consumer.app.consumer_generation_id = 7
    assert found == [[0, 1, 2]]


async def test_a_stopped_flow_ends_the_delivery() -> None:
    consumer = consumer_of({TP0: records(0, 9)})
    found = []
    async for _, message in consumer.getmany(timeout=1.0):
        found.append(offsets(message.value))
        consumer.stop_flow()
    assert found == [[0, 1, 2]]


# -- changelogs


async def test_a_changelog_is_applied_at_once_and_its_last_record_delivered() -> None:
    table, tp = recovering()
    fetched = [record(n, f"C{n}", Number(n, n)) for n in range(4)]
    found = await delivered(consumer_of({tp: fetched}, app=table.app))  # type: ignore[arg-type]
    assert [message.offset for _, message in found] == [3]
    assert dict(table.entries([1])) == {f"C{n}": Number(n, n) for n in range(4)}


async def test_a_changelog_is_applied_in_full_however_long() -> None:
    table, tp = recovering()
    fetched = [record(n, f"C{n}", Number(n, n)) for n in range(12_001)]
    await delivered(consumer_of({tp: fetched}, app=table.app))  # type: ignore[arg-type]
    assert table.store.size(1) == 12_001
    assert table.persisted_offset(tp) == 12_000


async def test_a_rebalance_ends_the_application_of_a_changelog() -> None:
    table, tp = recovering()
    fetched = [record(n, f"C{n}", Number(n, n)) for n in range(12_001)]
    consumer = consumer_of({tp: fetched}, app=table.app)  # type: ignore[arg-type]
    delivery = asyncio.ensure_future(delivered(consumer))
    while table.persisted_offset(tp) is None:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)
    consumer.app.consumer_generation_id = 7
    assert await delivery == []
    assert table.persisted_offset(tp) == 4_999


# -- from delivery to commit, as Faust does it


class Fetcher:
    """The service that drains the consumer: it is told to stop when there is nothing left."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()


async def drain(consumer: FetchedConsumer) -> list[Message]:
    """What Faust's own loop delivers of all fetches."""
    found: list[Message] = []
    fetcher: Any = Fetcher()

    async def callback(message: Message) -> None:
        found.append(message)
        consumer.track_message(message)
        consumer.begin(message)
        if not consumer.fetches:  # type: ignore[attr-defined]
            asyncio.get_running_loop().call_later(0.05, fetcher._stopped.set)

    consumer.callback = callback
    await asyncio.wait_for(consumer._drain_messages(fetcher), 10)
    return found


def committable(consumer: FetchedConsumer, tp: TP) -> int | None:
    return consumer._filter_committable_offsets([tp]).get(tp)


class AckedTopics:
    """Faust's conductor as the consumer asks it: every topic is acknowledged."""

    def acks_enabled_for(self, topic: str) -> bool:
        return True


async def drained(*fetches: Fetched) -> tuple[FetchedConsumer, list[Message]]:
    consumer = consumer_of(*fetches)
    consumer.app._topics = consumer.app.topics = AckedTopics()
    return consumer, await drain(consumer)


async def test_fausts_loop_delivers_every_record_once_in_order() -> None:
    consumer, messages = await drained({TP0: records(0, 7)}, {TP0: records(7, 4)})
    assert [offset for message in messages for offset in offsets(message.value)] == list(range(11))
    assert consumer._read_offset[TP0] == 10
    assert not consumer._gap[TP0]


async def test_after_a_seek_in_the_middle_of_a_delivery_every_record_is_delivered_again() -> None:
    """Faust notes the chunk as read when its delivery ends: earlier ones must not pass for read."""
    consumer: Any = consumer_of({TP0: records(0, 6)}, {TP0: records(0, 6)})
    consumer.app._topics = consumer.app.topics = AckedTopics()
    fetcher: Any = Fetcher()
    found: list[list[int]] = []

    async def committed() -> dict[TP, int]:
        return {TP0: 0}

    async def callback(message: Message) -> None:
        found.append(offsets(message.value))
        if len(found) == 2:
            await ChunkConsumer.perform_seek(consumer)
        elif not consumer.fetches:
            asyncio.get_running_loop().call_later(0.05, fetcher._stopped.set)

    consumer.seek_to_committed, consumer.callback = committed, callback
    await asyncio.wait_for(consumer._drain_messages(fetcher), 10)
    assert found == [[0, 1, 2], [3, 4, 5]] * 2


async def test_an_acknowledged_chunk_commits_all_its_records() -> None:
    consumer, messages = await drained({TP0: records(0, 7)})
    assert committable(consumer, TP0) is None
    assert consumer.ack(messages[0])
    assert committable(consumer, TP0) == 3
    consumer._committed_offset[TP0] = 3
    assert committable(consumer, TP0) is None
    for message in messages[1:]:
        consumer.ack(message)
    assert committable(consumer, TP0) == 7


async def test_a_chunk_that_was_committed_is_not_committed_again() -> None:
    consumer, messages = await drained({TP0: records(0, 3)})
    consumer.ack(messages[0])
    assert committable(consumer, TP0) == 3
    assert not consumer._acked[TP0]
    assert not consumer._acked_index[TP0]
    consumer._committed_offset[TP0] = 3
    assert not consumer.ack(messages[0])
    assert committable(consumer, TP0) is None


async def test_offsets_that_the_broker_left_out_do_not_hold_the_commit_up() -> None:
    consumer, messages = await drained({TP0: records(0, 2)}, {TP0: records(500_000, 2)})
    for message in messages:
        consumer.ack(message)
    assert committable(consumer, TP0) == 500_002


async def test_other_topics_are_committed_as_faust_does_gaps_and_all() -> None:
    consumer, messages = await drained({OTHER: records(0, 2)}, {OTHER: records(5, 1)})
    for message in messages[:2]:
        consumer.ack(message)
    assert committable(consumer, OTHER) == 2
    consumer._committed_offset[OTHER] = 2
    consumer.ack(messages[2])
    assert committable(consumer, OTHER) == 6


def test_a_chunk_reaches_the_agent_as_its_records_and_without_a_key() -> None:
    schema, chunk = ChunkSchema(), records(0, 2)
    message: Any = Message("transactions", 0, 1, 0.0, 0, [], None, chunk, None)  # type: ignore[arg-type]
    assert schema.loads_value(make_app(), message, loads=None) is chunk
    assert schema.loads_key(make_app(), message, loads=None) is None
