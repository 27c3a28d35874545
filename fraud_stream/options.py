"""Kinds of values that commands take."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import click

from fraud_stream.files.times import event_seconds
from fraud_stream.sections import parse_duration


class FiniteRange(click.FloatRange):
    """A number within bounds: not ``nan``, which is within any as it compares with nothing, nor an infinite one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number that was typed."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def with_default(name: str, value: object, kind: click.ParamType, text: str) -> Callable[[Any], Any]:
    """An option with a default that its help shows."""
    return click.option(name, type=kind, default=value, show_default=True, help=text)


def with_options(options: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """A decorator that gives a command these options, shown in this order."""
    return lambda command: functools.reduce(lambda done, option: option(done), reversed(options), command)


class Span(click.ParamType):
    """A length of time in seconds, written ``0``, ``10s``, ``5m``, ``1h`` or ``7d``.

    >>> Span().convert("10s", None, None), Span().convert("7d", None, None)
    (10.0, 604800.0)
    """

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        try:
            seconds = float(str(parse_duration(value)))
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            self.fail(f"{value!r} is no length of time; write it like 10s, 5m, 1h or 7d", param, ctx)
        return seconds


class Moment(click.ParamType):
    """A moment in seconds since 1970, written in ISO 8601 (UTC where it names no zone) or so already.

    >>> Moment().convert("2024-01-31 12:00:00", None, None)
    1706702400.0
    """

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds since 1970."""
        seconds = event_seconds(value)
        if seconds is None:
            self.fail(f"{value!r} is no time after 1999; write it like '2024-01-31 12:00:00'", param, ctx)
        return seconds


class WebAddress(click.ParamType):
    """The address of a web server, as people write it: ``http://127.0.0.1:6066``, with a path or without.

    >>> WebAddress().convert("https://host/prometheus/", None, None)
    'https://host/prometheus'
    """

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address, without a slash behind."""
        text = str(value)
        if not _is_web_address(text):
            self.fail(f"{text!r} is no address of a web server; write it like http://127.0.0.1:6066", param, ctx)
        return text.rstrip("/")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"http", "https"} and parts.hostname is not None and parts.port != 0
    except ValueError:  # the port is none, say
        return False
    return known and text.isprintable() and " " not in text and not (parts.query or parts.fragment)
