"""Kafka for programs outside the worker: client settings, topics, reading to an end.

They use librdkafka: a producer or a terminal tool has no event loop to share, and it costs a twentieth a record.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from fraud_stream.errors import BrokerError
from fraud_stream.sections import BrokerSettings
from fraud_stream.settings import Settings

#: Seconds that a broker may take to answer.
PATIENCE = 10.0
#: Seconds without a message or an end of a partition after which a reader gives up: brokers may be starting again.
_LONGEST_SILENCE = 30.0
#: Seconds of one attempt.
_ONCE = 2.0
#: Seconds until a question is asked again.
_DAY = 86_400.0
_ASK_AGAIN = 0.1
_COORDINATOR_TO_COME = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
#: Of a key only the newest record counts; a model is larger than a broker takes by itself.
_READ_WHOLE = {"cleanup.policy": "compact", "max.message.bytes": "20000000"}
#: Bytes.  A dead letter carries its reason besides the record, so it may be larger than what its own topic took.
LARGEST_DEAD_LETTER = 20_000_000


class TopicSpec(NamedTuple):
    """A topic the application needs."""

    name: str
    partitions: int
    compacted: bool = False
    config: Mapping[str, str] = MappingProxyType({})


def topic_specs(settings: Settings) -> list[TopicSpec]:
    """Every topic of the application; its tables' changelogs are made by the worker."""
    topics, many = settings.topics, settings.topics.partitions
    keyed = (topics.transactions, topics.labels, topics.alerts, topics.scored, topics.late)
    return [
        *(TopicSpec(name, many) for name in keyed),
        TopicSpec(topics.dead, many, config={"max.message.bytes": str(LARGEST_DEAD_LETTER)}),
        TopicSpec(topics.labelled, 1, config={"retention.ms": str(_kept(settings))}),
        *(TopicSpec(name, 1, compacted=True, config=_READ_WHOLE) for name in (topics.models, topics.merchant_risk)),
    ]


def _kept(settings: Settings) -> int:
    """Milliseconds that labelled transactions stay: `fraud-stream train` reads them; Kafka's own default is a week."""
    return round((settings.challenger.history + _DAY) * 1_000)


def client_config(broker: BrokerSettings) -> dict[str, Any]:
    """What librdkafka needs to reach the broker."""
    config = {
        "bootstrap.servers": ",".join(broker.servers),
        "security.protocol": broker.security_protocol,
        "sasl.mechanism": broker.sasl_mechanism if broker.sasl_username else None,
        "sasl.username": broker.sasl_username,
        "sasl.password": broker.sasl_password and broker.sasl_password.get_secret_value(),
        "ssl.ca.location": broker.ssl_cafile and str(broker.ssl_cafile),
        "ssl.certificate.location": broker.ssl_certfile and str(broker.ssl_certfile),
        "ssl.key.location": broker.ssl_keyfile and str(broker.ssl_keyfile),
        "ssl.key.password": broker.ssl_key_password and broker.ssl_key_password.get_secret_value(),
        "reconnect.backoff.max.ms": 1_000,  # 10 s by default: as long as our patience with a broker that comes back
        "log_level": 2,
    }
    return {key: value for key, value in config.items() if value is not None}


def make_producer(broker: BrokerSettings) -> Producer:
    """A producer that places keys as Java clients and the worker do."""
    return Producer(
        {
            **client_config(broker),
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "acks": "all",
            "max.in.flight.requests.per.connection": 1,  # else a batch that is sent again comes after later ones
            "message.max.bytes": LARGEST_DEAD_LETTER,
            "queue.buffering.max.messages": 200_000,
        }
    )


def create_topics(settings: Settings) -> list[str]:
    """Make the topics that are missing; says which.

    Raises:
        BrokerError: The broker does not answer, or topics exist with other numbers of partitions.
    """
    admin, there = _admin_and_topics(settings.broker)
    specs = topic_specs(settings)
    wrong = [spec for spec in specs if there.get(spec.name, spec.partitions) != spec.partitions]
    if wrong:
        raise BrokerError("; ".join(_fault(spec, there[spec.name]) for spec in wrong))
    missing = [spec for spec in specs if spec.name not in there]
    for name, future in _create(admin, missing, settings.topics.replication).items():
        _await_creation(name, future)
    _await_leaders(admin, [spec.name for spec in missing])
    return [spec.name for spec in missing]


