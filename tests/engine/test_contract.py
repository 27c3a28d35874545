"""What the engine relies on in Faust, mode and aiokafka beyond their public interfaces.

If a test here fails after an upgrade, the engine module it names has to be looked at before anything else.
"""

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import aiokafka
import faust
import pytest
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch
from faust import windows
from faust.serializers.schemas import Schema
from faust.stores import memory, rocksdb
from faust.streams import Stream, current_event
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service
from mode.utils.queues import FlowControlEvent, FlowControlQueue

import fraud_stream.engine
from fraud_stream.engine.app import ExactApp
from fraud_stream.engine.broadcast import BroadcastReader
from fraud_stream.engine.commit import GroupCommit
from fraud_stream.engine.consumer import ChunkConsumer
from fraud_stream.engine.highwater import FETCH_WAIT_MS, HighwaterThread
from fraud_stream.engine.outbox import Outbox
from fraud_stream.engine.panes import WindowedTable
from fraud_stream.engine.store import MemoryStore
from fraud_stream.engine.table import ExactTable
from tests.engine.test_consumer import consumer_of
from tests.engine.test_table import Number, changelog, make_app, plain_table, processing, record
from tests.harness import ROOT

TP0 = TP("transactions", 0)
ENGINE = Path(fraud_stream.engine.__file__).parent


class Reliance(NamedTuple):
    """A module of the engine relies on `name` of `owner` having these parameters; None for what is no function."""

    module: str
    owner: Any
    name: str
    parameters: str | None = None


