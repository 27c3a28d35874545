"""Option types of the producers: rates, speeds, shares."""

import math
import re

import click

from fraud_stream.options import FiniteRange

SHARE = FiniteRange(0, 1)
POSITIVE = FiniteRange(0, min_open=True)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


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
