"""The application: its tables, its agents of chunks, and what stops it."""

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP

from fraud_stream.broker import free_port
from fraud_stream.engine.app import Chunk, ExactApp
from fraud_stream.engine.broadcast import BroadcastReader
from tests.engine.bench import NumberCodec, Record, make_app, plain_table


class FakeStream:
    """Notes what is acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[Any] = []

    async def ack(self, event: Any) -> bool:
        self.acknowledged.append(event)
        return True


class FakeChunkMessage:
    topic, partition, offset, generation_id = "transactions", 2, 41, 0
    tp = TP("transactions", 2)

    def __init__(self, records: list[Record]) -> None:
        self.value: list[Record] | None = records


class FakeChunkEvent:
    def __init__(self, records: list[Record]) -> None:
        self.value: list[Record] | None = records
        self.message = FakeChunkMessage(records)


class FakeConsumer:
    """Says whether a chunk may begin, and notes that something was dropped."""

    begins, dropped = True, 0

    def __init__(self) -> None:
        self.held: list[Any] = []
        self.given_back: list[Any] = []

    def begin(self, message: Any) -> bool:
        return self.begins

    def drop(self) -> None:
        self.dropped += 1

    def hold(self, message: Any) -> None:
        self.held.append(message)

    def give_back(self, tp: Any) -> None:
        self.given_back.append(tp)


class CalmApp(ExactApp):
    """Notes why it would crash."""

    crashed: BaseException | None = None

    async def crash(self, reason: BaseException) -> None:
        self.crashed = reason


class QuietOutbox:
    """Notes that it is asked to push."""

    pushed = 0

    def push_soon(self) -> None:
        self.pushed += 1


def calm_app() -> CalmApp:
    app = CalmApp(
        "test",
        broker="kafka://127.0.0.1:1",
        autodiscover=[],
        chunk_size=3,
        commit_interval=0.01,
        stuck_after=60.0,
        prepare=lambda: None,
    )
    app.group_commit.outbox = QuietOutbox()  # type: ignore[assignment]
    app._consumer = FakeConsumer()  # type: ignore[assignment]
    return app


def test_tables_are_declared_with_their_rank() -> None:
    app = make_app()
    one = plain_table(app, "one", rank=2)
    two = app.windowed_table("two", rank=0, codec=NumberCodec(), merge=list, partitions=4)
    assert app.group_commit.tables == [[two], [], [one]]
    assert app.tables["one"] is one
    assert one.clock is two.clock is app.clock


def test_two_tables_cannot_have_one_name() -> None:
    app = make_app()
    plain_table(app, "one")
    with pytest.raises(ValueError, match="already exists"):
        plain_table(app, "one")


def test_an_agent_of_chunks_is_named_after_its_function_and_reads_its_topic_raw() -> None:
    app = make_app()

    @app.chunk_agent("transactions", partitions=4)
    async def detection(chunk: Chunk) -> None:
        """Decide a chunk."""

    assert app.chunk_topics == {"transactions"}
    assert list(app.agents) == [detection.name]
    assert "detection" in detection.name
    assert detection.channel.get_topic_name() == "transactions"
    assert (detection.channel.partitions, detection.channel.value_serializer) == (4, "raw")
    assert detection.fun.__doc__ == "Decide a chunk."


async def test_a_chunk_that_was_processed_is_acknowledged_by_the_next_commit() -> None:
    app, stream, records = calm_app(), FakeStream(), [Record(0, b"k", b"v")]
    event = FakeChunkEvent(records)
    seen: list[Chunk] = []

    async def handler(chunk: Chunk) -> None:
        seen.append(chunk)

    await app._process(handler, stream, event)
    (chunk,) = seen
    assert (chunk.topic, chunk.partition, chunk.records) == ("transactions", 2, records)
    assert stream.acknowledged == []
    (acknowledge,) = app.group_commit._done
    await acknowledge()
    assert stream.acknowledged == [event]
    assert app.group_commit.outbox.pushed == 1  # type: ignore[attr-defined]


async def test_the_records_of_a_chunk_are_not_kept_until_it_is_acknowledged() -> None:
    app, event = calm_app(), FakeChunkEvent([Record(0, b"k", b"v")])

    async def handler(chunk: Chunk) -> None: ...

    await app._process(handler, FakeStream(), event)
    assert (event.value, event.message.value) == (None, None)


async def test_between_two_chunks_whoever_else_waits_has_a_turn() -> None:
    app, seen = calm_app(), []

    async def handler(chunk: Chunk) -> None:
        seen.append("chunk")

    async def chunks() -> None:
        for _ in range(2):
            await app._process(handler, FakeStream(), FakeChunkEvent([]))

    running = asyncio.ensure_future(chunks())
    await asyncio.sleep(0)
    seen.append("another")
    await running
    assert seen == ["chunk", "another", "chunk"]


async def test_a_chunk_that_its_handler_holds_is_not_acknowledged() -> None:
    app, stream = calm_app(), FakeStream()

    async def handler(chunk: Chunk) -> None:
        chunk.held = True

    event = FakeChunkEvent([])
    await app._process(handler, stream, event)
    assert app.group_commit._done == []
    assert app.chunk_consumer.held == [event.message]  # type: ignore[attr-defined]


async def test_a_chunk_that_is_given_back_is_not_waited_for_and_not_settled() -> None:
    app, stream, event = calm_app(), FakeStream(), FakeChunkEvent([])

    async def handler(chunk: Chunk) -> None:
        chunk.held = True
        await chunk.give_back()

    await app._process(handler, stream, event)
    assert stream.acknowledged == [event]
    assert app.chunk_consumer.given_back == [event.message.tp]  # type: ignore[attr-defined]
    assert app.settled("transactions", 2) == 0


@pytest.mark.parametrize(("generation", "settled"), [(0, 42), (1, 0)])
async def test_what_is_acknowledged_in_its_generation_is_settled(generation: int, settled: int) -> None:
    app, event = calm_app(), FakeChunkEvent([])
    event.message.generation_id = generation  # type: ignore[misc]

    async def handler(chunk: Chunk) -> None: ...

    await app._process(handler, FakeStream(), event)
    assert app.settled("transactions", 2) == 0
    await app.group_commit._done[0]()
    assert app.settled("transactions", 2) == settled


async def test_what_is_committed_is_settled_whoever_did_it() -> None:
    app = calm_app()
    app.note_settled({TP("labels", 1): 7, TP("labels", 2): None})
    app.note_settled({TP("labels", 1): 5})
    assert [app.settled("labels", partition) for partition in range(3)] == [0, 7, 0]


async def test_a_chunk_that_is_not_the_next_is_not_processed_and_commits_nothing() -> None:
    app, stream, event = calm_app(), FakeStream(), FakeChunkEvent([Record(0, b"k", b"v")])
    app.chunk_consumer.begins = False  # type: ignore[attr-defined]

    async def handler(chunk: Chunk) -> None:
        raise AssertionError(f"processed {chunk}")

    await app._process(handler, stream, event)
    assert stream.acknowledged == [event]  # Faust must not wait for it; the consumer knows that it is not done
    assert app.group_commit._done == []


def test_what_faust_clears_from_its_queues_is_fetched_again() -> None:
    app = calm_app()
    queues = [app.topic(name).queue for name in ("transactions", "labels")]
    for n, queue in enumerate(queues, 1):
        queue.put_nowait("a chunk")
        app.flow_control.resume()
        assert queue.empty()
        assert app.chunk_consumer.dropped == n  # type: ignore[attr-defined]


def test_nothing_is_fetched_again_where_there_was_nothing_to_clear() -> None:
    """At the end of each recovery Faust clears its queues: what was processed meanwhile must not be done again."""
    app = calm_app()
    assert app.topic("transactions").queue.empty()
    app.flow_control.resume()
    assert app.chunk_consumer.dropped == 0  # type: ignore[attr-defined]


def test_queues_are_cleared_before_there_is_a_consumer() -> None:
    app = make_app()
    app.topic("transactions").queue.put_nowait("a chunk")
    app.flow_control.resume()
    assert app._consumer is None


def test_a_topic_has_one_agent_of_chunks() -> None:
    app = make_app()

    async def detection(chunk: Chunk) -> None: ...

    app.chunk_agent("transactions", partitions=4)(detection)
    with pytest.raises(ValueError, match="has an agent of chunks already"):
        app.chunk_agent("transactions", partitions=4)


async def test_a_handler_that_fails_stops_the_worker_and_all_writing() -> None:
    app, stream, error = calm_app(), FakeStream(), ValueError("a bug")

    async def handler(chunk: Chunk) -> None:
        raise error

    with pytest.raises(ValueError, match="a bug"):
        await app._process(handler, stream, FakeChunkEvent([]))
    assert app.crashed is error
    assert app.group_commit.failed is error
    assert (app.group_commit._done, app.group_commit.outbox.pushed) == ([], 0)  # type: ignore[attr-defined]


async def test_a_taken_web_port_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        app = calm_app()
        app.conf.web_bind, app.conf.web_port = taken.getsockname()
        with pytest.raises(SystemExit):
            await app._prepare_or_exit()
        told = f"cannot start: pages cannot be served at 127.0.0.1:{app.conf.web_port}: Address already in use"
        assert told in caplog.text


async def test_a_worker_without_pages_needs_no_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        app = calm_app()
        app.conf.web_enabled = False
        app.conf.web_bind, app.conf.web_port = taken.getsockname()
        await app._prepare_or_exit()


async def test_a_free_web_port_stays_free() -> None:
    app = calm_app()
    app.conf.web_bind, app.conf.web_port = "127.0.0.1", free_port()
    for _ in range(2):
        await app._prepare_or_exit()


def test_topics_that_are_read_whole_have_a_reader() -> None:
    app = make_app()
    reader = app.read_whole("models", print)
    assert isinstance(reader, BroadcastReader)
    assert (reader.topic, app._readers) == ("models", [reader])


async def test_what_prepares_and_fails_stops_the_worker() -> None:
    def fail() -> None:
        raise ConnectionError("no broker")

    with pytest.raises(SystemExit) as caught:
        await make_app(prepare=fail)._prepare_or_exit()
    assert caught.value.code == 1


def test_only_the_modules_that_are_named_are_imported() -> None:
    assert make_app(autodiscover=["agents", "tables"], origin="fraud_stream")._discovery_modules() == [
        "agents",
        "tables",
    ]


@pytest.fixture
def broken_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "broken_house"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "agent.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "broken_house", raising=False)
    return "broken_house"


def test_a_module_that_cannot_be_imported_stops_the_worker(broken_module: str) -> None:
    app = make_app(autodiscover=[broken_module])
    with pytest.raises(ImportError) as caught:
        app.discover()
    assert "broken_house" in str(caught.value) or "no_such_module" in str(caught.value)


def test_the_group_commit_is_one_and_the_same() -> None:
    app = make_app()
    assert app.group_commit is app.group_commit


async def test_no_commit_begins_once_the_tables_are_about_to_close_for_good() -> None:
    """A commit in the middle of it would open a store again that has just been closed."""
    app = make_app()
    waited: list[str] = []

    class Consumer:
        async def wait_empty(self) -> None:
            waited.append("empty")

    await app._consumer_wait_empty(Consumer(), app.log)
    assert waited == ["empty"]
    assert not app.group_commit._closed  # a rebalance: the worker goes on
    app._stopped.set()
    await app._consumer_wait_empty(Consumer(), app.log)
    assert app.group_commit._closed


async def test_changelogs_are_made_at_the_start_long_before_the_group_is_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app: Any = make_app()
    table = plain_table(app)
    happened: list[str] = []

    def noting(what: str) -> Any:
        async def note(*_: Any) -> None:
            happened.append(what)

        return note

    monkeypatch.setattr(faust.App, "on_start", noting("start"))
    monkeypatch.setattr(app, "_prepare_or_exit", noting("prepare"))
    monkeypatch.setattr(app, "maybe_start_producer", noting("producer"))
    monkeypatch.setattr(table.changelog_topic, "declare", noting("changelog"))
    monkeypatch.setattr(app, "add_runtime_dependency", noting("service"))
    await app.on_start()
    assert happened == ["start", "prepare", "producer", "changelog", "service", "service"]


def test_a_process_may_stand_still_for_its_session_less_the_last_heartbeat() -> None:
    """The broker counts a session from the last heartbeat that it has heard."""
    app = ExactApp(
        "lease",
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        chunk_size=1,
        commit_interval=1.0,
        stuck_after=60.0,
        prepare=lambda: None,
    )
    assert app.group_commit._lease == 5.0