def _fault(spec: TopicSpec, partitions: int) -> str:
    if spec.partitions == 1:
        return f"topic {spec.name!r} has {partitions} partitions, but must have 1, as all of it is read in order"
    return (
        f"topic {spec.name!r} has {partitions} partitions, but [topics] partitions = {spec.partitions}; "
        "all topics keyed by customer need as many as transactions has"
    )


def _admin_and_topics(broker: BrokerSettings) -> tuple[AdminClient, dict[str, int]]:
    trouble = _Trouble()
    config: dict[str, Any] = {**client_config(broker), "error_cb": trouble.hear}
    admin = AdminClient(config)
    found = _metadata(admin, broker, trouble).topics
    return admin, {name: len(topic.partitions) for name, topic in found.items() if not topic.error}


class _Trouble:
    """What a client has to say of its broker.

    Attributes:
        refusal: Why the broker does not let us in, or we do not trust it.
        on_down: Called when no broker can be reached any more; not again before `is_down` is set back.
        is_down: Whether that is so.
    """

    def __init__(self) -> None:
        self.refusal: str | None = None
        self.on_down: Callable[[], object] = lambda: None
        self.is_down = False

    def hear(self, error: KafkaError) -> None:
        """Note an error; what TLS sends as an alert has no code of its own, and a broken connection no certificate."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # lesser errors come with every attempt
            was_down, self.is_down = self.is_down, True
            if not was_down:
                self.on_down()
        elif error.code() == KafkaError._AUTHENTICATION or "certificate" in error.str():
            self.refusal = error.str()


def _metadata(client: Any, broker: BrokerSettings, trouble: _Trouble, topic: str | None = None) -> Any:
    deadline = time.monotonic() + PATIENCE
    while trouble.refusal is None and time.monotonic() < deadline:
        try:
            return client.list_topics(topic, timeout=_ONCE)
        except KafkaException:
            client.poll(0)  # it tells its troubles here
    if trouble.refusal is not None:
        raise BrokerError(
            f"the broker at {broker.url} and this program do not accept each other: {trouble.refusal}; "
            "see [broker] security_protocol, sasl_… and ssl_… (`fraud-stream config` shows what is in force)"
        )
    raise BrokerError(
        f"no broker answers at {broker.url}; start one (`fraud-stream broker`) or set [broker] url and "
        f"security_protocol, which is {broker.security_protocol}"
    )


def _create(admin: AdminClient, missing: list[TopicSpec], replication: int) -> dict[str, Any]:
    if not missing:
        return {}
    topics = [NewTopic(spec.name, spec.partitions, replication, config=dict(spec.config)) for spec in missing]
    futures: dict[str, Any] = admin.create_topics(topics, request_timeout=PATIENCE)
    return futures


def _await_creation(name: str, future: Any) -> None:
    try:
        future.result(PATIENCE)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another worker was faster
            raise BrokerError(f"cannot create topic {name!r}: {error.args[0].str()}") from None


def _await_leaders(admin: AdminClient, names: Iterable[str]) -> None:
    """Wait until the broker that made topics knows them itself: who asks before is told that there are none."""
    deadline = time.monotonic() + PATIENCE
    while not all(_has_leaders(admin, name) for name in names):
        if time.monotonic() > deadline:
            raise BrokerError(f"the broker has made topics, but not all can be used after {PATIENCE:.0f} s: {names}")
        time.sleep(_ASK_AGAIN)


def _has_leaders(admin: AdminClient, name: str) -> bool:
    try:
        found = admin.list_topics(name, timeout=_ONCE).topics[name]
    except KafkaException:
        return False
    return not found.error and all(part.leader >= 0 for part in found.partitions.values())


def list_topics(settings: Settings) -> dict[str, int]:
    """Every topic of the broker and how many partitions it has.

    Raises:
        BrokerError: The broker does not answer.
    """
    return _admin_and_topics(settings.broker)[1]


def ask_group(question: Callable[[], Any]) -> Any:
    """Ask something of a consumer group, again while its coordinator is still being found.

    A cluster's first group makes the topic that coordinators need.

    Raises:
        KafkaException: There is none in time, or the question is refused.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return question()
        except KafkaException as error:
            if error.args[0].code() not in _COORDINATOR_TO_COME or time.monotonic() > deadline:
                raise
            time.sleep(_ASK_AGAIN)


