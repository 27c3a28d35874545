import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from fraud_stream import broker
from fraud_stream.errors import BrokerError
from fraud_stream.kafka import create_topics
from fraud_stream.settings import load

pytestmark = [pytest.mark.broker, pytest.mark.embedded]
ROOT = Path(__file__).parent.parent


def settings_at(port: int):
    conf = str(ROOT / "faust.conf")
    return load({"FRAUD_STREAM_CONF": conf, "FRAUD_STREAM_BROKER_URL": f"kafka://127.0.0.1:{port}"}).settings


def test_it_ends_at_once_even_with_a_client():
    port = broker.free_port()
    process = broker.start(port)
    create_topics(settings_at(port))
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{port}", "group.id": "reader", "log_level": 2})
    consumer.assign([TopicPartition("alerts", 0, 0)])
    consumer.consume(timeout=0.5)
    began = time.monotonic()
    broker.stop(process)
    assert time.monotonic() - began < 2
    assert process.returncode is not None
    consumer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux sees to this")
def test_it_dies_with_a_parent_that_is_killed():
    port = broker.free_port()
    code = f"from fraud_stream import broker; broker.start({port}); print('up', flush=True); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout.readline() == "up\n"
    assert broker.port_is_taken(port)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 5
    while broker.port_is_taken(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not broker.port_is_taken(port)


def test_broker_that_does_not_start_is_an_error_and_leaves_no_process(monkeypatch, tmp_path):
    quitter = tmp_path / "tansu"
    quitter.write_text("#!/bin/sh\necho cannot >&2\nexit 3\n")
    quitter.chmod(0o755)
    monkeypatch.setattr(broker, "binary", lambda: quitter)
    with pytest.raises(BrokerError, match=r"did not start \(exit code 3\)"):
        broker.start(broker.free_port(), tmp_path / "log")
    assert (tmp_path / "log").read_text() == "cannot\n"


def test_system_without_a_binary_is_an_error(monkeypatch):
    monkeypatch.setattr(broker.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(broker.shutil, "which", lambda _: None)
    with pytest.raises(BrokerError, match="there is no embedded broker"):
        broker.binary()
