from io import BytesIO
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from fraud_stream.overview import pictures

HOURS = pd.date_range("2026-01-31", periods=3, freq="h", tz="UTC", unit="ms")
COUNTS = pd.DataFrame({"accepted": [5, 0, 7], "alerted": [1, 0, 2]}, index=HOURS)
RANKS = pd.DataFrame({"alerts": [3, 1], "share": [0.75, 0.25]}, index=["velocity", "amount"])


def colours(shown: Any) -> set[tuple[int, ...]]:
    """All colours of a picture, each a triple of 0 to 255."""
    pixels = matplotlib.image.imread(BytesIO(shown._repr_png_()), format="png")[..., :3]
    return set(map(tuple, (pixels.reshape(-1, 3) * 255).round().astype(int).tolist()))


def rgb(name: str) -> tuple[int, ...]:
    code = pictures._COLOURS[name]
    return tuple(int(code[place : place + 2], 16) for place in (1, 3, 5))


def test_bars_show_every_column():
    shown = pictures.bars(COUNTS, "Per hour", "nothing")
    assert {rgb("accepted"), rgb("alerted")} <= colours(shown)
    heights = [[bar.get_height() for bar in part] for part in shown.axes.containers]
    assert heights == [[5, 0, 7], [1, 0, 2]]
    assert [bar.get_y() for bar in shown.axes.containers[1]] == [5, 0, 7]


def test_days_are_steps_too():
    days = pd.date_range("2026-01-31", periods=2, freq="D", tz="UTC", unit="ms")
    shown = pictures.lines(pd.DataFrame({"recall": [0.5, 0.6]}, index=days), "Quality", "share", "nothing")
    first, last = shown.axes.get_xlim()
    assert last - first == 2
    assert rgb("recall") in colours(shown)


def test_lines_show_every_column_and_break_where_there_is_nothing():
    table = pd.DataFrame({"p50": [1.0, np.nan, 3.0], "p99": [9.0, np.nan, 5.0]}, index=HOURS)
    shown = pictures.lines(table, "Latency", "milliseconds", "nothing")
    assert {rgb("p50"), rgb("p99")} <= colours(shown)
    assert [line.get_label() for line in shown.axes.lines] == ["p50", "p99"]
    assert np.isnan(shown.axes.lines[0].get_ydata()[1])
    assert shown.axes.get_ylabel() == "milliseconds"


def test_ranks_have_the_first_row_on_top_with_its_share():
    shown = pictures.ranks(RANKS, "By rule", "nothing")
    assert [text.get_text() for text in shown.axes.texts] == [" 3 (75.0%)", " 1 (25.0%)"]
    bottom, top = shown.axes.get_ylim()
    assert bottom > top
    assert len(colours(shown)) > 10


def test_ranks_stack_their_columns():
    table = pd.DataFrame({"review": [3, 0], "block": [1, 2]}, index=["HIGH", "LOW"])
    shown = pictures.ranks(table, "By severity", "nothing")
    assert [text.get_text() for text in shown.axes.texts] == [" 4", " 2"]
    assert {rgb("review"), rgb("block")} <= colours(shown)


def test_a_picture_is_text_too():
    text = repr(pictures.ranks(RANKS, "By rule", "nothing"))
    assert text.splitlines()[0] == "By rule"
    assert text.splitlines()[2].split() == ["velocity", "3", "0.75"]


@pytest.mark.parametrize(
    "shown",
    [
        pictures.bars(COUNTS * 0, "t", "nothing at all"),
        pictures.bars(COUNTS[:0], "t", "nothing at all"),
        pictures.lines(COUNTS.astype(float) * np.nan, "t", "ms", "nothing at all"),
        pictures.ranks(RANKS[:0], "t", "nothing at all"),
        pictures.rows(RANKS[:0], "nothing at all"),
    ],
)
def test_where_there_is_nothing_it_is_said(shown):
    assert repr(shown) == "nothing at all"
    assert shown._repr_markdown_() == "*nothing at all*"
    assert not hasattr(shown, "_repr_png_")


def test_rows_are_the_table():
    assert pictures.rows(RANKS, "nothing") is RANKS


def test_names_with_dollars_are_no_formulas():
    table = pd.DataFrame({"a_{$": [1], "b": [2]}, index=["$x_{ rule"])
    assert pictures.ranks(table, "t", "none")._repr_png_()[:4] == b"\x89PNG"
