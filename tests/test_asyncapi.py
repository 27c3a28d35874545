import json

import jsonschema
import pytest
from asyncapi3.models.asyncapi import AsyncAPI3
from pydantic import ValidationError

from fraud_stream.asyncapi import CHANNELS, document
from fraud_stream.kafka import topic_specs
from fraud_stream.records import DeadLetter
from fraud_stream.settings import FILE_VARIABLE, Settings, load

SECURED = {
    "FRAUD_STREAM_BROKER_URL": "kafka://a:1;kafka://b:2",
    "FRAUD_STREAM_BROKER_SECURITY_PROTOCOL": "SASL_SSL",
    "FRAUD_STREAM_BROKER_SASL_MECHANISM": "SCRAM-SHA-512",
    "FRAUD_STREAM_BROKER_SASL_USERNAME": "worker",
    "FRAUD_STREAM_BROKER_SASL_PASSWORD": "tiger",
}


@pytest.fixture
def settings(tmp_path):
    def make(**environ: str) -> Settings:
        (tmp_path / "faust.conf").touch()
        return load({FILE_VARIABLE: str(tmp_path / "faust.conf"), **environ}).settings

    return make


def references(value):
    if isinstance(value, dict):
        found = [value["$ref"]] if "$ref" in value else []
        return [*found, *(ref for part in value.values() for ref in references(part))]
    return [ref for part in value for ref in references(part)] if isinstance(value, list) else []


def resolve(whole, reference):
    for step in reference.removeprefix("#/").split("/"):
        whole = whole[step]
    return whole


@pytest.mark.parametrize("environ", [{}, SECURED, {"FRAUD_STREAM_FIELDS_AMOUNT": "TX_AMOUNT"}])
def test_document_is_asyncapi_3(settings, environ):
    AsyncAPI3.model_validate(document(settings(**environ)))


def test_the_validation_finds_faults(settings):
    found = document(settings())
    found["operations"]["send_alerts"]["action"] = "shout"
    with pytest.raises(ValidationError):
        AsyncAPI3.model_validate(found)


def test_every_reference_leads_somewhere(settings):
    found = document(settings())
    assert len(references(found)) > 20
    for reference in references(found):
        assert resolve(found, reference)


def test_every_topic_is_a_channel(settings):
    made = settings(FRAUD_STREAM_TOPICS_ALERTS="fraud.alerts", FRAUD_STREAM_TOPICS_PARTITIONS="7")
    channels = document(made)["channels"].values()
    bindings = {channel["address"]: channel["bindings"]["kafka"] for channel in channels}
    assert set(bindings) == {spec.name for spec in topic_specs(made)}
    assert bindings["fraud.alerts"]["partitions"] == 7
    assert bindings["models"]["topicConfiguration"] == {"cleanup.policy": ["compact"]}
    assert "topicConfiguration" not in bindings["transactions"]


def test_operations_are_seen_from_the_worker(settings):
    operations = document(settings(FRAUD_STREAM_APP_ID="mine"))["operations"]
    assert len(operations) == sum(len(channel.actions) for channel in CHANNELS)
    assert operations["receive_transactions"]["bindings"]["kafka"]["groupId"]["enum"] == ["mine"]
    assert operations["send_alerts"]["action"] == "send"
    assert "bindings" not in operations["receive_models"]


def test_alerts_are_of_payments_or_drifts(settings):
    found = document(settings())
    messages = found["channels"]["alerts"]["messages"]
    keys = {name: message["bindings"]["kafka"]["key"]["description"] for name, message in messages.items()}
    assert keys == {"Alert": "the customer's id", "Drift": "the stream's name"}
    assert [one["$ref"] for one in found["operations"]["send_alerts"]["messages"]] == [
        "#/channels/alerts/messages/Alert",
        "#/channels/alerts/messages/Drift",
    ]


def test_headers_of_dead_letters_are_described(settings):
    message = document(settings())["channels"]["dead"]["messages"]["Untouched"]
    headers = {name: value.decode() for name, value in DeadLetter("bad_id", "x", "t", 1, 2, 3.0).headers()}
    jsonschema.validate(headers, message["headers"])
    assert all(form["description"] for form in message["headers"]["properties"].values())
    assert not jsonschema.Draft202012Validator(message["headers"]).is_valid({})


def test_schemas_are_json_schemas(settings):
    for schema in document(settings())["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_servers_are_those_of_the_settings_and_secrets_stay_out(settings):
    found = document(settings(**SECURED))
    assert [server["host"] for server in found["servers"].values()] == ["a:1", "b:2"]
    assert found["servers"]["broker1"]["protocol"] == "kafka-secure"
    assert found["servers"]["broker1"]["security"] == [{"type": "scramSha512"}]
    assert "tiger" not in json.dumps(found)
    assert "worker" not in json.dumps(found["servers"])
