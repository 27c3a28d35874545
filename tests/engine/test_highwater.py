import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from fraud_stream.engine import highwater
from fraud_stream.engine.highwater import FETCH_WAIT_MS, HighwaterThread
from tests.engine.bench import make_app

TP0, TP1, EMPTY = TP("log", 0), TP("log", 1), TP("log", 2)


class FakeConsumer:
    """A consumer without a group: it knows a high watermark once it has fetched often enough."""

    def __init__(self, ends: Mapping[TP, int], fetches: int = 2) -> None:
        self.ends = ends
        self.fetches = fetches
        self.sought: dict[TP, int] = {}
        self.stopped = False

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True

    def assign(self, tps: list[TopicPartition]) -> None:
        self.assigned = tps

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.sought[TP(*tp)] = offset

    async def getmany(self, timeout_ms: int) -> dict[Any, Any]:
        self.fetches -= 1
        await asyncio.sleep(0)
        return {}

    def highwater(self, tp: TopicPartition) -> int | None:
        return None if self.fetches > 0 else self.ends.get(TP(*tp))


def thread_with(
    consumer: FakeConsumer, told: Mapping[TP, int | None], monkeypatch: pytest.MonkeyPatch
) -> HighwaterThread:
    """The thread of an application whose broker answers `told` to ListOffsets."""

    async def list_offsets(_: Any, partitions: list[TP]) -> Mapping[TP, int | None]:
        return {tp: told[tp] for tp in partitions}

    monkeypatch.setattr(AIOKafkaConsumerThread, "_highwaters", list_offsets)
    thread = make_app().consumer._thread  # type: ignore[attr-defined]
    assert isinstance(thread, HighwaterThread)
    monkeypatch.setattr(thread, "_short_lived_consumer", lambda: consumer)
    return thread


async def test_the_end_of_a_topic_is_what_the_fetch_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = FakeConsumer({TP0: 117, TP1: 40})
    thread = thread_with(consumer, {TP0: 18, TP1: 40}, monkeypatch)
    assert await thread._highwaters([TP0, TP1]) == {TP0: 117, TP1: 40}
    assert consumer.sought == {TP0: 17, TP1: 39}
    assert consumer.stopped


@pytest.mark.parametrize("end", [0, None])
async def test_a_topic_without_records_is_not_fetched(end: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = FakeConsumer({TP0: 117})
    thread = thread_with(consumer, {TP0: 18, EMPTY: end}, monkeypatch)
    assert await thread._highwaters([TP0, EMPTY]) == {TP0: 117, EMPTY: end}
    assert consumer.sought.keys() == {TP0}
    assert await thread._highwaters([EMPTY]) == {EMPTY: end}


async def test_a_broker_that_does_not_answer_is_told_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highwater, "PATIENCE", 0.05)
    consumer = FakeConsumer({TP0: 117}, fetches=10**9)
    thread = thread_with(consumer, {TP0: 18}, monkeypatch)
    began = time.monotonic()
    with pytest.raises(KafkaTimeoutError, match="no high watermark"):
        await thread._highwaters([TP0])
    assert time.monotonic() - began < 5
    assert consumer.stopped


class CancelledConsumer(FakeConsumer):
    """aiokafka's consumer without a group that is stopped right after its start."""

    async def stop(self) -> None:
        raise asyncio.CancelledError


async def test_aiokafkas_own_cancellation_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = thread_with(CancelledConsumer({TP0: 117}), {TP0: 18}, monkeypatch)
    assert await thread._highwaters([TP0]) == {TP0: 117}


class SlowToStop(FakeConsumer):
    async def stop(self) -> None:
        await asyncio.sleep(10)


async def test_a_real_cancellation_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = thread_with(SlowToStop({TP0: 117}), {TP0: 18}, monkeypatch)
    task = asyncio.ensure_future(thread._highwaters([TP0]))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_fetch_of_quiet_partitions_does_not_keep_the_busy_ones_waiting() -> None:
    app = make_app()
    consumer = app.consumer._thread._create_worker_consumer(app.transport)  # type: ignore[attr-defined]
    consumer._closed = True  # it was never started; else it would warn
    assert consumer._fetch_max_wait_ms == FETCH_WAIT_MS


async def test_the_short_lived_consumer_has_no_group_and_commits_nothing() -> None:
    consumer = make_app().consumer._thread._short_lived_consumer()  # type: ignore[attr-defined]
    consumer._closed = True  # it was never started; else it would warn
    assert (consumer._group_id, consumer._enable_auto_commit) == (None, False)
