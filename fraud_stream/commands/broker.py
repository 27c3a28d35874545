"""``fraud-stream broker``: the embedded broker in the foreground."""

import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from fraud_stream.broker import WARNING, running
from fraud_stream.errors import BrokerError
from fraud_stream.sections import BrokerSettings
from fraud_stream.settings import load

#: The addresses that the embedded broker can stand for.
_LOOPBACK = ("127.0.0.1", "localhost")


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on; else that of [broker] url.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="File for the broker's own log.")
def broker(port: int | None, log: Path | None) -> None:
    """Run the embedded broker until Ctrl-C.

    It listens on this machine alone, keeps its data in memory and loses them when it ends: for trying out and tests.
    """
    port = port or own_port(load().settings.broker)
    signal.signal(signal.SIGTERM, _end)
    with running(port, log) as process:
        click.secho(f"{WARNING[0].upper()}{WARNING[1:]}", fg="yellow", err=True)
        click.echo(f"The embedded broker listens at kafka://127.0.0.1:{port}; Ctrl-C ends it.")
        code = process.wait()
    raise BrokerError(f"the embedded broker has ended by itself (exit code {code}); --log FILE shows why")


def own_port(settings: BrokerSettings) -> int:
    """The port of ``[broker] url``, if that is on this machine.

    Raises:
        BrokerError: It is elsewhere, or there are several brokers.
    """
    host, _, port = settings.servers[0].rpartition(":")
    if len(settings.servers) > 1 or host not in _LOOPBACK:
        raise BrokerError(f"[broker] url is {settings.url}, which is not this machine; choose a port with --port")
    return int(port)


def _end(*_: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)  # unwinds, so that the broker is stopped
