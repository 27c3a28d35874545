"""Brokers of one cluster: started, stopped, killed and started again, one by one."""

import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.kafka.jars import class_path
from fraud_stream.broker import free_port, port_is_taken
from fraud_stream.errors import BrokerError
from fraud_stream.processes import spawn, stop

#: Seconds that a cluster may take to answer.
START_TIMEOUT = 60.0
#: Seconds that a broker may take to hand its partitions over and end.
STOP_TIMEOUT = 40.0
#: Seconds that the last of them may take.
LAST_TIMEOUT = 6.0
_MEMORY = "-Xms256m", "-Xmx1g"
Properties = Mapping[str, str]
_NONE: Properties = MappingProxyType({})


class Broker:
    """One broker, which is a controller of the cluster too.

    Args:
        number: Its number in the cluster, from 1 on.
        port: Where clients reach it, on the loopback.
        folder: Its data, settings and log.

    Attributes:
        controller_port: Where controllers reach it.
        inner_port: Where other brokers, and this module, reach it: always in plain text, on the loopback.
    """

    def __init__(self, number: int, port: int, folder: Path) -> None:
        self.number = number
        self.port = port
        self.controller_port = free_port()
        self.inner_port = free_port()
        self.log = folder / "server.log"
        self._folder = folder
        self._settings = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def format(self, cluster: str, properties: Properties) -> None:
        """Prepare its folder for a new cluster.

        Raises:
            BrokerError: Kafka refuses the settings.
        """
        self._folder.mkdir(parents=True)
        lines = {**properties, "node.id": str(self.number), "log.dirs": str(self._folder / "data")}
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        command = _java("kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(self._settings))
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_TIMEOUT, check=False)  # noqa: S603
        if done.returncode:
            raise BrokerError(f"Kafka refuses its settings: {(done.stdout + done.stderr).strip()[-2_000:]}")

    def start(self) -> None:
        """Start it; it does not answer yet.

        Raises:
            BrokerError: Something else listens on its port.
        """
        if port_is_taken(self.port):
            raise BrokerError(f"port {self.port} is taken; choose others with --port")
        self._process = spawn(_java(*_MEMORY, "kafka.Kafka", str(self._settings)), self.log)

    def stop(self, patience: float = STOP_TIMEOUT) -> None:
        """Have it hand over what it leads and end; it is killed where that takes longer than `patience` seconds."""
        if self._process is not None:
            stop(self._process, patience)

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Cluster:
    """Brokers on this machine that know each other.

    Args:
        folder: For their data, settings and logs.
        ports: Where clients reach each of them.
        properties: Settings of Kafka beside those that make it a cluster on the loopback.
        protocol: How clients speak to it: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; what else that needs is in
            `properties`, as ``listener.name.clients.…``.
    """

    def __init__(
        self, folder: Path, ports: Sequence[int], properties: Properties = _NONE, protocol: str = "PLAINTEXT"
    ) -> None:
        self.brokers = [Broker(n, port, folder / f"broker-{n}") for n, port in enumerate(ports, 1)]
        self._properties = properties
        self._protocol = protocol

    @property
    def servers(self) -> str:
        """What clients are told, ``host:port,host:port``."""
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def start(self) -> None:
        """Make a new cluster and wait until all its brokers answer.

        Raises:
            BrokerError: It does not start.
        """
        cluster = uuid.uuid4().hex[:22]
        for broker in self.brokers:
            broker.format(cluster, {**self._shared(), **self._listeners(broker), **self._properties})
        for broker in self.brokers:
            broker.start()
        self.wait()

    def stop(self) -> None:
        """End all brokers, the last first; each hands over to those that are left.

        The first has nobody to hand over to.  In a cluster of several it would wait for that for ever.
        """
        first, *others = self.brokers
        for broker in reversed(others):
            broker.stop()
        first.stop(LAST_TIMEOUT)

    def kill(self) -> None:
        """End all brokers at once: for tests, which throw their data away."""
        for broker in self.brokers:
            broker.kill()

    def wait(self, patience: float = START_TIMEOUT) -> None:
        """Wait until every broker that runs is known to the cluster.

        Raises:
            BrokerError: One has ended, or does not answer in time.
        """
        deadline = time.monotonic() + patience
        while True:
            running = [broker.number for broker in self.brokers if broker.is_running]
            if running and set(running) <= self._answering():
                return
            if not running or time.monotonic() > deadline:
                raise BrokerError(f"Kafka does not answer at {self.servers}; see {self.brokers[0].log.parent}")
            time.sleep(0.1)

    def _answering(self) -> set[int]:
        servers = ",".join(f"127.0.0.1:{broker.inner_port}" for broker in self.brokers)
        admin = AdminClient({"bootstrap.servers": servers, "log_level": 0, "socket.timeout.ms": 2_000})
        try:
            return set(admin.list_topics(timeout=2.0).brokers)
        except KafkaException:
            return set()

    def _shared(self) -> Properties:
        copies = str(min(3, len(self.brokers)))
        safe = str(min(2, len(self.brokers)))
        voters = (f"{broker.number}@127.0.0.1:{broker.controller_port}" for broker in self.brokers)
        return {
            "process.roles": "broker,controller",
            "controller.quorum.voters": ",".join(voters),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "BROKERS",
            "listener.security.protocol.map": f"CLIENTS:{self._protocol},BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "default.replication.factor": copies,
            "min.insync.replicas": safe,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": safe,
            "group.initial.rebalance.delay.ms": "0",  # a single worker need not wait for others to join
        }

    def _listeners(self, broker: Broker) -> Properties:
        reached = f"CLIENTS://127.0.0.1:{broker.port},BROKERS://127.0.0.1:{broker.inner_port}"
        return {
            "listeners": f"{reached},CONTROLLER://127.0.0.1:{broker.controller_port}",
            "advertised.listeners": reached,
        }


@contextmanager
def running(
    folder: Path, ports: Sequence[int], properties: Properties = _NONE, protocol: str = "PLAINTEXT"
) -> Iterator[Cluster]:
    """A cluster for as long as the block lasts; arguments as for `Cluster`."""
    cluster = Cluster(folder, ports, properties, protocol)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _java(*arguments: str) -> list[str]:
    return ["java", "-cp", class_path(), *arguments]
