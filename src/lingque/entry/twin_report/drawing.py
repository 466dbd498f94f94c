"""Histograms, lines and bars as SVG. Numbers and months stand in them, and of bars the names of the data: words for
people stand around them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lingque.entry.report.plots import BLUE, GREY, ORANGE

Numbers = NDArray[Any]
_SETTINGS = Lock()
"""The SVG writer reads settings of the whole process while it draws."""


def histogram(name: str, values: Numbers, *, bins: Numbers, logarithmic: bool = False) -> str:
    figure, axes = _empty()
    axes.hist(values, bins=bins, color=BLUE)
    if logarithmic:
        axes.set_xscale("log")
    return _svg(figure, name)


def line(name: str, x: Numbers, y: Numbers, *, marks: Sequence[int] = ()) -> str:
    """`marks`: where a dashed line stands upright."""
    figure, axes = _empty()
    axes.plot(x, y, color=BLUE, linewidth=1)
    for mark in marks:
        axes.axvline(mark, color=ORANGE, linestyle="--", linewidth=1)
    axes.set_ylim(bottom=0)
    return _svg(figure, name)


def by_day(name: str, first_day: int, counts: Numbers, *, marks: Sequence[int] = ()) -> str:
    """A line over the days from `first_day` on (days since 1970-01-01); `marks` are days counted from it."""
    figure, axes = _empty()
    days = np.arange(first_day, first_day + len(counts)).astype("datetime64[D]")
    axes.plot(days, counts, color=BLUE, linewidth=1)
    for mark in marks:
        axes.axvline(days[mark], color=ORANGE, linestyle="--", linewidth=1)
    axes.tick_params(axis="x", labelsize=7)  # YYYY-MM
    axes.set_ylim(bottom=0)
    return _svg(figure, name)


def bars(name: str, values: Mapping[str, float], *, per: float = 1.0) -> str:
    """The first at the top."""
    figure, axes = _empty(height=0.22 * len(values) + 0.8)
    axes.barh(range(len(values)), np.array(list(values.values())) / per, color=BLUE)
    axes.set_yticks(range(len(values)), [one.replace("_", " ") for one in values])
    axes.invert_yaxis()
    return _svg(figure, name)


def _empty(height: float = 2.6) -> tuple[Figure, Any]:
    figure = Figure(figsize=(5.6, height), layout="constrained")
    axes = figure.subplots()
    axes.tick_params(colors=GREY, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure, name: str) -> str:
    written = io.StringIO()
    with _SETTINGS, matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(written, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    drawn = written.getvalue()
    inner = drawn[drawn.index("<svg") :]
    # ids are unique on the page: several pictures stand in one
    inner = re.sub(r'\bid="', f'id="{name}-', inner)
    return re.sub(r"(url\(#|href=\"#)", rf"\1{name}-", inner)