CONTRACT = [
    # consumer.py: delivery in chunks
    Reliance("consumer", Schema, "loads_key", "self app message * loads serializer"),
    Reliance("consumer", Schema, "loads_value", "self app message * loads serializer"),
    Reliance("consumer", ThreadDelegateConsumer, "_new_consumer_thread", "self"),
    Reliance("consumer", Consumer, "getmany", "self timeout"),
    Reliance("consumer", Consumer, "_wait_next_records", "self timeout"),
    Reliance("consumer", Consumer, "_add_gap", "self tp offset_from offset_to"),
    Reliance("consumer", Consumer, "_new_offset", "self tp"),
    Reliance("consumer", Consumer, "_filter_committable_offsets", "self tps"),
    Reliance("consumer", Consumer, "_drain_messages", "self fetcher"),
    Reliance("consumer", Consumer, "_to_message", "self tp record"),
    Reliance("consumer", Consumer, "perform_seek", "self"),
    Reliance("consumer", Consumer, "ack", "self message"),
    Reliance("consumer", driver.Consumer, "highwater", "self tp"),
    Reliance("consumer", Consumer, "_is_changelog_tp", "self tp"),
    Reliance("consumer", FlowControlEvent, "__init__", "self * initially_suspended loop"),
    Reliance("consumer", FlowControlEvent, "clear", "self"),
    Reliance("consumer", driver.Transport, "Consumer"),
    Reliance("consumer", driver.AIOKafkaConsumerThread, "__init__", "self consumer **kwargs"),
    # highwater.py: the ends of changelogs, and short fetches
    Reliance("highwater", driver.AIOKafkaConsumerThread, "_create_consumer", "self loop"),
    Reliance("highwater", driver.AIOKafkaConsumerThread, "_create_worker_consumer", "self transport"),
    Reliance("highwater", driver.AIOKafkaConsumerThread, "_highwaters", "self partitions"),
    Reliance("highwater", driver, "server_list", "urls default_port"),
    Reliance("highwater", driver, "credentials_to_aiokafka_auth", "credentials ssl_context"),
    Reliance("highwater", driver.AIOKafkaConsumerThread, "seek_to_committed", "self"),
    Reliance("highwater", driver.AIOKafkaConsumerThread, "_ensure_consumer", "self"),
    Reliance("highwater", aiokafka.AIOKafkaConsumer, "seek_to_committed", "self partitions"),
    Reliance("highwater", aiokafka.AIOKafkaConsumer, "seek_to_beginning", "self partitions"),
    # table.py and panes.py: values by partition, windows as panes
    Reliance("table", Collection, "info", "self"),
    Reliance("table", Collection, "partition_for_key", "self key"),
    Reliance("table", Collection, "persisted_offset", "self tp"),
    Reliance("table", Collection, "apply_changelog_batch", "self batch"),
    Reliance("table", Collection, "on_rebalance", "self assigned revoked newly_assigned generation_id"),
    Reliance("table", Collection, "on_recovery_completed", "self active_tps standby_tps"),
    Reliance("table", Collection, "changelog_topic_name"),
    Reliance("table", Collection, "_new_store_by_url", "self url"),
    Reliance("panes", Collection, "_new_changelog_topic", "self * retention compacting deleting"),
    Reliance("table", Collection, "_del_old_keys", "self"),
    Reliance("table", faust.Table, "__missing__", "self key"),
    Reliance("panes", faust.Table, "using_window", "self window * key_index"),
    Reliance("panes", faust.Table, "_get_key", "self key"),
    Reliance("panes", faust.Table, "_has_key", "self key"),
    Reliance("panes", faust.Table, "_set_key", "self key value"),
    Reliance("panes", Collection, "_relative_now", "self event"),
    # store.py
    Reliance("store", memory.Store, "__post_init__", "self"),
    Reliance("store", memory.Store, "persisted_offset", "self tp"),
    Reliance("store", memory.Store, "set_persisted_offset", "self tp offset"),
    Reliance("store", memory.Store, "on_recovery_completed", "self active_tps standby_tps"),
    Reliance("store", rocksdb.Store, "_db_for_partition", "self partition"),
    Reliance("store", rocksdb.Store, "_visible_items", "self db"),
    # app.py
    Reliance("app", faust.App, "_new_transport", "self"),
    Reliance("app", faust.App, "flow_control"),
    Reliance("app", faust.App, "_discovery_modules", "self"),
    Reliance("app", faust.App, "_on_autodiscovery_error", "self name"),
    Reliance("app", faust.App, "on_start", "self"),
    Reliance("app", Stream, "noack", "self"),
    Reliance("app", Stream, "ack", "self event"),
    Reliance("app", Stream, "events", "self"),
    # outbox.py, commit.py, broadcast.py
    Reliance("outbox", driver.Producer, "_producer"),
    Reliance("outbox", aiokafka.AIOKafkaProducer, "create_batch", "self"),
    Reliance("outbox", aiokafka.AIOKafkaProducer, "send_batch", "self batch topic * partition"),
    Reliance("outbox", BatchBuilder, "append", "self * timestamp key value headers"),
    Reliance("outbox", BatchBuilder, "close", "self"),
    Reliance("commit", Service, "task"),
    Reliance("broadcast", Service, "on_start", "self"),
    Reliance("broadcast", Service, "on_stop", "self"),
    Reliance("broadcast", Service, "add_future", "self coro"),
]
#: What exists only on instances, by the engine module that reads or sets it.
ATTRIBUTES = {
    "_acked": "consumer",
    "_acked_index": "consumer",
    "_read_offset": "consumer",
    "_buffered_partitions": "consumer",
    "_changelogs": "consumer",
    "_consumer": "app",
    "_fetch_max_wait_ms": "highwater",
    "_dbs": "store",
}
#: Public names that the engine gives another meaning; each is the engine's own as well.
OVERRIDDEN = {"logger", "Consumer", "data"}


def parameters(function: Any) -> str:
    """The parameters as a text, keyword-only ones behind a star."""
    found = []
    for one in inspect.signature(function).parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in found:
            found.append("*")
        found.append(f"**{one.name}" if one.kind is one.VAR_KEYWORD else one.name)
    return " ".join(found)


@pytest.mark.parametrize(
    "reliance", CONTRACT, ids=lambda one: f"{one.module}-{getattr(one.owner, '__name__', one.owner)}.{one.name}"
)
def test_what_the_engine_overrides_and_calls_is_there(reliance: Reliance) -> None:
    where = f"fraud_stream/engine/{reliance.module}.py relies on {reliance.owner.__name__}.{reliance.name}"
    assert hasattr(reliance.owner, reliance.name), f"{where}, which is gone"
    if reliance.parameters is not None:
        found = parameters(getattr(reliance.owner, reliance.name))
        assert found == reliance.parameters, f"{where}({reliance.parameters}); its parameters are now: {found}"


