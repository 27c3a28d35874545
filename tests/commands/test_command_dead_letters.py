import base64
import json

import pytest

from fraud_stream.kafka import make_producer
from fraud_stream.reading import read_all
from fraud_stream.records import DeadLetter

pytestmark = pytest.mark.broker


@pytest.fixture
def buried(served):
    """Four letters of ours and a foreign record."""
    producer = make_producer(served.broker)
    values = [b'{"amount": "ten"}', b"\xff\x1b[2J" + b"x" * 500, None, b"plain"]
    for n, value in enumerate(values):
        letter = DeadLetter(
            ("wrong_type", "bad_id")[n % 2], f"why {n}\x07", "transactions", n % 2, 40 + n, 1_706_702_400.0
        )
        producer.produce(served.topics.dead, value, None if n == 3 else b"C%d" % n, n % 2, headers=letter.headers())
    producer.produce(served.topics.dead, b"not ours", b"k", 0)
    assert producer.flush(10) == 0
    return served


def in_json(run, *arguments):
    return {
        row["at"]: row for row in map(json.loads, run("dead-letters", "list", "--json", *arguments).stdout.splitlines())
    }


def test_list_for_people(run, buried):
    output = run("dead-letters", "list").stdout
    assert "0:0  2024-01-31 12:00:00Z  wrong_type  waiting  from transactions 0:40  key C0" in output
    assert '    why 0\\x07\n    {"amount": "ten"}\n' in output
    assert "    \\xff\\x1b[2Jxxxx" in output
    assert "… (505 bytes)" in output
    assert "    (none)\n" in output
    assert "0:2  foreign  key k\n    not ours\n" in output


def test_list_as_json(run, buried):
    found = in_json(run)
    assert set(found) == {"0:0", "0:1", "0:2", "1:0", "1:1"}
    assert found["0:0"] == {
        "at": "0:0",
        "state": "waiting",
        "reason": "wrong_type",
        "detail": "why 0\x07",
        "topic": "transactions",
        "partition": 0,
        "offset": 40,
        "time": 1_706_702_400.0,
        "key": "C0",
        "key_encoding": "utf-8",
        "value": '{"amount": "ten"}',
        "value_encoding": "utf-8",
    }
    assert found["1:0"]["value_encoding"] == "base64"
    assert base64.b64decode(found["1:0"]["value"]).startswith(b"\xff\x1b[2J")
    assert (found["0:1"]["value"], found["0:1"]["value_encoding"]) == (None, None)
    assert found["1:1"]["key"] is None
    assert found["0:2"]["state"] == "foreign"


def test_list_of_a_reason_and_a_limit(run, buried):
    assert set(in_json(run, "--reason", "bad_id")) == {"1:0", "1:1"}
    assert len(in_json(run, "--limit", "1")) == 1


def test_counts(run, buried):
    assert json.loads(run("dead-letters", "list", "--counts", "--json").stdout) == {
        "(foreign)": {"waiting": 0, "redriven": 0, "foreign": 1},
        "bad_id": {"waiting": 2, "redriven": 0, "foreign": 0},
        "wrong_type": {"waiting": 2, "redriven": 0, "foreign": 0},
    }
    assert "bad_id      2        0         0" in run("dead-letters", "list", "--counts").stdout


def test_dry_run_sends_nothing(run, buried):
    result = run("dead-letters", "redrive", "--dry-run")
    assert result.stdout == "4 to send to transactions\n1 left: foreign\n"
    assert list(read_all(buried, "transactions")) == []


def test_redrive_asks_first(run, buried):
    refused = run("dead-letters", "redrive", input="n\n")
    assert refused.exit_code == 0
    assert "Send them? [y/N]" in refused.stderr
    assert list(read_all(buried, "transactions")) == []
    assert "Sent 4." in run("dead-letters", "redrive", input="y\n").stdout
    assert len(list(read_all(buried, "transactions"))) == 4


def test_redrive_of_one_reason_is_remembered(run, buried):
    assert "Sent 2." in run("dead-letters", "redrive", "--yes", "--reason", "bad_id").stdout
    assert {row["state"] for row in in_json(run, "--reason", "bad_id").values()} == {"redriven"}
    again = run("dead-letters", "redrive", "--yes", "--reason", "bad_id")
    assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "nothing to send")
    assert "Sent 2." in run("dead-letters", "redrive", "--yes").stdout


def test_redrive_of_a_place(run, buried):
    result = run("dead-letters", "redrive", "--at", "0:1", "--yes")
    assert result.stdout == "1 to send to transactions\nSent 1.\n"
    (message,) = read_all(buried, "transactions")
    assert (message.key(), message.value()) == (b"C2", None)


@pytest.mark.parametrize("place", ["0:2", "1:999"])
def test_place_without_a_letter_of_ours_is_an_error_and_nothing_is_sent(run, buried, place):
    result = run("dead-letters", "redrive", "--at", "0:0", "--at", place, "--yes")
    assert result.exit_code == 1
    assert f"there is no dead letter of ours at {place}" in result.stderr
    assert list(read_all(buried, "transactions")) == []


@pytest.mark.parametrize(
    "arguments", [("--at", "17"), ("--at", "a:b"), ("--at", "0:1", "--reason", "null"), ("--at", "0:1", "--limit", "1")]
)
def test_wrong_options_are_usage_errors(run, arguments):
    assert run("dead-letters", "redrive", *arguments).exit_code == 2
