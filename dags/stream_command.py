"""Running ``fraud-stream`` from a DAG: in the application's own environment, so that Airflow's pins never reach it.

``DAGS_FRAUD_STREAM_BIN`` is where the command is, if it is not on the path; ``FRAUD_STREAM_CONF`` and the other
variables of the application's settings go to it as they are.
"""

import logging
import os
import subprocess

from airflow.sdk.exceptions import AirflowException, AirflowFailException

#: The exit code of wrong options: trying again would not mend them.
_USAGE = 2
_log = logging.getLogger(__name__)


def fraud_stream(*arguments: str) -> str:
    """Run a command; what it prints.

    Raises:
        AirflowFailException: It cannot be run as it is, however often.
        AirflowException: It has failed; it may be tried again.
    """
    command = [os.environ.get("DAGS_FRAUD_STREAM_BIN", "fraud-stream"), *arguments]
    _log.info("running %s", command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a list, and no shell
    except OSError as error:
        raise AirflowFailException(f"cannot run {command[0]}: {error.strerror}; set DAGS_FRAUD_STREAM_BIN") from None
    for line in (done.stderr + done.stdout).splitlines():
        _log.info("%s", line)
    if done.returncode == _USAGE:
        raise AirflowFailException(done.stderr.strip())
    if done.returncode:
        raise AirflowException(f"exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout
