"""Option types of the commands: rates, speeds, lengths of time, moments."""

import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from fraud_stream.options import FiniteRange
from fraud_stream.settings import parse_duration
from producers.times import event_seconds

SHARE = FiniteRange(0, 1)
POSITIVE = FiniteRange(0, min_open=True)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def with_default(name: str, value: object, kind: click.ParamType, text: str) -> Callable[[Any], Any]:
    """An option with a default that its help shows."""
    return click.option(name, type=kind, default=value, show_default=True, help=text)


def with_options(options: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """A decorator that gives a command these options, shown in this order."""
    return lambda command: functools.reduce(lambda done, option: option(done), reversed(options), command)


class Rate(click.ParamType):
    """Records a second, written ``1000/h``, ``50/s`` or ``max``.

    >>> Rate().convert("1800/h", None, None), Rate().convert("max", None, None)
    (0.5, inf)
    """

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Records a second; infinity for ``max``."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)/([smhd])", str(value).strip())
        if str(value) == "max":
            return math.inf
        if not found or not float(found[1]):
            self.fail(f"{value!r} is no rate; write it like 1000/h, 50/s or max", param, ctx)
        return float(found[1]) / _UNITS[found[2]]


class Speed(click.ParamType):
    """Seconds of event time a second: a number, ``original`` (1) or ``max``.

    >>> Speed().convert("60", None, None), Speed().convert("original", None, None), Speed().convert("max", None, None)
    (60.0, 1.0, inf)
    """

    name = "speed"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds of event time a second; infinity for ``max``."""
        words = {"original": 1.0, "max": math.inf}
        if value in words:
            return words[str(value)]
        if not re.fullmatch(r"\d+(\.\d+)?", str(value)) or not float(str(value)):
            self.fail(f"{value!r} is no speed; write original, max or a number like 60", param, ctx)
        return float(str(value))


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
