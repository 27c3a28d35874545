"""What retention has taken of a topic before it was read."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import PATIENCE

#: Seconds after which a partition is asked again where it begins: transactions may leave a gap behind each record.
_ASK_AGAIN = 1.0


class Gone(NamedTuple):
    """Records that were to be read, and are no longer there.

    Attributes:
        topic: Their topic.
        partition: Their partition.
        first: The offset of the first.
        records: How many.
    """

    topic: str
    partition: int
    first: int
    records: int

    def __str__(self) -> str:
        return (
            f"{self.records:,} records of topic {self.topic!r}, partition {self.partition} (offsets {self.first} to "
            f"{self.first + self.records - 1}), were deleted by its retention before they were read, and are missing "
            "from now on"
        )


#: What to do about it.
ADVICE = "run it more often, or have the topic keep its records for longer (retention.ms)"


class Retention:
    """Notices what retention took, between two runs or in one.

    Args:
        consumer: What reads.
        places: By partition the offset that is to be read first; what was before the others nobody knows.
        tell: Called with what is gone, before the message behind it is given.
    """

    def __init__(self, consumer: Consumer, places: Mapping[int, int], tell: Callable[[Gone], object]) -> None:
        self._consumer, self._tell = consumer, tell
        self._expected = dict(places)
        self._asked: dict[int, tuple[float, int]] = {}

    def look(self, message: Any) -> None:
        """Look at the next message; a gap before it is asked about, as compaction and transactions leave gaps, too.

        Raises:
            BrokerError: The broker does not answer.
        """
        partition, offset = message.partition(), message.offset()
        place = self._expected.get(partition, -1)
        self._expected[partition] = offset + 1
        if 0 <= place < offset:
            records = min(self._oldest(message), offset) - place
            if records > 0:
                self._tell(Gone(message.topic(), partition, place, records))

    def _oldest(self, message: Any) -> int:
        """The offset from which on the broker has a message's partition."""
        partition, now = message.partition(), time.monotonic()
        asked_at, oldest = self._asked.get(partition, (-math.inf, 0))
        if now - asked_at >= _ASK_AGAIN:
            oldest = self._ask(message.topic(), partition)
            self._asked[partition] = now, oldest
        return oldest

    def _ask(self, topic: str, partition: int) -> int:
        try:
            return int(self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=PATIENCE)[0])
        except KafkaException as error:
            raise BrokerError(f"the broker does not say where {topic!r} begins: {error.args[0].str()}") from None
