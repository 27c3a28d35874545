"""What reading alone costs: consumers that parse each transaction and do nothing with it."""

import asyncio
import os
import sys

import aiokafka
import confluent_kafka

from fraud_stream.domain.intake import Intake

read = Intake().read
SERVERS = os.environ.get("FRAUD_STREAM_BROKER_URL", "").removeprefix("kafka://")

#: They are done in a second: what they have read must be told more often than that.
COMMIT_MS = 50


async def with_aiokafka() -> None:
    """Read with aiokafka, which Faust uses."""
    consumer = aiokafka.AIOKafkaConsumer(
        "transactions",
        bootstrap_servers=SERVERS,
        group_id="aiokafka",
        auto_offset_reset="earliest",
        auto_commit_interval_ms=COMMIT_MS,
    )
    async with consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    read(record.value)


def with_confluent() -> None:
    """Read with confluent-kafka."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": SERVERS,
            "group.id": "confluent",
            "auto.offset.reset": "earliest",
            "auto.commit.interval.ms": COMMIT_MS,
        }
    )
    consumer.subscribe(["transactions"])
    while True:
        for message in consumer.consume(1_000, 0.1):
            read(message.value())


if __name__ == "__main__":
    asyncio.run(with_aiokafka()) if sys.argv[1] == "aiokafka" else with_confluent()
