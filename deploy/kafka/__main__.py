"""``python -m deploy.kafka``: a real Kafka in the foreground."""

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import click

from deploy.kafka.cluster import running
from deploy.kafka.jars import class_path
from fraud_stream.errors import BrokerError, FraudStreamError


@click.command()
@click.option("--brokers", type=click.IntRange(1, 9), default=1, show_default=True, help="So many, on ports in a row.")
@click.option("--port", type=click.IntRange(1, 65_000), default=9092, show_default=True, help="Port of the first.")
@click.option("--fetch", is_flag=True, help="Only fetch the jars, if they are not here.")
def main(brokers: int, port: int, fetch: bool) -> None:
    """Run Apache Kafka until Ctrl-C.

    It listens on this machine alone; its data are in a folder for the time being and are deleted at the end.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        class_path()
        if fetch:
            return
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kafka-")))
            cluster = stack.enter_context(running(folder, range(port, port + brokers)))
            click.echo(f"Kafka listens at kafka://{cluster.servers.replace(',', ';kafka://')}; Ctrl-C ends it.")
            while all(broker.is_running for broker in cluster.brokers):
                time.sleep(0.5)
            raise BrokerError("a broker has ended by itself")
    except KeyboardInterrupt:
        pass
    except FraudStreamError as error:
        raise click.ClickException(str(error)) from None


def _end(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
