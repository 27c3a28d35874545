import os
import signal
import socket
import subprocess
import sys

import pytest

from fraud_stream.broker import WARNING, free_port, port_is_taken
from fraud_stream.commands.broker import own_port
from fraud_stream.errors import BrokerError
from fraud_stream.sections import BrokerSettings

pytestmark = [pytest.mark.broker, pytest.mark.embedded]


def hear_ctrl_c() -> None:
    """The background jobs of a shell, and so their children, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(port: int) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "fraud_stream", "broker"],
        env={**os.environ, "FRAUD_STREAM_BROKER_URL": f"kafka://127.0.0.1:{port}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - one system call
    )
    assert process.stdout.readline().startswith(f"The embedded broker listens at kafka://127.0.0.1:{port};")
    return process


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_cleanly(ending, code):
    port = free_port()
    process = start(port)
    assert port_is_taken(port)
    process.send_signal(ending)
    _, told = process.communicate(timeout=10)
    assert process.returncode == code
    assert told.strip().lower() == WARNING.lower()
    assert not port_is_taken(port)


def test_port_that_is_taken_is_an_error(run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run("broker", "--port", str(port))
    assert result.exit_code == 1
    assert f"port {port} is taken" in result.stderr


@pytest.mark.parametrize(("url", "port"), [("kafka://127.0.0.1:7000", 7000), ("kafka://localhost", 9092)])
def test_port_of_a_url_on_this_machine(url, port):
    assert own_port(BrokerSettings(url=url)) == port


@pytest.mark.parametrize("url", ["kafka://kafka:9092", "kafka://127.0.0.1:1;kafka://127.0.0.1:2", "kafka://[::1]:9092"])
def test_url_elsewhere_needs_a_port(url):
    with pytest.raises(BrokerError, match="choose a port with --port"):
        own_port(BrokerSettings(url=url))


@pytest.mark.parametrize("port", ["0", "70000", "x"])
def test_wrong_port_is_a_usage_error(run, port):
    assert run("broker", "--port", port).exit_code == 2
