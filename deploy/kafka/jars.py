"""The broker's jars, copied from Maven Central once."""

import os
import shutil
import subprocess
from pathlib import Path

from fraud_stream.errors import BrokerError

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
#: Where the jars are kept; git ignores it.
JARS = HERE / "jars"
#: Seconds that Maven may take.
PATIENCE = 600.0
_NEEDED = {"java": "Java 17 or newer (on Debian: apt-get install default-jre-headless)", "mvn": "Maven (maven)"}


def class_path() -> str:
    """What Java loads the broker from; the jars are fetched if they are not there as ``pom.xml`` wants them.

    Raises:
        BrokerError: Java or Maven is missing, or Maven fails.
    """
    done = JARS / ".done"
    if not done.is_file() or done.read_text() != POM.read_text():
        check_tools("java", "mvn")
        shutil.rmtree(JARS, ignore_errors=True)
        _fetch()
        done.write_text(POM.read_text())
    check_tools("java")
    return os.pathsep.join((str(JARS / "*"), str(HERE)))  # HERE: the loggers' settings


def check_tools(*names: str) -> None:
    """Make sure that programs are there.

    Raises:
        BrokerError: They are not; it says what to install.
    """
    missing = [_NEEDED[name] for name in names if shutil.which(name) is None]
    if missing:
        raise BrokerError(f"a real Kafka needs {' and '.join(missing)}; the embedded broker needs neither")


def _fetch() -> None:
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(POM), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={JARS}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603
    if done.returncode:
        raise BrokerError(f"Maven could not fetch Kafka's jars:\n{(done.stdout + done.stderr).strip()[-2_000:]}")
