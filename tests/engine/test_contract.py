"""What the engine relies on in Faust, mode and aiokafka beyond their public interfaces.

If a test here fails after an upgrade, the engine module it names has to be looked at before anything else.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import aiokafka
import faust
import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from faust.serializers.schemas import Schema
from faust.stores import memory, rocksdb
from faust.streams import Stream
from faust.tables.base import Collection
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service
from mode.utils.queues import FlowControlEvent

import fraud_stream.engine
from fraud_stream.engine.app import ExactApp
from fraud_stream.engine.broadcast import BroadcastReader
from fraud_stream.engine.commit import GroupCommit
from fraud_stream.engine.consumer import ChunkConsumer
from fraud_stream.engine.panes import WindowedTable
from fraud_stream.engine.store import MemoryStore
from fraud_stream.engine.table import ExactTable
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
    Reliance("consumer", ThreadDelegateConsumer, "_getmany", "self active_partitions timeout"),
    Reliance("consumer", Consumer, "_add_gap", "self tp offset_from offset_to"),
    Reliance("consumer", Consumer, "_new_offset", "self tp"),
    Reliance("consumer", Consumer, "_filter_committable_offsets", "self tps"),
    Reliance("consumer", Consumer, "_drain_messages", "self fetcher"),
    Reliance("consumer", Consumer, "_to_message", "self tp record"),
    Reliance("consumer", Consumer, "perform_seek", "self"),
    Reliance("consumer", Consumer, "seek_wait", "self partitions"),
    Reliance("consumer", Consumer, "ack", "self message"),
    Reliance("consumer", driver.Consumer, "highwater", "self tp"),
    Reliance("consumer", Consumer, "_is_changelog_tp", "self tp"),
    Reliance("consumer", FlowControlEvent, "__init__", "self * initially_suspended loop"),
    Reliance("consumer", FlowControlEvent, "clear", "self"),
    Reliance("consumer", FlowControlEvent, "_queues"),
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
    Reliance("table", Recovery, "revoke", "self tp"),
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
    Reliance("app", faust.App, "_consumer_wait_empty", "self consumer logger"),
    Reliance("app", Stream, "noack", "self"),
    Reliance("app", Stream, "ack", "self event"),
    Reliance("app", Stream, "events", "self"),
    # outbox.py, commit.py, broadcast.py, watchdog.py
    Reliance("outbox", driver.Producer, "_producer"),
    Reliance("outbox", aiokafka.AIOKafkaProducer, "create_batch", "self"),
    Reliance("outbox", aiokafka.AIOKafkaProducer, "send_batch", "self batch topic * partition"),
    Reliance("outbox", BatchBuilder, "append", "self * timestamp key value headers"),
    Reliance("outbox", BatchBuilder, "close", "self"),
    Reliance("commit", Service, "task"),
    Reliance("watchdog", Service, "_crash", "self reason"),
    Reliance("broadcast", Service, "on_start", "self"),
    Reliance("broadcast", Service, "on_stop", "self"),
    Reliance("broadcast", Service, "add_future", "self coro"),
]
#: What exists only on instances, by the engine module that reads or sets it.
ATTRIBUTES = {
    "_acked": "consumer",
    "_acked_index": "consumer",
    "_committed_offset": "consumer",
    "_read_offset": "consumer",
    "_buffered_partitions": "consumer",
    "_changelogs": "consumer",
    "_consumer": "app",
    "_fetch_max_wait_ms": "highwater",
    "_client": "fetching",
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
    documented = {"_exit"}  # of Python's os: public, for all its underscore
    known = own_names() | {one.name for one in CONTRACT} | ATTRIBUTES.keys() | documented
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
