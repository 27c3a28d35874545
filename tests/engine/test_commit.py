"""The order of a group commit, and what happens when it fails."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from fraud_stream.engine import commit, partition
from fraud_stream.engine.commit import GroupCommit
from tests.engine.bench import ExactTable, Number, make_app, plain_table, store_time
from tests.engine.test_outbox import FakeProducer, until


class Bench:
    """An application with a table of each rank, one output topic, and a producer that notes the order of things."""

    def __init__(self) -> None:
        self.app = make_app()
        self.producer = FakeProducer()
        self.app.producer._producer = self.producer  # type: ignore[attr-defined]
        self.tables = [plain_table(self.app, f"rank{rank}", rank=rank) for rank in range(3)]
        self.commit: GroupCommit = self.app.group_commit

    def process_chunk(self, number: int, name: str = "ack") -> None:
        """What an agent does with a chunk: outputs, changes, done."""
        self.commit.outbox.put("out", 0, b"k", b"%d" % number)
        for table in reversed(self.tables):
            table.partition(0).put("k", Number(number, number))
        self.commit.finish(self.acknowledge(name))

    def acknowledge(self, name: str) -> Any:
        async def noted() -> None:
            self.producer.events.append(name)

        return noted

    def stored(self, table: ExactTable) -> list[int]:
        return [value.number for _, value in table.entries([0])]


ORDER = [
    "sent out",
    "delivered out",
    *(f"{what} test-rank{rank}-changelog" for rank in range(3) for what in ("sent", "delivered")),
    "ack",
]


async def test_outputs_then_tables_by_rank_then_the_acknowledgement() -> None:
    bench = Bench()
    bench.process_chunk(1)
    await bench.commit.commit()
    assert bench.producer.events == ORDER
    assert [bench.stored(table) for table in bench.tables] == [[1], [1], [1]]


async def test_many_chunks_are_committed_together_each_key_once() -> None:
    bench = Bench()
    for number in range(1, 6):
        bench.process_chunk(number, f"ack {number}")
    await bench.commit.commit()
    assert bench.producer.events == ORDER[:-1] + [f"ack {number}" for number in range(1, 6)]
    assert bench.producer.values("out") == [b"1", b"2", b"3", b"4", b"5"]
    assert len(bench.producer.values("test-rank0-changelog")) == 1
    assert [bench.stored(table) for table in bench.tables] == [[5], [5], [5]]


async def test_what_is_processed_while_tables_are_written_waits_for_the_next_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (partition, commit):
        monkeypatch.setattr(module, "AT_ONCE", 1)
    bench = Bench()
    for key in "abc":
        bench.tables[2].partition(0).put(key, Number(1, 1))
    bench.process_chunk(1, "ack 1")
    under_way = asyncio.ensure_future(bench.commit.commit())
    await asyncio.sleep(0)  # all is taken now
    turns = 0
    while not under_way.done():
        turns += 1
        for key in "abck":
            bench.tables[2].partition(0).put(key, Number(2, 2))
        bench.process_chunk(2, "ack 2")
        await asyncio.sleep(0)
    assert turns > 4
    assert bench.producer.events[-1] == "ack 1"
    assert set(bench.stored(bench.tables[2])) == {1}
    await bench.commit.commit()
    assert set(bench.stored(bench.tables[2])) == {2}


async def test_tables_of_one_rank_are_sent_together() -> None:
    bench = Bench()
    twin = plain_table(bench.app, "twin", rank=1)
    bench.process_chunk(1)
    twin.partition(0).put("k", Number(1, 1))
    await bench.commit.commit()
    events = bench.producer.events
    assert events.index("sent test-twin-changelog") < events.index("delivered test-rank1-changelog")
    assert events.index("delivered test-twin-changelog") < events.index("sent test-rank2-changelog")


async def test_where_each_batch_lies_is_remembered_as_read() -> None:
    bench = Bench()
    for number in (1, 2):
        bench.process_chunk(number)
        await bench.commit.commit()
    table = bench.tables[0]
    assert table.persisted_offset(next(iter(table.store._read_to))) == 1  # type: ignore[attr-defined]


async def test_nothing_to_commit_sends_nothing() -> None:
    bench = Bench()
    await bench.commit.commit()
    assert bench.producer.events == []


async def test_a_chunk_done_while_a_commit_is_under_way_waits_for_the_next() -> None:
    bench = Bench()
    bench.process_chunk(1, "ack 1")
    committing = asyncio.ensure_future(bench.commit.commit())
    await bench.producer.first_sent.wait()
    bench.process_chunk(2, "ack 2")
    await committing
    assert bench.producer.events[-1] == "ack 1"
    assert "ack 2" not in bench.producer.events
    assert [bench.stored(table) for table in bench.tables] == [[1], [1], [1]]
    assert bench.tables[0].partition(0).get("k") == Number(2, 2)
    await bench.commit.commit()
    assert bench.producer.events[-1] == "ack 2"
    assert [bench.stored(table) for table in bench.tables] == [[2], [2], [2]]


async def test_two_commits_at_once_come_one_after_the_other() -> None:
    bench = Bench()
    bench.process_chunk(1)
    await asyncio.gather(bench.commit.commit(), bench.commit.commit())
    assert bench.producer.events == ORDER
    assert [bench.stored(table) for table in bench.tables] == [[1], [1], [1]]


async def test_what_is_called_before_a_commit_may_put_outputs_and_finish_chunks() -> None:
    bench = Bench()

    def publish() -> None:
        bench.commit.outbox.put("models", 0, b"online", b"state")
        bench.commit.finish(bench.acknowledge("ack of the trainer"))

    bench.commit.before_commit.append(publish)
    await bench.commit.commit()
    assert bench.producer.events == ["sent models", "delivered models", "ack of the trainer"]


async def test_once_closed_it_waits_for_the_commit_under_way_and_begins_none() -> None:
    bench = Bench()
    bench.process_chunk(1)
    under_way = asyncio.ensure_future(bench.commit.commit())
    await asyncio.sleep(0)
    await bench.commit.close()
    assert under_way.done()
    bench.process_chunk(2)
    await bench.commit.commit()
    assert bench.producer.events == ORDER
    assert [bench.stored(table) for table in bench.tables] == [[1], [1], [1]]


async def test_what_expired_is_deleted_with_the_same_commit() -> None:
    bench = Bench()
    table = plain_table(bench.app, "short", rank=0, lifetime=lambda _, __: 60.0)
    table.partition(0).put("k", Number(1, 1))
    await bench.commit.commit()
    store_time(table, 60.0)
    await bench.commit.commit()
    assert bench.producer.values("test-short-changelog")[1:] == [None]
    assert bench.stored(table) == []


@pytest.mark.parametrize("failing", ["out", *(f"test-rank{rank}-changelog" for rank in range(3))])
async def test_a_failed_delivery_stops_all_that_comes_after_it_for_ever(failing: str) -> None:
    bench = Bench()
    bench.process_chunk(1)
    bench.producer.failing = {failing}
    with pytest.raises(KafkaError):
        await bench.commit.commit()
    assert bench.producer.events == [*ORDER[: ORDER.index(f"sent {failing}") + 1], f"failed {failing}"]
    bench.producer.failing, told = set(), list(bench.producer.events)
    bench.process_chunk(2, "ack 2")
    await bench.commit.commit()
    assert bench.producer.events == told
    assert isinstance(bench.commit.failed, KafkaError)


async def test_what_was_not_delivered_is_not_stored() -> None:
    bench = Bench()
    bench.process_chunk(1)
    bench.producer.failing = {"test-rank1-changelog"}
    with pytest.raises(KafkaError):
        await bench.commit.commit()
    assert [bench.stored(table) for table in bench.tables] == [[1], [], []]


async def test_an_output_that_was_sent_before_and_failed_stops_the_commit() -> None:
    bench = Bench()
    bench.producer.failing = {"out"}
    bench.process_chunk(1)
    bench.commit.outbox.push_soon()
    await until(lambda: bench.producer.events == ["sent out", "failed out"])
    with pytest.raises(KafkaError):
        await bench.commit.commit()
    assert bench.producer.events == ["sent out", "failed out"]


async def test_after_a_failure_in_the_middle_of_a_chunk_nothing_is_written() -> None:
    bench = Bench()
    bench.process_chunk(1)
    error = ValueError("half a chunk")
    bench.commit.fail(error)
    bench.commit.fail(ValueError("another"))
    await bench.commit.commit()
    assert bench.producer.events == []
    assert bench.commit.failed is error


async def test_a_worker_that_stood_still_for_longer_than_its_session_writes_nothing_any_more() -> None:
    """Others have its partitions by then."""
    bench = Bench()
    commit = GroupCommit(bench.app, interval=0.01, lease=0.05)
    await commit.start()
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - the whole process stands still
    commit.outbox.put("out", 0, b"k", b"v")
    await until(lambda: isinstance(commit.failed, RuntimeError))
    await asyncio.sleep(0.05)
    assert bench.producer.events == []
    await commit.stop()


async def test_a_worker_that_was_only_slow_goes_on() -> None:
    bench = Bench()
    commit = GroupCommit(bench.app, interval=0.01, lease=5.0)
    async with commit:
        time.sleep(0.1)  # noqa: ASYNC251 - the whole process stands still
        commit.outbox.put("out", 0, b"k", b"v")
        await until(lambda: bench.producer.events == ["sent out", "delivered out"])
    assert commit.failed is None


async def test_it_commits_now_and_then_by_itself() -> None:
    bench = Bench()
    async with bench.commit:
        for number in (1, 2):
            bench.process_chunk(number, f"ack {number}")
            await until(lambda: f"ack {number}" in bench.producer.events)  # noqa: B023 - called at once


async def test_a_process_that_stood_still_longer_than_its_session_writes_nothing_more() -> None:
    """SIGSTOP, or a machine that slept: another worker has the partitions by now."""
    bench = Bench()
    bench.commit._lease = 6.0
    bench.process_chunk(1)
    bench.commit._beaten_at = time.monotonic() - 10.0
    with pytest.raises(RuntimeError, match="stood still for 10"):
        await bench.commit.commit()
    assert bench.producer.events == []
    bench.commit._beaten_at = time.monotonic()
    await bench.commit.commit()
    assert bench.producer.events == []


async def test_a_process_that_stands_still_between_two_deliveries_writes_nothing_more() -> None:
    bench = Bench()
    bench.commit._lease = 6.0
    bench.process_chunk(1)
    delivered = bench.commit.outbox.delivered

    async def stop_after_outputs() -> list[Any]:
        places = await delivered()
        bench.commit._beaten_at = time.monotonic() - 10.0
        return places

    bench.commit.outbox.delivered = stop_after_outputs  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="stood still"):
        await bench.commit.commit()
    assert bench.producer.events == ["sent out", "delivered out"]


async def test_a_long_commit_is_waited_for_and_a_short_one_is_not() -> None:
    bench = Bench()
    bench.producer.delay = 0.03  # four deliveries; the interval is 0.01
    bench.process_chunk(1)
    under_way = asyncio.ensure_future(bench.commit.commit())
    await bench.producer.first_sent.wait()
    await bench.commit.keep_up()
    assert not under_way.done()
    await asyncio.sleep(0.025)
    await bench.commit.keep_up()
    assert bench.producer.events[-1] == "ack"
    await asyncio.wait_for(bench.commit.keep_up(), 0.01)  # none is under way


async def test_a_chunk_is_not_processed_before_a_long_commit_is_done() -> None:
    bench = Bench()
    bench.producer.delay = 0.03
    bench.process_chunk(1)
    under_way = asyncio.ensure_future(bench.commit.commit())
    await asyncio.sleep(0.025)
    await processed(bench)
    assert under_way.done()


async def processed(bench: Bench) -> None:
    """What the application does with a chunk before its handler sees it."""
    app: Any = bench.app
    app.chunk_consumer.begin = lambda message: False

    class Event:
        message = None

    class Stream:
        async def ack(self, event: Any) -> None:
            """Acknowledge nothing."""

    await app._process(None, Stream(), Event())
