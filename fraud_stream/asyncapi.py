"""The AsyncAPI 3 document of the topics, made from the records and the settings."""

from typing import Any, Literal, NamedTuple

from fraud_stream.kafka import TopicSpec, topic_specs
from fraud_stream.records import (
    Alert,
    AuditEntry,
    BatchModel,
    DeadLetter,
    Drift,
    EvaluationDay,
    Label,
    Labelled,
    Listed,
    MerchantRisk,
    ModelState,
    Promotions,
    RuleVersion,
    ScoredTransaction,
    Summary,
    Traffic,
)
from fraud_stream.schemas import INCOMING, attributes, schema_components, transaction_schema
from fraud_stream.sections import BrokerSettings
from fraud_stream.settings import Settings
from fraud_stream.version import VERSION

#: Version of AsyncAPI's Kafka bindings that the document uses.
BINDING = "0.5.0"
#: A dead letter's value: the record's own bytes, whatever they are.
UNTOUCHED = "Untouched"
_RECORDS = (
    Label,
    Alert,
    Drift,
    ScoredTransaction,
    Labelled,
    ModelState,
    BatchModel,
    Promotions,
    EvaluationDay,
    Traffic,
    MerchantRisk,
    RuleVersion,
    Listed,
    Summary,
    AuditEntry,
)
#: Topics that every worker reads whole, without a group.
_READ_WHOLE = ("models", "merchant_risk", "rules")
_REFERENCE = "#/components/schemas/{name}"

Action = Literal["receive", "send"]


class Channel(NamedTuple):
    """What one topic is for.

    Attributes:
        field: The setting of ``[topics]`` that holds its name.
        schema: The schema of its values.
        key: What its keys are.
        meaning: What it carries.
        actions: What the worker does there.
        others: Other schemas that its values may have, each with what the keys are then.
    """

    field: str
    schema: str
    key: str
    meaning: str
    actions: tuple[Action, ...]
    others: tuple[tuple[str, str], ...] = ()

    @property
    def keys(self) -> dict[str, str]:
        """What the keys are, by the schema of the value."""
        return {self.schema: self.key, **dict(self.others)}


CHANNELS = (
    Channel("transactions", INCOMING, "the customer's id", "Payments to be judged.", ("receive",)),
    Channel("labels", "Label", "the customer's id", "What became known of payments: fraud or not.", ("receive",)),
    Channel(
        "alerts",
        "Alert",
        "the customer's id",
        "Payments that look like fraud, and why; and drifts, which are about no payment.",
        ("send",),
        others=(("Drift", "the stream's name"),),
    ),
    Channel("scored", "ScoredTransaction", "the customer's id", "Every decision with its features.", ("send",)),
    Channel(
        "labelled", "Labelled", "the transaction's id", "Scored payments with their final labels.", ("send", "receive")
    ),
    Channel(
        "models",
        "ModelState",
        "the record's name",
        "The newest state of the online model, the newest challenger, who decides, and what labels tell of the scores.",
        ("send", "receive"),
        (
            ("BatchModel", "its name"),
            ("Promotions", "its name"),
            ("EvaluationDay", "evaluation- and the day"),
            ("Traffic", "traffic- and the partition"),
        ),
    ),
    Channel(
        "merchant_risk",
        "MerchantRisk",
        "the merchant's id",
        "What labels have told of a merchant's payments.",
        ("send", "receive"),
    ),
    Channel(
        "rules",
        "RuleVersion",
        "rule, its id, the number of the version and BLAKE2b (4 bytes, hexadecimal) of the value",
        "Rules and lists as they are changed while the stream runs.",
        ("receive",),
        (("Listed", "list, what is listed, and its value"),),
    ),
    Channel(
        "summaries",
        "Summary",
        "the worker's address",
        "What each worker has decided in the last half minute.",
        ("send",),
    ),
    Channel("audit", "AuditEntry", "who makes it", "Changes that people make, each told before it is made.", ("send",)),
    Channel(
        "dead",
        UNTOUCHED,
        "as received; there may be none",
        "Records that could not be processed, untouched; their headers say why.",
        ("send",),
    ),
    Channel(
        "late", INCOMING, "the customer's id", "Payments too late for their windows: judged all the same.", ("send",)
    ),
)


