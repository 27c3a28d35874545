"""How Faust and aiokafka behave where chunks and seeks rely on it; what they are called is in `test_contract`."""

import asyncio
import inspect
from pathlib import Path
from typing import Any

import aiokafka
from aiokafka.protocol.fetch import FetchRequest
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer
from faust.types import TP, ConsumerMessage
from mode.utils.queues import FlowControlEvent, FlowControlQueue

import fraud_stream.engine
from fraud_stream.engine.consumer import ChunkConsumer
from fraud_stream.engine.fetching import fetch_more
from fraud_stream.engine.highwater import FETCH_WAIT_MS, HighwaterThread
from tests.engine.bench import make_app, plain_table
from tests.engine.fetches import consumer_of

TP0 = TP("transactions", 0)
ENGINE = Path(fraud_stream.engine.__file__).parent

# -- consumer.py


async def test_a_consumer_keeps_what_was_read_and_acknowledged_by_partition() -> None:
    consumer: Any = make_app().consumer
    assert consumer._read_offset[TP0] is None
    assert consumer._acked[TP0] == []
    assert consumer._acked_index[TP0] == set()
    assert consumer._buffered_partitions == set()
    assert consumer.flow_active is True


async def test_an_acknowledged_message_is_noted_with_its_offset() -> None:
    consumer = consumer_of()
    message = ConsumerMessage("transactions", 0, 41, 0.0, 0, [], None, None, None, 0, 0, TP0, generation_id=3)
    consumer.app.topics = AckEverything()
    assert consumer.ack(message)
    assert (consumer._acked[TP0], consumer._acked_index[TP0]) == ([41], {41})
    assert (message.tp, message.offset, message.generation_id) == (TP0, 41, 3)


class AckEverything:
    def acks_enabled_for(self, topic: str) -> bool:
        return True


async def test_faust_itself_commits_only_up_to_the_first_chunk_and_remembers_every_gap() -> None:
    """Why `_new_offset` and `_add_gap` are overridden: a chunk steps over offsets."""
    consumer = consumer_of()
    consumer._acked[TP0] = [2, 5]
    assert Consumer._new_offset(consumer, TP0) == 3
    await Consumer._add_gap(consumer, TP0, 1, 100_000)
    assert consumer._gap[TP0]


class FetchOnce(ChunkConsumer):
    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - as Faust
        return {TP0: ["record"]}


async def test_the_next_records_come_with_the_partitions_that_are_active() -> None:
    consumer: Any = consumer_of()
    consumer.__class__ = FetchOnce
    consumer._active_partitions = {TP0}
    assert await consumer._wait_next_records(1.0) == ({TP0: ["record"]}, {TP0})


async def test_a_stopped_flow_is_told_and_its_records_wait() -> None:
    consumer: Any = consumer_of()
    consumer.stop_flow()
    assert consumer.flow_active is False
    consumer.resume_flow()
    assert consumer.flow_active is True


class SeekingConsumer(ChunkConsumer):
    async def seek_to_committed(self) -> dict[TP, int]:
        return {TP0: 17}


async def test_a_seek_sets_what_is_read_next() -> None:
    """`_chunks` leaves out what lies before it, and not what lies at it."""
    consumer: Any = consumer_of()
    consumer.__class__ = SeekingConsumer
    await consumer.perform_seek()
    assert (consumer._read_offset[TP0], consumer._committed_offset[TP0]) == (17, 17)


def test_the_tables_are_known_by_their_changelogs() -> None:
    app = make_app()
    table = plain_table(app)
    assert isinstance(app.tables, TableManager)
    assert app.tables._changelogs == {"test-plain-changelog": table}


async def test_faust_clears_its_queues_when_it_resumes_them() -> None:
    """Why `ChunkFlow` is there: the consumer may have filled them again before."""
    flow = FlowControlEvent()
    queue: FlowControlQueue[int] = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    queue.put_nowait(1)
    assert list(flow._queues) == [queue]
    flow.resume()
    assert queue.empty()
    assert make_app().topic("t").queue._clear_on_resume is True


# -- highwater.py


class UncommittedConsumer:
    """aiokafka's consumer, with something committed in one partition of two, and a changelog."""

    def __init__(self) -> None:
        self.begun: list[TP] = []

    async def seek_to_committed(self) -> dict[TP, int | None]:
        return {TP0: None, TP("transactions", 1): 0, TP("transactions", 2): 9, TP("test-plain-changelog", 0): None}

    async def seek_to_beginning(self, *partitions: TP) -> None:
        self.begun += partitions


async def test_where_nothing_is_committed_a_seek_goes_to_the_beginning() -> None:
    """aiokafka would go on reading where it is."""
    consumer: Any = consumer_of()
    made = consumer._thread._consumer = UncommittedConsumer()
    consumer._thread.__class__ = DirectThread
    assert (await consumer.seek_to_committed())[TP("transactions", 2)] == 9
    assert made.begun == [TP0, TP("transactions", 1)]
    source = inspect.getsource(aiokafka.AIOKafkaConsumer.seek_to_committed)
    assert "if offset and offset > 0:" in source, "highwater.py does what this leaves out"


class DirectThread(HighwaterThread):
    """Calls at once what a thread of its own would call."""

    async def call_thread(self, fun: Any, *args: Any, **kwargs: Any) -> Any:
        return await fun(*args, **kwargs)

    async def _highwaters(self, partitions: list[TP]) -> dict[TP, int]:
        return {TP(*tp): 117 for tp in partitions}


async def test_recovery_asks_the_thread_for_the_ends_of_changelogs() -> None:
    consumer: Any = make_app().consumer
    consumer._thread.__class__ = DirectThread
    assert await consumer.highwaters(TP0) == {TP0: 117}


async def test_the_workers_consumer_is_made_by_the_method_that_is_overridden() -> None:
    consumer: Any = make_app().consumer
    made = consumer._thread._create_consumer(loop=asyncio.get_running_loop())
    made._closed = True  # it was never started; else it would warn
    assert made._fetch_max_wait_ms == FETCH_WAIT_MS
    source = inspect.getsource(aiokafka.AIOKafkaConsumer.start)
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in source, (
        "fraud_stream/engine/highwater.py sets it before the start"
    )


async def test_some_topics_are_fetched_in_larger_pieces() -> None:
    sent: list[Any] = []

    class Client:
        async def send(self, node: int, request: Any, **_: Any) -> str:
            sent.append((node, request))
            return "answer"

    class Consumer:
        _client = Client()

    consumer = Consumer()
    fetch_more(consumer, {"large": 8_000})
    request = FetchRequest(20, 1, 1_000_000, 0, [("large", [(0, 5, 100)]), ("small", [(1, 6, 100), (2, 7, 100)])])
    assert await consumer._client.send(3, request) == "answer"
    assert sent[0][0] == 3
    assert sent[0][1].topics == [("large", [(0, 5, 8_000)]), ("small", [(1, 6, 100), (2, 7, 100)])]
    assert "_client.send(node_id, request)" in inspect.getsource(aiokafka.consumer.fetcher.Fetcher)
