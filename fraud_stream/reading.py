"""Reading topics in programs outside the worker: whole, many at once, from some place on, or as they grow.

Nobody joins a consumer group, so that nothing is committed and no worker notices.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from fraud_stream.errors import BrokerError
from fraud_stream.kafka import PATIENCE, Trouble, client_config, metadata
from fraud_stream.retention import Gone, Retention
from fraud_stream.sections import BrokerSettings
from fraud_stream.settings import Settings

#: Seconds without a message or an end of a partition after which a reader gives up: brokers may be starting again.
_LONGEST_SILENCE = 30.0
#: Seconds that a broker which was away is given to answer, before it is asked again.
_ONCE = 0.2
#: librdkafka's offset of the end; so many less is so many messages before it.
_TAIL = -2_000
#: Milliseconds until a partition is asked for more once it has as much ahead as its reader may have: a second by
#: default, in which who reads millions has read all of it and waits.
_READ_MUCH = {"fetch.queue.backoff.ms": 10}


def read_all(settings: Settings, topic: str) -> Iterator[Any]:
    """Every message that `topic` holds now, oldest first in each partition, without joining a consumer group.

    Raises:
        BrokerError: There is no such topic, or the broker stops answering.
    """
    return tail(settings, topic)


def read_batches(settings: Settings, topic: str, since: float = 0.0) -> Iterator[list[Any]]:
    """The messages of `read_all`, thousands at once, for who has millions to read.

    A message may come twice where its broker does not know the topic for a moment.

    Args:
        settings: Where the broker is.
        topic: The topic to read.
        since: What was written before is left out where the broker can tell, seconds since 1970.

    Raises:
        BrokerError: There is no such topic, or the broker stops answering.
    """
    trouble = Trouble()
    consumer = Consumer({**_reader_config(settings.broker, trouble), **_READ_MUCH})
    try:
        found = metadata(consumer, settings.broker, trouble, topic).topics[topic]
        starts, deadline = dict.fromkeys(found.partitions, OFFSET_BEGINNING), time.monotonic() + PATIENCE
        ahead = _assign(consumer, found, starts)
        if since > 0:
            _go_to(consumer, found, since)
        for batch in _fetched(consumer, ahead):
            others = [message for message in batch if message.error() is not None]
            yield [message for message in batch if message.error() is None] if others else batch
            ends = _patiently(consumer, iter(others), starts, deadline)
            if any(_all_ended(end, ahead) for end in ends):
                return
    finally:
        consumer.close()


def tail(
    settings: Settings,
    topic: str,
    *,
    from_start: bool = True,
    newest: int | None = None,
    places: Mapping[int, int] = MappingProxyType({}),
    follow: bool = False,
    is_over: Callable[[], bool] = lambda: False,
    on_end: Callable[[], object] = lambda: None,
    on_trouble: Callable[[], object] = lambda: None,
    on_recovery: Callable[[], object] = lambda: None,
    on_lost: Callable[[Gone], object] | None = None,
) -> Iterator[Any]:
    """The messages of `topic`, oldest first in each partition, without joining a consumer group.

    Args:
        settings: Where the broker is.
        topic: The topic to read.
        from_start: Begin with the oldest message; else with the first one that comes from now on.
        newest: Begin so many messages before the end of each partition instead; on a broker that takes the start of its
            last batch for the end these are more.
        places: By partition the offset to begin with instead.
        follow: Wait for more at the end; else stop there.
        is_over: Asked several times a second, messages or not; once it says so, reading ends.
        on_end: Called once, when the end of every partition has been reached.
        on_trouble: Called when no broker can be reached any more; reading goes on when one is back.
        on_recovery: Called when one is, whether or not a message comes.
        on_lost: Called with what retention took of what was to be read by `places`, before what is behind it is given.

    Raises:
        BrokerError: There is no such topic, or the broker does not answer.
    """
    trouble = Trouble()
    consumer = Consumer(_reader_config(settings.broker, trouble))
    try:
        found = metadata(consumer, settings.broker, trouble, topic).topics[topic]
        starts = {**dict.fromkeys(found.partitions, _start(from_start, newest)), **places}
        ahead = _assign(consumer, found, starts)
        batches = _watched(consumer, _fetched(consumer, ahead, is_over), trouble, on_trouble, on_recovery)
        messages = _patiently(consumer, chain.from_iterable(batches), starts)
        if on_lost is not None:
            messages = _looked_at(messages, Retention(consumer, places, on_lost))
        for message in messages:
            # A broker may take the start of its last batch for the end: what comes before the true end is passed over.
            if message.error() is None and (
                starts[message.partition()] != OFFSET_END or message.partition() not in ahead
            ):
                yield message
            elif message.error() is not None and _all_ended(message, ahead):
                on_end()
                if not follow:
                    return
    finally:
        consumer.close()


def _start(from_start: bool, newest: int | None) -> int:
    if newest is not None:
        return _TAIL - newest
    return OFFSET_BEGINNING if from_start else OFFSET_END


def _reader_config(broker: BrokerSettings, trouble: Trouble) -> dict[str, Any]:
    return {
        **client_config(broker),
        "group.id": "fraud-stream-reader",  # librdkafka wants one; nothing is committed
        "enable.auto.commit": False,
        "enable.partition.eof": True,  # the end comes from the fetch, which every broker answers rightly
        "fetch.wait.max.ms": 100,  # an end is told after so long
        "auto.offset.reset": "earliest",  # where the topic no longer has what is to be read next
        "error_cb": trouble.hear,
    }


def _assign(consumer: Consumer, found: Any, starts: Mapping[int, int]) -> set[int]:
    if found.error:
        raise BrokerError(f"there is no topic {found.topic!r}; `fraud-stream topics` makes it")
    consumer.assign([TopicPartition(found.topic, partition, starts[partition]) for partition in found.partitions])
    return set(found.partitions)


def _go_to(consumer: Consumer, found: Any, since: float) -> None:
    """Have what is assigned begin with what was written from a moment on, seconds since 1970."""
    places = [TopicPartition(found.topic, partition, round(since * 1_000)) for partition in found.partitions]
    try:
        consumer.assign(consumer.offsets_for_times(places, timeout=PATIENCE))
    except KafkaException as error:
        raise BrokerError(f"the broker does not say where {found.topic!r} has a time: {error.args[0].str()}") from None


def _looked_at(messages: Iterator[Any], retention: Retention) -> Iterator[Any]:
    for message in messages:
        if message.error() is None:
            retention.look(message)
        yield message


def _never() -> bool:
    return False


def _fetched(consumer: Consumer, ahead: set[int], is_over: Callable[[], bool] = _never) -> Iterator[list[Any]]:
    """Messages and ends of partitions; silence is an error for as long as some end is `ahead`."""
    heard = time.monotonic()
    while not is_over():
        messages = consumer.consume(10_000, timeout=0.1)  # it waits so long even where it has some: keep it short
        if messages or not ahead:
            heard = time.monotonic()
        elif time.monotonic() - heard > _LONGEST_SILENCE:
            raise BrokerError(f"the broker has not answered for {_LONGEST_SILENCE:.0f} s")
        yield messages


def _watched(
    consumer: Consumer,
    batches: Iterator[list[Any]],
    trouble: Trouble,
    on_trouble: Callable[[], object],
    on_recovery: Callable[[], object],
) -> Iterator[list[Any]]:
    """The batches; the broker's going and coming back are told once each, on a quiet topic too."""
    trouble.is_down = was_down = False
    for batch in batches:
        if trouble.is_down:  # it may be heard only now that the broker is back
            trouble.is_down = not _answers(consumer)
        if trouble.is_down is not was_down:
            was_down = trouble.is_down
            (on_trouble if was_down else on_recovery)()
        yield batch


def _answers(consumer: Consumer) -> bool:
    try:
        consumer.list_topics(timeout=_ONCE)
    except KafkaException:
        return False
    return True


def _patiently(
    consumer: Consumer, messages: Iterator[Any], starts: Mapping[int, int], deadline: float | None = None
) -> Iterator[Any]:
    """The messages; a partition that its broker does not know yet, since it was made just now, is asked for again."""
    deadline, reached = time.monotonic() + PATIENCE if deadline is None else deadline, dict[int, int]()
    for message in messages:
        error = message.error()
        if error is None:
            reached[message.partition()] = message.offset() + 1
        if error and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART and time.monotonic() < deadline:
            time.sleep(0.1)
            consumer.incremental_unassign([TopicPartition(message.topic(), message.partition())])
            place = reached.get(message.partition(), starts[message.partition()])
            consumer.incremental_assign([TopicPartition(message.topic(), message.partition(), place)])
        else:
            yield message


def _all_ended(message: Any, ahead: set[int]) -> bool:
    """Note the end of a partition; says whether it was the last one ahead."""
    if message.error().code() != KafkaError._PARTITION_EOF:
        raise BrokerError(message.error().str())
    was_last = ahead == {message.partition()}
    ahead.discard(message.partition())
    return was_last