@pytest.mark.parametrize("package", ["faust-streaming", "aiokafka"])
def test_the_versions_are_pinned_to_those_this_was_written_for(package: str) -> None:
    pins = dict(re.findall(r'"([\w-]+)==([\d.]+)"', (ROOT / "pyproject.toml").read_text()))
    assert pins[package] == version(package)


# -- the contract is complete


def engine_trees() -> Iterator[tuple[str, ast.Module]]:
    for path in ENGINE.glob("*.py"):
        yield path.stem, ast.parse(path.read_text())


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def own_names() -> set[str]:
    """Private names that the engine itself gives to something."""
    found = set()
    for _, tree in engine_trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return found


def test_every_private_name_that_the_engine_reads_is_its_own_or_in_this_contract() -> None:
    known = own_names() | {one.name for one in CONTRACT} | ATTRIBUTES.keys()
    for module, tree in engine_trees():
        read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_private(node.attr)}
        assert read <= known, f"fraud_stream/engine/{module}.py reads {read - known}: add it to this contract"


def engine_classes() -> Iterator[type]:
    for module in pkgutil.iter_modules([str(ENGINE)]):
        for found in vars(importlib.import_module(f"fraud_stream.engine.{module.name}")).values():
            if inspect.isclass(found) and found.__module__ == f"fraud_stream.engine.{module.name}":
                yield found


def is_foreign(kind: type) -> bool:
    return kind.__module__.split(".")[0] in {"faust", "mode", "aiokafka"}


@pytest.mark.parametrize("kind", list(engine_classes()), ids=lambda kind: kind.__name__)
def test_nothing_of_the_libraries_is_overridden_by_accident(kind: type) -> None:
    known = {one.name for one in CONTRACT} | OVERRIDDEN
    foreign = [base for base in kind.__mro__ if is_foreign(base)]
    own = {name for name in vars(kind) if not name.startswith("__") and name not in {"_abc_impl", "_tasks"}}
    overridden = {name for name in own if any(name in vars(base) for base in foreign)}
    assert overridden <= known, f"{kind.__name__} overrides {overridden - known}: add it to this contract or rename it"


def assigned(kind: type) -> set[str]:
    """The attributes that the methods of a class give to their object."""
    tree = ast.parse(inspect.getsource(kind))
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    return {node.attr for node in stored if isinstance(node.value, ast.Name) and node.value.id == "self"}


async def test_no_attribute_of_the_libraries_is_set_by_accident() -> None:
    stock = faust.App("stock", broker="kafka://127.0.0.1:1")
    table: Any = stock.Table("plain", partitions=4)
    store: Any = memory.Store("memory://", stock, table)
    ancestors = {ExactApp: stock, ExactTable: table, WindowedTable: table, MemoryStore: store}
    services = {GroupCommit: Service(), BroadcastReader: Service(), ChunkConsumer: stock.consumer}
    for kind, ancestor in {**ancestors, **services}.items():
        assert not assigned(kind) & {*vars(ancestor), *dir(ancestor)}, kind


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


# -- table.py, panes.py and store.py


async def test_recovery_begins_where_the_table_says_it_has_read_to() -> None:
    app = make_app()
    table = plain_table(app)
    table.absorb(changelog(table), [record(41, "k", Number(1, 1))])
    recovery = Recovery(app, app.tables)
    for partition in (0, 1):
        recovery.add_active(table, changelog(table, partition))
        recovery.add_standby(table, changelog(table, partition))
    assert recovery.active_offsets == recovery.standby_offsets == {changelog(table, 0): 41, changelog(table, 1): None}


class SoughtConsumer:
    """Notes where it is sent."""

    sought: dict[TP, int]

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        self.sought = partitions


async def test_recovery_reads_the_record_it_has_read_to_once_more() -> None:
    """`absorb` leaves it out."""
    app = make_app()
    consumer: Any = SoughtConsumer()
    recovery, tp = Recovery(app, app.tables), TP("log", 0)
    await recovery._seek_offsets(consumer, {tp}, {tp: 41}, "active")  # type: ignore[arg-type]
    assert consumer.sought == {tp: 41}


class ChangelogMessage(NamedTuple):
    tp: TP
    offset: int


class ChangelogEvent(NamedTuple):
    message: ChangelogMessage


