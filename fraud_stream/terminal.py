"""Text for people in a terminal: safe to print whatever a record holds, and whole in a pipe."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fraud_stream.printable import printable

#: Columns of a line that goes to a file or a pipe: no value is cut off or wrapped there.
_ENDLESS = 100_000


def timestamp(seconds: float) -> str:
    """A time in UTC, to the second, of seconds since 1970.

    >>> timestamp(1706702400.0)
    '2024-01-31 12:00:00Z'
    """
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g}"


def as_json(value: Any) -> str:
    """A value as indented JSON; what JSON has no form for, such as a path, as its text."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: boxed and folded to the width of a terminal, in plain columns anywhere else."""
    shown = sys.stdout.isatty()
    table = Table(box=box.ROUNDED if shown else None, pad_edge=shown)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=not shown)
    for row in rows:
        table.add_row(*(Text(printable(str(value))) for value in row))
    console = Console(width=None if shown else _ENDLESS)
    with console.capture() as capture:
        console.print(table)
    click.secho(title, bold=True)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
