"""Pictures of figures, as notebooks show them; where there is nothing to draw, a sentence that says so.

They are no pyplot figures: they need neither Jupyter nor a window, and nobody has to close them.
"""

from io import BytesIO
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

#: Inches, and dots of each.
_WIDTH, _HEIGHT, _DOTS = 9.0, 3.2, 110
#: So few steps have large dots: a day of one value must be seen.
_FEW = 31
_DAY = np.timedelta64(1, "D")
_TEAL, _RED, _YELLOW, _GREY = "#00798c", "#d1495b", "#edae49", "#b8c4ce"
#: What means the same has the same colour in all pictures; grey is what is as it should be.
_COLOURS = {
    "accepted": _GREY,
    "alerted": _RED,
    "late": "#5d6975",
    "review": _YELLOW,
    "block": _RED,
    "rules": _TEAL,
    "anomaly": _YELLOW,
    "model": _RED,
    "p50": _TEAL,
    "p95": _YELLOW,
    "p99": _RED,
    "precision": _TEAL,
    "recall": _YELLOW,
    "alerts": _TEAL,
}
#: For all else, in turn.
_OTHERS = (_TEAL, _YELLOW, "#66a182", "#8d6a9f", _RED, "#2e4057", "#c58b5a", "#9aa5b1")
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "font.size": 9,
    "grid.alpha": 0.3,
}


class Picture:
    """A picture as notebooks show it.

    Args:
        title: What it shows.
        table: The figures; with the title the picture's plain text.
        height: Inches.

    Attributes:
        axes: Where to draw.
    """

    def __init__(self, title: str, table: pd.DataFrame, height: float = _HEIGHT) -> None:
        self._title, self._table = title, table
        with mpl.rc_context(_STYLE):
            self._figure = Figure(figsize=(_WIDTH, height), layout="constrained")
            self.axes: Axes = self._figure.subplots()
            self.axes.set_title(title)

    def __repr__(self) -> str:
        return f"{self._title}\n{self._table.rename_axis(index=None, columns=None).to_string()}"

    def _repr_png_(self) -> bytes:
        file = BytesIO()
        with mpl.rc_context(_STYLE):
            self._figure.savefig(file, format="png", dpi=_DOTS, metadata={"Software": None})
        return file.getvalue()


class Sentence:
    """What is said in place of a picture or a table."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"*{self.text}*"


Shown = Picture | Sentence


def _plain(name: object) -> str:
    """A name as it is written: matplotlib would read what is between dollars as a formula."""
    return str(name).replace("$", r"\$")


def bars(table: pd.DataFrame, title: str, nothing: str) -> Shown:
    """Counts by step of time, a column of the table upon the other; `nothing` is said where all are 0."""
    if not table.to_numpy().any():
        return Sentence(nothing)
    picture, below, (begins, step) = Picture(title, table), np.zeros(len(table)), _times(table)
    for colour, name in _coloured(table):
        picture.axes.bar(begins, table[name], step, below, align="edge", label=_plain(name), color=colour)
        below += table[name].to_numpy()
    picture.axes.yaxis.set_major_locator(_whole_numbers())
    return _over_time(picture, table)


def lines(table: pd.DataFrame, title: str, unit: str, nothing: str, top: float | None = None) -> Shown:
    """Values by step of time, a line for each column from 0 to `top`; `nothing` is said where all are NaN."""
    if table.isna().to_numpy().all():
        return Sentence(nothing)
    picture, (begins, step), size = Picture(title, table), _times(table), 7 if len(table) <= _FEW else 3
    for colour, name in _coloured(table):
        picture.axes.plot(begins + step / 2, table[name], marker="o", markersize=size, label=_plain(name), color=colour)
    picture.axes.set(ylabel=unit, ylim=(0, top))
    return _over_time(picture, table)


def ranks(table: pd.DataFrame, title: str, nothing: str) -> Shown:
    """Counts by name, the first row on top and a column upon the other; `nothing` is said where there are none.

    Each row has its sum written out, and its share where the table has a column `share`.
    """
    if table.empty:
        return Sentence(nothing)
    picture, numbers = Picture(title, table, 1.0 + 0.28 * len(table)), table.drop(columns="share", errors="ignore")
    left, names = np.zeros(len(table)), [_plain(name) for name in table.index]
    for colour, name in _coloured(numbers):
        picture.axes.barh(names, numbers[name], left=left, label=_plain(name), color=colour)
        left += numbers[name].to_numpy()
    _write_sums(picture.axes, table, left)
    return _with_legend(picture, len(numbers.columns))


def rows(table: pd.DataFrame, nothing: str) -> pd.DataFrame | Sentence:
    """A table, or where it is empty what is said then."""
    return Sentence(nothing) if table.empty else table


def _coloured(table: pd.DataFrame) -> list[tuple[str, str]]:
    """The columns, each with its colour before it."""
    names = zip(map(str, table.columns), cycle(_OTHERS), strict=False)
    return [(_COLOURS.get(name, other), name) for name, other in names]


def _whole_numbers() -> MaxNLocator:
    """Ticks at round whole numbers."""
    return MaxNLocator(integer=True, steps=[1, 2, 5, 10])


def _times(table: pd.DataFrame) -> tuple[Any, Any]:
    """The begins of the steps, UTC, and their length, as numpy has them."""
    index = pd.DatetimeIndex(table.index)
    return index.tz_convert(None).to_numpy(), (index.shift(1) - index)[0].to_timedelta64()


def _over_time(picture: Picture, table: pd.DataFrame) -> Picture:
    begins, step = _times(table)
    locator = AutoDateLocator(minticks=1 if step >= _DAY else 5)  # type: ignore[no-untyped-call]
    picture.axes.xaxis.set_major_locator(locator)
    picture.axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    picture.axes.set(xlabel="UTC", xlim=(begins[0], begins[-1] + step))
    return _with_legend(picture, len(table.columns))


def _with_legend(picture: Picture, columns: int) -> Picture:
    """A legend beside the picture, where it hides nothing; none of one column, which the title tells of."""
    if columns > 1:
        picture.axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return picture


def _write_sums(axes: Axes, table: pd.DataFrame, sums: np.ndarray) -> None:
    shares = [f" ({share:.1%})" for share in table["share"]] if "share" in table else [""] * len(table)
    for place, (number, share) in enumerate(zip(sums, shares, strict=True)):
        axes.text(number, place, f" {number:,.0f}{share}", va="center")
    axes.set(xlim=(0, sums.max() * 1.2))
    axes.xaxis.set_major_locator(_whole_numbers())
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
