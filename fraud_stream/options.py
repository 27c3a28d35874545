"""Kinds of values that commands take."""

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A number within bounds: not ``nan``, which is within any as it compares with nothing, nor an infinite one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number that was typed."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number
