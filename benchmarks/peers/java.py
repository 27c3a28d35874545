"""The Java peer: built by Maven, once for each state of its sources."""

import os
import subprocess
from pathlib import Path

from benchmarks.errors import BenchmarkError
from deploy.kafka.jars import check_tools

HERE = Path(__file__).parent / "kafka_streams"
TARGET = HERE / "target"
_PATIENCE = 600.0


def command() -> list[str]:
    """What starts the application on Kafka Streams.

    Raises:
        BrokerError: Java or Maven is missing.
        BenchmarkError: It cannot be built.
    """
    check_tools("java", "mvn")
    built = ["mvn", "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml"), "package"]
    done = subprocess.run(built, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode:
        raise BenchmarkError(f"Maven cannot build the peer on Kafka Streams:\n{done.stdout[-2_000:]}")
    path = os.pathsep.join((str(TARGET / "classes"), str(TARGET / "jars" / "*")))
    return ["java", "-Xmx1g", "-cp", path, "peer.Main"]