async def test_recovery_counts_offsets_by_the_last_record_of_a_fetch() -> None:
    app = make_app()
    table = plain_table(app)
    tp, recovery = changelog(table), app.tables.recovery
    recovery.add_active(table, tp)
    recovery.active_offsets[tp], recovery.active_highwaters[tp] = -1, 99
    recovery._set_recovery_started()
    assert recovery.need_recovery()
    app.flow_control.resume()
    await app.tables.changelog_queue.put(ChangelogEvent(ChangelogMessage(tp, 99)))
    slurping = asyncio.ensure_future(recovery._slurp_changelogs(recovery))  # type: ignore[call-arg]
    await asyncio.wait_for(recovery.signal_recovery_end.wait(), 5)
    slurping.cancel()
    assert not recovery.need_recovery()
    assert len(table) == 0


class ProbeTable(faust.Table[Any, Any]):
    """Notes through which methods Faust reads and writes windows."""

    calls: list[tuple[Any, ...]]

    def _get_key(self, key: Any) -> Any:
        self.calls.append(("get", key))
        return 0

    def _has_key(self, key: Any) -> bool:
        self.calls.append(("has", key))
        return True

    def _set_key(self, key: Any, value: Any) -> None:
        self.calls.append(("set", key, value))

    def _relative_now(self, event: Any = None) -> float:
        return 120.0


async def test_faust_reads_and_writes_windows_through_the_methods_that_are_overridden() -> None:
    table = ProbeTable(make_app(), name="probe", partitions=4)
    table.calls = []
    view: Any = table.tumbling(60.0)
    with processing(0, 61.0):
        assert view["k"].current() == 0
        assert view["k"].now() == 0
        assert "k" in view
        view["k"] = 5
    one, two = (60.0, 119.9), (120.0, 179.9)
    assert table.calls == [("get", ("k", one)), ("get", ("k", two)), ("has", ("k", one)), ("set", ("k", one), 5)]


def test_the_current_event_is_a_weak_reference_of_this_context() -> None:
    assert current_event() is None
    with processing(3, 60.0):
        event: Any = current_event()
        assert (event.message.partition, event.message.timestamp) == (3, 60.0)
    assert current_event() is None


async def test_faust_itself_expires_windows_by_the_wall_clock() -> None:
    """Why `_del_old_keys` does nothing: last year's transactions would be gone at once."""
    app = make_app()
    table: Any = faust.Table(app, name="stock", partitions=4)
    table.tumbling(60.0, expires=60.0)
    old, new = ("k", (0.0, 59.9)), ("k", (time.time() + 600.0, time.time() + 660.0))
    for key in (old, new):
        table.data[key] = 1
        table._maybe_set_key_ttl(key, 0)
    await table._del_old_keys()
    assert set(table.data) == {new}


async def test_fausts_own_memory_keeps_no_standby_copies_and_no_offsets() -> None:
    """Why `MemoryStore` overrides both."""
    app = make_app()
    store: Any = memory.Store("memory://", app, plain_table(app))
    store.data.update(active=1, standby=2)
    store._key_partition.update(active=0, standby=1)
    store.set_persisted_offset(TP("log", 0), 7)
    await store.on_recovery_completed({TP("log", 0)}, {TP("log", 1)})
    assert store.data == {"active": 1}
    assert store.persisted_offset(TP("log", 0)) is None


async def test_rocksdb_keeps_a_database_for_each_partition_and_lets_go_of_those_that_left(tmp_path: Path) -> None:
    table = plain_table(make_app(tmp_path, store="rocksdb://"))
    store: Any = table.data
    assert store._dbs == {}
    database = store._db_for_partition(1)
    assert store._dbs == {1: database}
    database.put(b"key", b"value")
    store.set_persisted_offset(TP("log", 1), 7)
    assert list(store._visible_items(database)) == [(b"key", b"value")]
    assert (database.get(b"key"), database.get(b"other")) == (b"value", None)
    store.revoke_partitions(table, {changelog(table, 1)})
    assert store._dbs == {}


# -- windows


def test_a_window_ends_a_tenth_of_a_second_early() -> None:
    assert windows.HoppingWindow(300.0, 60.0, 600.0).ranges(60.0)[0] == (-180.0, 119.9)