def read_all(settings: Settings, topic: str) -> Iterator[Any]:
    """Every message that `topic` holds now, oldest first in each partition, without joining a consumer group.

    Raises:
        BrokerError: There is no such topic, or the broker stops answering.
    """
    return tail(settings, topic)


def tail(
    settings: Settings,
    topic: str,
    *,
    from_start: bool = True,
    follow: bool = False,
    on_end: Callable[[], object] = lambda: None,
    on_trouble: Callable[[], object] = lambda: None,
) -> Iterator[Any]:
    """The messages of `topic`, oldest first in each partition, without joining a consumer group.

    Args:
        settings: Where the broker is.
        topic: The topic to read.
        from_start: Begin with the oldest message; else with the first one that comes from now on.
        follow: Wait for more at the end; else stop there.
        on_end: Called once, when the end of every partition has been reached.
        on_trouble: Called when no broker can be reached any more; reading goes on when one is back.

    Raises:
        BrokerError: There is no such topic, or the broker does not answer.
    """
    trouble = _Trouble()
    consumer = Consumer(_reader_config(settings.broker, trouble))
    try:
        start = OFFSET_BEGINNING if from_start else OFFSET_END
        ahead = _assign(consumer, _metadata(consumer, settings.broker, trouble, topic).topics[topic], start)
        trouble.on_down, trouble.is_down = on_trouble, False
        for message in _patiently(consumer, _polled(consumer, ahead), start):
            trouble.is_down = False
            # A broker may take the start of its last batch for the end: what comes before the true end is passed over.
            if message.error() is None and (from_start or message.partition() not in ahead):
                yield message
            elif message.error() is not None and _all_ended(message, ahead):
                on_end()
                if not follow:
                    return
    finally:
        consumer.close()


def _reader_config(broker: BrokerSettings, trouble: _Trouble) -> dict[str, Any]:
    return {
        **client_config(broker),
        "group.id": "fraud-stream-reader",  # librdkafka wants one; nothing is committed
        "enable.auto.commit": False,
        "enable.partition.eof": True,  # the end comes from the fetch, which every broker answers rightly
        "fetch.wait.max.ms": 100,  # an end is told after so long
        "auto.offset.reset": "earliest",  # where the topic no longer has what is to be read next
        "error_cb": trouble.hear,
    }


def _assign(consumer: Consumer, found: Any, offset: int) -> set[int]:
    if found.error:
        raise BrokerError(f"there is no topic {found.topic!r}; `fraud-stream topics` makes it")
    consumer.assign([TopicPartition(found.topic, partition, offset) for partition in found.partitions])
    return set(found.partitions)


def _polled(consumer: Consumer, ahead: set[int]) -> Iterator[Any]:
    """Messages and ends of partitions; silence is an error for as long as some end is `ahead`."""
    heard = time.monotonic()
    while True:
        messages = consumer.consume(10_000, timeout=0.1)  # it waits so long even where it has some: keep it short
        if messages or not ahead:
            heard = time.monotonic()
        elif time.monotonic() - heard > _LONGEST_SILENCE:
            raise BrokerError(f"the broker has not answered for {_LONGEST_SILENCE:.0f} s")
        yield from messages


def _patiently(consumer: Consumer, messages: Iterator[Any], start: int) -> Iterator[Any]:
    """The messages; a partition that its broker does not know yet, since it was made just now, is asked for again."""
    deadline, reached = time.monotonic() + PATIENCE, dict[int, int]()
    for message in messages:
        error = message.error()
        if error is None:
            reached[message.partition()] = message.offset() + 1
        if error and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART and time.monotonic() < deadline:
            time.sleep(0.1)
            consumer.incremental_unassign([TopicPartition(message.topic(), message.partition())])
            place = reached.get(message.partition(), start)
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
