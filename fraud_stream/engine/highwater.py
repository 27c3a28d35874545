"""The end of a topic as the fetch tells it.

The embedded broker (Tansu 0.6.0) answers ListOffsets(latest) with the base offset of the last batch + 1, so a recovery
would end too early.  The high watermark of a fetch is right on every broker; asking for it takes about 10 ms.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from faust.transport.drivers.aiokafka import (
    AIOKafkaConsumerThread,
    Transport,
    credentials_to_aiokafka_auth,
    server_list,
)
from faust.types import TP

from fraud_stream.engine.fetching import fetch_more

#: Seconds that the broker may take.
PATIENCE = 10.0
#: Milliseconds that a fetch may wait at the broker for the first record.
FETCH_WAIT_MS = 20


class HighwaterThread(AIOKafkaConsumerThread):
    """Faust's consumer thread with true high watermarks, and fetches that do not keep others waiting."""

    app: Any

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        """Faust lets a fetch wait 1.5 s at the broker.

        aiokafka has one fetch at a time under way to a broker, for the partitions that have nothing buffered: a fetch
        of quiet partitions would keep the busy ones waiting for so long.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        fetch_more(consumer, self.app.fetch_sizes)
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go back to what is committed, or where nothing is, to the beginning: there aiokafka would go on reading."""
        sought: Mapping[TP, int] = await self.call_thread(self._seek_to_committed)
        return sought

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        committed: Mapping[TP, int] = await consumer.seek_to_committed()
        unread = [tp for tp, offset in committed.items() if not offset and tp.topic in self.app.chunk_topics]
        if unread and self.app.conf.consumer_auto_offset_reset == "earliest":
            await asyncio.wait_for(consumer.seek_to_beginning(*unread), PATIENCE)
        return committed

    async def _highwaters(self, partitions: list[TP]) -> Mapping[TP, int]:
        told: Mapping[TP, int] = await super()._highwaters(partitions)
        written = [tp for tp in partitions if told.get(tp)]
        return {**told, **await self._fetched_highwaters(written, told)} if written else told

    async def _fetched_highwaters(self, tps: list[TP], told: Mapping[TP, int]) -> dict[TP, int]:
        consumer = self._short_lived_consumer()
        await consumer.start()
        try:
            consumer.assign([TopicPartition(tp.topic, tp.partition) for tp in tps])
            for tp in tps:
                consumer.seek(TopicPartition(tp.topic, tp.partition), max(0, told[tp] - 1))
            return await asyncio.wait_for(_read_highwaters(consumer, tps), PATIENCE)
        except TimeoutError:
            raise KafkaTimeoutError(f"no high watermark within {PATIENCE:.0f} s of {tps}") from None
        finally:
            await _stop(consumer)

    def _short_lived_consumer(self) -> aiokafka.AIOKafkaConsumer:
        conf, transport = self.app.conf, cast(Transport, self.transport)
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=server_list(transport.url, transport.default_port),
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=65_536,
            **credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )


async def _read_highwaters(consumer: Any, tps: list[TP]) -> dict[TP, int]:
    found: dict[TP, int] = {}
    while len(found) < len(tps):
        await consumer.getmany(timeout_ms=100)
        for tp in tps:
            highwater = consumer.highwater(TopicPartition(tp.topic, tp.partition))
            if highwater is not None:
                found[tp] = highwater
    return found


async def _stop(consumer: Any) -> None:
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) and task.cancelling():
            raise  # otherwise it is aiokafka's own: a consumer without a group that stops right after its start
