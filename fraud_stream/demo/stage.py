"""What runs during the demo: broker, worker, generator."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from fraud_stream import broker
from fraud_stream.errors import FraudStreamError
from fraud_stream.processes import spawn, stop
from fraud_stream.settings import FILE_VARIABLE, Settings, load

#: Seconds that the worker may take to be ready.
START_TIMEOUT = 60.0
#: Event time runs so much faster than the clock, so that customers get a history within seconds.
SPEED = 57_600.0
#: Transactions an hour of event time: at that speed, 400 a second.
RATE = "25/h"
CUSTOMERS = 300
#: Event time until a label is known.
LABEL_DELAY = "1d"
_LAST_LINES = 15


class Stage:
    """Starts the processes of a demo, and stops them however the block ends.

    Args:
        seconds: How long the generator sends.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._folder = tempfile.TemporaryDirectory(prefix="fraud-stream-")
        self.folder = Path(self._folder.name)
        self.truth = self.folder / "truth.jsonl"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._environ = dict(os.environ)
        self.notes: list[str] = []

    def __enter__(self) -> Self:
        """Choose ports."""
        wanted = load().settings
        port = self._port("broker", int(wanted.broker.servers[0].rsplit(":", 1)[1]))
        self._environ["FRAUD_STREAM_BROKER_URL"] = f"kafka://127.0.0.1:{port}"
        self._environ["FRAUD_STREAM_WEB_PORT"] = str(self._port("web view", wanted.web.port))
        self._environ["FRAUD_STREAM_STORE_DATADIR"] = str(self.folder / "tables")
        self._environ.setdefault(FILE_VARIABLE, str(Path("faust.conf").absolute()))
        self.settings: Settings = load(self._environ).settings
        self.broker_port = port
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything, the last started first."""
        for process in reversed(self._running.values()):
            stop(process)
        self._folder.cleanup()

    def start_broker(self) -> None:
        """Start the embedded broker."""
        self._running["broker"] = broker.start(self.broker_port, self.folder / "broker.log")

    def start_worker(self) -> None:
        """Start one worker and wait until it is ready.

        Raises:
            FraudStreamError: It ended, or is not ready in time.
        """
        port = str(self.settings.web.port)
        self._start("worker", "-m", "faust", "-A", "fraud_stream", "worker", "-l", "info", "--web-port", port)
        deadline = time.monotonic() + START_TIMEOUT
        while not self._is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise FraudStreamError(f"the worker is not ready after {START_TIMEOUT:.0f} s:\n{self._last('worker')}")
            time.sleep(0.1)

    def stop_worker(self) -> None:
        """Stop the worker, as for an upgrade; another may be started."""
        stop(self._running.pop("worker"))

    def start_generator(self) -> None:
        """Start the generator."""
        start = time.time() - self._seconds * SPEED - 3_600.0  # so that event time ends before now
        options = {
            "--rate": RATE,
            "--speed": f"{SPEED:.0f}",
            "--seconds": f"{self._seconds:g}",
            "--start": f"{start:.0f}",
            "--customers": str(CUSTOMERS),
            "--label-delay": LABEL_DELAY,
            "--truth": str(self.truth),
        }
        arguments = [part for option in options.items() for part in option]
        self._start("generator", "-m", "fraud_stream", "generate", *arguments)

    @property
    def generator_is_done(self) -> bool:
        """Whether the generator has sent everything."""
        return self._running["generator"].poll() is not None

    def check(self) -> None:
        """Make sure that nothing has failed.

        Raises:
            FraudStreamError: A process has ended that should not have, or with an error.
        """
        for name, process in self._running.items():
            ended = process.poll()
            if ended is not None and (name != "generator" or ended != 0):
                raise FraudStreamError(f"the {name} ended with exit code {ended}:\n{self._last(name)}")

    def _start(self, name: str, *arguments: str) -> None:
        self._running[name] = spawn([sys.executable, *arguments], self.folder / f"{name}.log", self._environ)

    def _port(self, what: str, wanted: int) -> int:
        if not broker.port_is_taken(wanted):
            return wanted
        port = broker.free_port()
        self.notes.append(f"port {wanted} is taken, so the {what} uses {port}")
        return port

    def _is_ready(self) -> bool:
        return "Worker ready" in self._read("worker") and _answers(f"http://127.0.0.1:{self.settings.web.port}/table/")

    def _read(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _last(self, name: str) -> str:
        return "\n".join(self._read(name).splitlines()[-_LAST_LINES:])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own worker on the loopback
            return True
    except (urllib.error.URLError, OSError):
        return False