def document(settings: Settings) -> dict[str, Any]:
    """The AsyncAPI document of an application with these settings."""
    specs = {spec.name: spec for spec in topic_specs(settings)}
    operations = [(action, channel) for channel in CHANNELS for action in channel.actions]
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": _servers(settings.broker),
        "channels": {
            channel.field: _channel(channel, specs[_address(channel, settings)], settings) for channel in CHANNELS
        },
        "operations": {
            f"{action}_{channel.field}": _operation(action, channel, settings) for action, channel in operations
        },
        "components": {"schemas": _schemas(settings)},
    }


def _info() -> dict[str, Any]:
    return {
        "title": "fraud_stream",
        "version": VERSION,
        "description": "Real-time fraud detection: payments come in, alerts with reasons go out.",
        "license": {"name": "Apache-2.0"},
    }


def _servers(broker: BrokerSettings) -> dict[str, Any]:
    server = {"protocol": "kafka-secure" if broker.security_protocol.endswith("SSL") else "kafka", **_security(broker)}
    return {f"broker{n}": {"host": host, **server} for n, host in enumerate(broker.servers, 1)}


def _security(broker: BrokerSettings) -> dict[str, Any]:
    if not broker.security_protocol.startswith("SASL"):
        return {}
    kinds = {"PLAIN": "plain", "SCRAM-SHA-256": "scramSha256", "SCRAM-SHA-512": "scramSha512"}
    return {"security": [{"type": kinds[broker.sasl_mechanism]}]}


def _address(channel: Channel, settings: Settings) -> str:
    return str(getattr(settings.topics, channel.field))


def _channel(channel: Channel, spec: TopicSpec, settings: Settings) -> dict[str, Any]:
    kafka = {
        "topic": spec.name,
        "partitions": spec.partitions,
        "replicas": settings.topics.replication,
        "bindingVersion": BINDING,
    }
    if spec.compacted:
        kafka["topicConfiguration"] = {"cleanup.policy": ["compact"]}
    return {
        "address": spec.name,
        "description": f"{channel.meaning} Key: {', or '.join(channel.keys.values())}.",
        "messages": {schema: _message(schema, key) for schema, key in channel.keys.items()},
        "bindings": {"kafka": kafka},
    }


def _message(schema: str, key: str) -> dict[str, Any]:
    message = {
        "name": schema,
        "payload": {"$ref": _REFERENCE.format(name=schema)},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}},
    }
    if schema == UNTOUCHED:
        message |= {"contentType": "application/octet-stream", "headers": _dead_letter_headers()}
    return message


def _dead_letter_headers() -> dict[str, Any]:
    """Headers are text on the wire, whatever the field's type."""
    meanings = attributes(DeadLetter)
    properties = {
        name: {"type": "string", "description": meanings[name.removeprefix("fraud-stream-")]}
        for name, _ in DeadLetter("", "", "", 0, 0, 0.0).headers()
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _operation(action: Action, channel: Channel, settings: Settings) -> dict[str, Any]:
    place = f"#/channels/{channel.field}"
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": place},
        "summary": channel.meaning,
        "messages": [{"$ref": f"{place}/messages/{schema}"} for schema in channel.keys],
    }
    if action == "receive" and channel.field not in _READ_WHOLE:
        group = {"type": "string", "enum": [settings.app.id]}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": BINDING}}
    return operation


def _schemas(settings: Settings) -> dict[str, Any]:
    incoming = transaction_schema(settings.fields.names, settings.intake_limits)
    return {
        INCOMING: {key: value for key, value in incoming.items() if key != "$schema"} | {"title": INCOMING},
        UNTOUCHED: {"title": UNTOUCHED, "description": "The record's own bytes."},
        **schema_components(_RECORDS, _REFERENCE),
    }
