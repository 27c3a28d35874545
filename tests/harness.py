"""Workers and topics for the tests against a real broker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import orjson
from prometheus_client.parser import text_string_to_metric_families

from fraud_stream import broker as embedded
from fraud_stream.access import ROLES, read_people
from fraud_stream.broker import free_port
from fraud_stream.kafka import create_topics, make_producer
from fraud_stream.reading import read_all
from fraud_stream.settings import Settings, load
from tests.kafka import kafka

ROOT = Path(__file__).parent.parent
#: Whether the tests run on Apache Kafka (`make test-kafka`), not on the embedded broker.
ON_KAFKA = os.environ.get("TEST_BROKER") == "kafka"
#: Stands for the role that may do most.
MOST = "most"


@contextmanager
def a_broker(folder: Path) -> Iterator[int]:
    """A broker without topics for as long as the block lasts; its port."""
    if ON_KAFKA:
        with kafka.lent() as port:
            yield port
        return
    port = free_port()
    with embedded.running(port, folder / "broker.log"):
        yield port


def settings_at(port: int) -> Settings:
    """The settings as they are shipped, on the broker at `port`."""
    environ = {"FRAUD_STREAM_CONF": str(ROOT / "faust.conf"), "FRAUD_STREAM_BROKER_URL": f"kafka://127.0.0.1:{port}"}
    return load(environ).settings


@contextmanager
def topics(folder: Path) -> Iterator[Settings]:
    """The shipped settings on a broker that has their topics, for as long as the block lasts."""
    with a_broker(folder) as port:
        settings = settings_at(port)
        create_topics(settings)
        yield settings


def settings_for(port: int, folder: Path, **variables: str) -> tuple[Settings, dict[str, str]]:
    """Settings of an application on the broker at `port`, and the environment that makes them."""
    environ = {
        "FRAUD_STREAM_CONF": str(ROOT / "faust.conf"),
        "FRAUD_STREAM_BROKER_URL": f"kafka://127.0.0.1:{port}",
        "FRAUD_STREAM_APP_ID": kafka.app_id,
        "FRAUD_STREAM_STORE_DATADIR": str(folder),
        **variables,
    }
    return load(environ).settings, environ


class Worker:
    """One worker process."""

    def __init__(self, environ: Mapping[str, str], folder: Path, name: str, app: str = "fraud_stream") -> None:
        self.port = free_port()
        self.log = folder / f"{name}.log"
        people = read_people(environ.get("FRAUD_STREAM_WEB_TOKENS", ""))
        self.tokens = {one.role: one.token for one in sorted(people, key=lambda one: ROLES.index(one.role))}
        if self.tokens:
            self.tokens[MOST] = list(self.tokens.values())[-1]
        datadir = folder / name
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("FRAUD_STREAM_")},
            **environ,
            "FRAUD_STREAM_WEB_PORT": str(self.port),
            "FRAUD_STREAM_STORE_DATADIR": str(datadir),
        }
        command = [sys.executable, "-m", "faust", "-A", app, "worker", "-l", "info"]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--web-port", str(self.port)], cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, patience: float = 20.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.process.returncode

    def get(self, path: str, role: str | None = MOST) -> Any:
        with self.open(path, role) as response:
            return json.load(response)

    def open(self, path: str, role: str | None = MOST, body: Any = None, **headers: str) -> Any:
        """The answer to who has a role; POSTs where there is a body, as JSON if it is not bytes."""
        token = self.tokens.get(role or "")
        known = {"Authorization": f"Bearer {token}"} if token else {}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {} if data is None else {"Content-Type": "application/json"}
        request = Request(f"http://127.0.0.1:{self.port}{path}", data, {**kind, **known, **headers})
        return urlopen(request, timeout=20)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels; at least one has."""
        found = self.samples(name, **labels)
        assert found, f"no sample of {name} has {labels}"
        return sum(found)

    def samples(self, name: str, **labels: str) -> list[float]:
        """A metric's samples that have these labels."""
        with self.open("/metrics") as response:
            families = text_string_to_metric_families(response.read().decode())
        samples = [one for family in families for one in family.samples if one.name == name]
        return [one.value for one in samples if labels.items() <= one.labels.items()]

    def wait_until_ready(self) -> "Worker":
        """Wait until the worker has joined its group and serves its pages."""

        wait_until(self.partitions)
        return self

    def partitions(self) -> int:
        """How many partitions of its tables it has; 0 while it starts, recovers or rebalances."""
        assert self.process.poll() is None, self.text()[-3_000:]
        try:
            return len(self.get("/table/")[0]["partitions"])
        except OSError:
            return 0

    def text(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def worker(
    environ: Mapping[str, str], folder: Path, name: str = "worker", app: str = "fraud_stream"
) -> Iterator[Worker]:
    running = Worker(environ, folder, name, app)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def wait_until(condition: Callable[[], Any], patience: float = 60.0, every: float = 0.25) -> Any:
    """Wait until `condition` holds; what it said."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"not within {patience} s")


def produce(settings: Settings, topic: str, records: Iterable[tuple[str | bytes | None, bytes | None]]) -> int:
    """Send keyed records, in order; the broker takes them all."""
    create_topics(settings)
    producer, refused = make_producer(settings.broker), []
    count = 0
    for key, value in records:
        while True:
            try:
                producer.produce(
                    topic, key=key, value=value, on_delivery=lambda error, _: error and refused.append(error)
                )
                break
            except BufferError:
                producer.poll(0.1)
        count += 1
    assert producer.flush(60) == 0
    assert not refused, refused[0]
    return count


def values(settings: Settings, topic: str) -> list[Any]:
    """Every JSON value on a topic."""
    return [orjson.loads(message.value()) for message in read_all(settings, topic)]


def transaction_alerts(settings: Settings) -> list[Any]:
    """Every alert of a transaction; drifts are on the same topic."""
    return [one for one in values(settings, settings.topics.alerts) if "stream" not in one]


def models(settings: Settings) -> list[Any]:
    """Every published state of the online model."""
    return [value for value in values(settings, "models") if value["name"] == settings.model.name]


def count(settings: Settings, topic: str) -> int:
    return sum(1 for _ in read_all(settings, topic))
