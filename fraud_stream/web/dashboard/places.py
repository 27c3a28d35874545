"""Where a customer's records are."""

from aiokafka.partitioner import murmur2
from faust.web.exceptions import ServiceUnavailable

from fraud_stream.app import settings
from fraud_stream.web.tables import look_up


async def partition_of(customer: str) -> int:
    """The partition of a customer: where the tables have it, or where its key belongs as long as none has."""
    try:
        found = await look_up("customer_profile", customer)
    except ServiceUnavailable:
        found = None
    return usual_partition(customer, settings.topics.partitions) if found is None else int(found["partition"])


def usual_partition(key: str, partitions: int) -> int:
    """Where Kafka's own partitioner puts a key.

    >>> usual_partition("CUST-00000001", 4)
    0
    """
    return int((murmur2(key.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF) % partitions)
