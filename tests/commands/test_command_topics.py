import json

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from fraud_stream.kafka import client_config, topic_specs

pytestmark = pytest.mark.broker


def test_topics_are_made_once_and_listed(run, served, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_TOPICS_ALERTS", "fraud.alerts")
    first = {row["topic"]: row for row in json.loads(run("topics", "--json").stdout)}
    assert first["fraud.alerts"] == {
        "topic": "fraud.alerts",
        "partitions": 2,
        "state": "made now",
    }
    assert first["models"] == {"topic": "models", "partitions": 1, "state": "there"}
    again = json.loads(run("topics", "--json").stdout)
    assert {row["state"] for row in again} == {"there"}
    assert len(again) == len(topic_specs(served))


def test_topics_of_the_workers_are_listed_too(run, served):
    admin = AdminClient(client_config(served.broker))
    made = admin.create_topics([NewTopic("fraud-stream-pending-changelog", 2, 1)])
    made["fraud-stream-pending-changelog"].result(10)
    last = json.loads(run("topics", "--json").stdout)[-1]
    assert last == {"topic": "fraud-stream-pending-changelog", "partitions": 2, "state": "the worker's"}


def test_table(run, served):
    assert "transactions-dead  2           there" in run("topics").stdout


def test_topic_with_other_partitions_is_an_error(run, served, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_TOPICS_PARTITIONS", "3")
    result = run("topics")
    assert result.exit_code == 1
    assert "topic 'transactions' has 2 partitions, but [topics] partitions = 3" in result.stderr
