"""How Faust and aiokafka behave where tables, windows and the outbox rely on it; names are in `test_contract`."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import aiokafka
import faust
import pytest
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch
from faust import windows
from faust.stores import memory
from faust.streams import current_event
from faust.tables.recovery import Recovery
from faust.types import TP

import fraud_stream.engine
from fraud_stream.engine.consumer import ChunkConsumer
from fraud_stream.engine.outbox import Outbox
from tests.engine.bench import Number, changelog, make_app, plain_table, processing, record

TP0 = TP("transactions", 0)
ENGINE = Path(fraud_stream.engine.__file__).parent

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
