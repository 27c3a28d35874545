"""Kafka for programs outside the worker: client settings, topics, groups.

They use librdkafka: a producer or a terminal tool has no event loop to share, and it costs a twentieth a record.
"""

import time
from collections.abc import Callable, Container, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from confluent_kafka import (
    ConsumerGroupState,
    KafkaError,
    KafkaException,
    Producer,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from fraud_stream.errors import BrokerError
from fraud_stream.sections import BrokerSettings
from fraud_stream.settings import Settings

#: Seconds that a broker may take to answer.
PATIENCE = 10.0
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
_LEADER_TO_COME = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
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
    read_whole = (topics.models, topics.merchant_risk, topics.rules)
    return [
        *(TopicSpec(name, many) for name in keyed),
        TopicSpec(topics.dead, many, config={"max.message.bytes": str(LARGEST_DEAD_LETTER)}),
        TopicSpec(topics.summaries, 1),
        TopicSpec(topics.audit, 1, config={"retention.ms": "-1"}),
        TopicSpec(topics.labelled, 1, config={"retention.ms": str(_kept(settings))}),
        *(TopicSpec(name, 1, compacted=True, config=_READ_WHOLE) for name in read_whole),
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
    trouble = Trouble()
    config: dict[str, Any] = {**client_config(broker), "error_cb": trouble.hear}
    admin = AdminClient(config)
    found = metadata(admin, broker, trouble).topics
    return admin, {name: len(topic.partitions) for name, topic in found.items() if not topic.error}


class Trouble:
    """What a client has to say of its broker.

    Attributes:
        refusal: Why the broker does not let us in, or we do not trust it.
        is_down: Whether no broker could be reached when it spoke last; it may have spoken some time ago.
    """

    def __init__(self) -> None:
        self.refusal: str | None = None
        self.is_down = False

    def hear(self, error: KafkaError) -> None:
        """Note an error; what TLS sends as an alert has no code of its own, and a broken connection no certificate."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # lesser errors come with every attempt
            self.is_down = True
        elif error.code() == KafkaError._AUTHENTICATION or "certificate" in error.str():
            self.refusal = error.str()


def metadata(client: Any, broker: BrokerSettings, trouble: Trouble, topic: str | None = None) -> Any:
    """What the broker says of its topics, or of one.

    Raises:
        BrokerError: It does not answer, or does not let us in.
    """
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
    return _ask(question, _COORDINATOR_TO_COME)


def ask_leader(question: Callable[[], Any]) -> Any:
    """Ask something of the leaders of partitions, again while those of new ones do not know that they lead.

    Raises:
        KafkaException: There is none in time, or the question is refused.
    """
    return _ask(question, _LEADER_TO_COME)


def _ask(question: Callable[[], Any], passing: Container[int]) -> Any:
    """Ask again while errors are `passing`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return question()
        except KafkaException as error:
            if error.args[0].code() not in passing or time.monotonic() > deadline:
                raise
            time.sleep(_ASK_AGAIN)


def members(settings: Settings) -> int | None:
    """How many workers the application's consumer group has now; None where the broker does not tell.

    One that was killed counts until its session ends.  The embedded broker tells of no members.

    Raises:
        BrokerError: The broker does not answer, or does not tell.
    """
    group, admin = settings.app.id, AdminClient(client_config(settings.broker))
    try:
        found = ask_group(lambda: admin.describe_consumer_groups([group])[group].result(PATIENCE))
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:  # nobody has ever joined
            return 0
        raise BrokerError(f"consumer group {group!r}: {error.args[0].str()}") from None
    return None if found.state == ConsumerGroupState.STABLE and not found.members else len(found.members)
