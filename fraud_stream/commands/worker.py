"""``fraud-stream worker``: Faust's own command under this project's name."""

import os
import sys

import click

from fraud_stream.settings import load


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Run a worker: the same as faust -A fraud_stream worker.

    All ARGUMENTS, --help too, go to Faust.
    """
    load()  # a wrong setting is told in one line here; within Faust it would be a traceback
    sys.stdout.flush()
    command = [sys.executable, "-m", "faust", "-A", "fraud_stream", "worker", *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell
