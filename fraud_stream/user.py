"""Who changes something, and why: it is recorded with the change."""

import getpass
import os
from collections.abc import Callable
from typing import Any

import click

from fraud_stream.audit import Author
from fraud_stream.domain.said import LONGEST_WORD


def user_name() -> str:
    """Who runs this program."""
    try:
        return getpass.getuser()[:LONGEST_WORD].encode(errors="replace").decode()
    except (OSError, KeyError, ImportError):  # in a container, say, that knows no names
        return f"user {os.getuid()}"


def operator() -> Author:
    """Who runs this program, as the author of what it changes."""
    return Author(user_name(), "command")


def reason_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option that says why something is changed."""
    return click.option("--reason", default="", callback=_short_enough, help="Why; it is recorded.")(command)


def _short_enough(_: click.Context, __: click.Parameter, value: str) -> str:
    if len(value) > LONGEST_WORD:
        raise click.BadParameter(f"{len(value)} letters; at most {LONGEST_WORD} are recorded")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise click.BadParameter("it has bytes that are no UTF-8: write it as text") from None
    return value
