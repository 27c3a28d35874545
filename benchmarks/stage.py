"""A broker of its own for a measurement, and worker processes whose CPU is watched."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.request import urlopen

import msgspec

from benchmarks.cpu import cpu_seconds, resident_bytes
from benchmarks.errors import BenchmarkError
from deploy.kafka.cluster import running
from fraud_stream import broker as embedded
from fraud_stream.broker import free_port
from fraud_stream.kafka import create_topics
from fraud_stream.processes import spawn, stop
from fraud_stream.sections import PREFIX
from fraud_stream.settings import FILE_VARIABLE, Settings, load

ROOT = Path(__file__).parent.parent
#: Seconds that a worker may take to be ready.
START_TIMEOUT = 120.0
#: What Faust logs when a worker has its partitions and has recovered its tables: only now it may fetch records.
READY = "Seek stream partitions to committed offsets"
#: What Faust logs when an agent fails; it starts the agent again, without the record.
CRASHED = "Crashed reason="
#: Seconds between two looks for `READY`: by so much a start may be misjudged.
_LOOK_EVERY = 0.01
_LAST_LINES = 15
#: The folder of Apache Kafka.
KAFKA = "kafka"
_NONE: Mapping[str, str] = MappingProxyType({})


class Reading(NamedTuple):
    """A look at a worker: when, seconds since 1970, and how much CPU it had taken by then, seconds."""

    time: float
    cpu: float


class Worker:
    """A worker process.

    Args:
        process: It.
        log: Where its log is written.
        port: The port of its web server.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, port: int) -> None:
        self._process = process
        self._log = log
        self._port = port
        self._looked_at = 0

    def read(self) -> Reading:
        """How much CPU it has taken by now.

        Raises:
            BenchmarkError: It has ended.
        """
        self.check()
        return Reading(time.time(), cpu_seconds(self._process.pid))

    def check(self) -> None:
        """Make sure that it runs, and all of its agents.

        Raises:
            BenchmarkError: It does not.
        """
        if self._process.poll() is not None:
            raise BenchmarkError(f"the worker ended with exit code {self._process.returncode}:\n{self._last_lines()}")
        if CRASHED in self._new_text():
            raise BenchmarkError(f"an agent of the worker crashed:\n{self._last_lines()}")

    def wait_until_ready(self) -> Reading:
        """Wait until it may fetch its first record; how much CPU it had taken by then.

        Raises:
            BenchmarkError: It ended, or is not ready in time.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while READY not in self._text():
            self.check()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"a worker is not ready after {START_TIMEOUT:.0f} s:\n{self._last_lines()}")
            time.sleep(_LOOK_EVERY)
        return self.read()

    @property
    def address(self) -> str:
        """Where its web server is."""
        return f"http://127.0.0.1:{self._port}"

    def get(self, path: str) -> Any:
        """What its web server answers, JSON."""
        with urlopen(f"{self.address}{path}", timeout=10) as response:
            return msgspec.json.decode(response.read())

    def memory(self) -> int:
        """Bytes of memory that it has now."""
        return resident_bytes(self._process.pid)

    def kill(self) -> None:
        """End it as a power failure would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it leave its group and end."""
        stop(self._process, patience=20.0)

    def _text(self) -> str:
        return self._log.read_text(errors="replace")

    def _new_text(self) -> str:
        """What was logged since the last look: reading all of it again and again would take time from the worker."""
        with self._log.open(errors="replace") as log:
            log.seek(self._looked_at)
            found = log.read()
            self._looked_at = log.tell()
        return found

    def _last_lines(self) -> str:
        return "\n".join(self._text().splitlines()[-_LAST_LINES:])


class Stage:
    """Settings of an application on a broker of its own: what ``faust.conf`` of this project says, and nothing else.

    Args:
        folder: For logs and whatever workers keep.
        port: The broker's port.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
            "PYTHONPATH": str(ROOT),
            FILE_VARIABLE: str(ROOT / "faust.conf"),
            "FRAUD_STREAM_BROKER_URL": f"kafka://127.0.0.1:{port}",
            "FRAUD_STREAM_STORE_DATADIR": str(folder / "tables"),
        }
        self.settings: Settings = load(self._environ).settings

    @contextmanager
    def worker(self, module: str, name: str = "", variables: Mapping[str, str] = _NONE) -> Iterator[Worker]:
        """A worker of the application in `module` for as long as the block lasts.

        Args:
            module: It.
            name: What it keeps is in a folder of this name: its own, for each of several workers.
            variables: Environment variables that it is given besides.
        """
        port = free_port()
        command = [sys.executable, "-m", "faust", "--datadir", str(self._folder / (name or module)), "-A", module]
        command += ["worker", "--loglevel", "info", "--web-port", str(port)]
        with self.program(module, command, {"FRAUD_STREAM_WEB_PORT": str(port), **variables}, port) as started:
            yield started

    @contextmanager
    def program(self, name: str, command: list[str], variables: Mapping[str, str], port: int = 0) -> Iterator[Worker]:
        """Any program that finds the broker in its environment, for as long as the block lasts."""
        log = self._folder / f"{name}-{port or free_port()}.log"
        state = {"PEER_STATE": str(self._folder / f"state-{name}")}
        worker = Worker(spawn(command, log, {**self._environ, **state, **variables}), log, port)
        try:
            yield worker
        finally:
            worker.stop()

    def log_bytes(self, topic: str) -> int:
        """What Kafka keeps of a topic on disk."""
        folders = (self._folder / KAFKA).glob(f"broker-*/data/{topic}-*")
        return sum(segment.stat().st_size for folder in folders for segment in folder.glob("*.log"))


@contextmanager
def stage(kind: str) -> Iterator[Stage]:
    """A broker of its own with the topics of this application, for as long as the block lasts.

    Args:
        kind: Which one, of `BROKERS`.
    """
    with tempfile.TemporaryDirectory(prefix="fraud-stream-") as name, BROKERS[kind](Path(name)) as port:
        prepared = Stage(Path(name), port)
        create_topics(prepared.settings)
        yield prepared


@contextmanager
def _kafka(folder: Path) -> Iterator[int]:
    with running(folder / KAFKA, [free_port()]) as cluster:
        yield cluster.brokers[0].port


@contextmanager
def _embedded(_: Path) -> Iterator[int]:
    port = free_port()
    with embedded.running(port):
        yield port


#: Brokers to measure on: Apache Kafka, which needs Java and Maven, or the one that comes with this application.
BROKERS: Mapping[str, Callable[[Path], AbstractContextManager[int]]] = {"kafka": _kafka, "embedded": _embedded}
