"""Larger fetches of some topics.

aiokafka asks for as many bytes of each partition, and for the next of all only when all that came is processed.  So of
a topic with large records too few come along while small ones are plenty, and whoever reads it falls behind.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka.protocol.fetch import FetchRequest


def fetch_more(consumer: Any, sizes: Mapping[str, int]) -> None:
    """Have an aiokafka consumer ask for so many bytes of a partition.

    Args:
        consumer: The consumer.
        sizes: The bytes by topic; others are fetched as the consumer is set.
    """
    send = consumer._client.send

    async def send_sized(node: int, request: Any, **options: Any) -> Any:
        if isinstance(request, FetchRequest):
            for topic, partitions in request.topics:
                if topic in sizes:
                    partitions[:] = [(partition, offset, sizes[topic]) for partition, offset, _ in partitions]
        return await send(node, request, **options)

    consumer._client.send = send_sized