def test_the_current_hopping_window_is_the_newest_and_covers_at_most_one_step() -> None:
    hopping = windows.HoppingWindow(300.0, 60.0, 600.0)
    assert hopping.current(1_259.0) == (1_200.0, 1_499.9)
    assert hopping.earliest(1_259.0) == (960.0, 1_259.9)
    assert len(hopping.ranges(1_259.0)) == 5


def test_windows_that_never_expire_say_zero_not_none() -> None:
    """`WindowedTable.using_window` takes both for never."""
    assert windows.TumblingWindow(60.0).expires == 0.0
    assert windows.HoppingWindow(300.0, 60.0).expires == 0.0


@pytest.mark.parametrize(("step", "moment"), [(60.0, 1.7e12), (60.0, 2.0**31 * 60), (1.0, 2.0**31)])
def test_a_huge_time_would_make_billions_of_windows(step: float, moment: float) -> None:
    """Faust counts steps in 32 bits; `ranges` makes a list from the wrong start on. It must never be called so."""
    hopping = windows.HoppingWindow(step, step, 600.0)
    listed = (moment - hopping.earliest(moment)[0]) / step
    assert listed > 1e9
    assert (1.7e9 - hopping.earliest(1.7e9)[0]) / step < 1


# -- app.py


def test_the_applications_transport_is_made_by_the_method_that_is_overridden() -> None:
    app = make_app()
    transport = app._new_transport()
    app._transport = None
    assert type(app.transport) is type(transport)
    assert transport.Consumer is ChunkConsumer


def test_faust_itself_goes_on_without_a_module_that_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why `_on_autodiscovery_error` raises."""
    folder = tmp_path / "half_house"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "agent.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    stock = faust.App("stock", broker="kafka://127.0.0.1:1", autodiscover=["half_house"])
    stock.discover()
    assert "half_house.agent" not in sys.modules
    with pytest.raises(ImportError):
        make_app(autodiscover=["half_house"]).discover()


def test_faust_itself_imports_the_whole_origin() -> None:
    """Why `_discovery_modules` is overridden: the command line must not be imported by a worker."""
    stock = faust.App("stock", broker="kafka://127.0.0.1:1", autodiscover=["agents"], origin="fraud_stream")
    assert set(stock._discovery_modules()) == {"agents", "fraud_stream"}


async def test_the_producers_buffer_has_the_limit_that_is_raised() -> None:
    buffer: Any = make_app().producer.buffer
    assert buffer.max_messages == 100


# -- outbox.py


async def test_the_producer_is_where_the_outbox_looks_for_it() -> None:
    app = make_app()
    assert app.producer._producer is None  # type: ignore[attr-defined]
    producer = object()
    app.producer._producer = producer  # type: ignore[attr-defined]
    assert Outbox(app)._producer is producer


def test_a_batch_takes_its_first_record_whatever_its_size_and_then_what_fits() -> None:
    builder = BatchBuilder(1_000, 0)
    assert builder.append(timestamp=None, key=b"k", value=b"x" * 5_000, headers=[]) is not None
    assert builder.append(timestamp=None, key=b"k", value=b"x", headers=[]) is None
    other = BatchBuilder(1_000, 0)
    taken = [other.append(timestamp=None, key=None, value=b"x" * 300, headers=[]) is not None for _ in range(5)]
    assert taken == [True, True, True, False, False]
    assert other.closed()


def test_a_closed_batch_takes_nothing() -> None:
    builder = BatchBuilder(1_000, 0)
    builder.close()
    assert builder.append(timestamp=None, key=b"k", value=b"v", headers=[]) is None


async def test_a_delivered_batch_tells_the_offset_of_its_first_record() -> None:
    """`settle` remembers it as read to: the rest of the batch is read once more, which changes nothing."""
    builder = BatchBuilder(1_000, 0)
    for _ in range(3):
        builder.append(timestamp=None, key=b"k", value=b"v", headers=[])
    batch = MessageBatch(aiokafka.TopicPartition("log", 1), builder, ttl=10, linger_time=0)
    batch.done(base_offset=17, timestamp=1_000)
    place = await batch.future
    assert (place.topic, place.partition, place.offset) == ("log", 1, 17)
