"""Bars and intervals as SVG: labelled where they stand, in colours that differ in lightness too (Okabe and Ito)."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from threading import Lock
from typing import Any
from unicodedata import east_asian_width

from lingque.entry.report.content import Bar, Bars, Interval, Intervals

WIDTH = 560
ROW = 42
BAR = 13
LEFT = 4
BARS_END, INTERVALS_END = 450, 280
"""Where the longest bar and the highest bound end; numbers stand to the right of them."""

BLUE, ORANGE, GREY, INK, FAINT = "#0072b2", "#e69f00", "#5c6670", "#1c2733", "#dfe5ea"
FONTS = "'Noto Sans CJK SC', 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', 'Source Han Sans SC', sans-serif"

_SETTINGS = Lock()
"""The SVG writer reads settings of the whole process while it draws."""


def width_of(text: str, size: float) -> float:
    """About how wide a text is in that font size: a wide character takes a whole size, any other a little more than
    half."""
    return sum(size if east_asian_width(character) in "WF" else size * 0.58 for character in text)


def draw(plot: Bars | Intervals, name: str) -> str:
    """One `<svg>` element, with title and description; `name` is unique on the page and prefixes all ids."""
    canvas = _Canvas(rows=len(plot.bars) if isinstance(plot, Bars) else len(plot.rows), foot=_has_foot(plot))
    if isinstance(plot, Bars):
        _bars(canvas, plot.bars)
        said = [f"{bar.label} {bar.count:,}" for bar in plot.bars]
    else:
        _intervals(canvas, plot)
        said = [f"{row.label} {row.text}" for row in plot.rows]
    return canvas.svg(name, plot.title, "; ".join(said))


def _has_foot(plot: Bars | Intervals) -> bool:
    return isinstance(plot, Intervals) and plot.zero is not None


def _bars(canvas: _Canvas, bars: Sequence[Bar]) -> None:
    most = max([bar.count + bar.lost for bar in bars], default=0) or 1
    per_unit = (BARS_END - LEFT) / most
    for index, bar in enumerate(bars):
        top = canvas.words_of(index, bar.label)
        width = bar.count * per_unit
        if bar.lost:
            canvas.box(LEFT + width, top, bar.lost * per_unit, FAINT)
        canvas.box(LEFT, top, width, ORANGE if bar.aside else BLUE)
        end = LEFT + width + bar.lost * per_unit + 6
        canvas.words(end, top + BAR - 2, f"{bar.count:,}", bold=True)
        if bar.lost:
            # right of the number: seven points to a digit are more than any font takes
            canvas.words(end + 7.5 * len(f"{bar.count:,}") + 8, top + BAR - 2, f"-{bar.lost:,}", colour=GREY)


def _intervals(canvas: _Canvas, plot: Intervals) -> None:
    marks = [mark for row in plot.rows if row.at is not None for mark in row.at]
    marks += [row.truth for row in plot.rows if row.truth is not None]
    marks += [0.0] if plot.zero is not None else []
    least, most = min(marks, default=0.0), max(marks, default=1.0)
    span = (most - least) or 1.0
    left = LEFT + 10

    def at(value: float) -> float:
        return left + (value - least) / span * (INTERVALS_END - left)

    if plot.zero is not None:
        side = "start" if at(0.0) < WIDTH / 8 else "middle"
        canvas.words(at(0.0), canvas.height - 5, plot.zero, side=side, colour=GREY)
    for index, row in enumerate(plot.rows):
        top = canvas.words_of(index, row.label)
        judged = row.at is not None
        canvas.words(WIDTH - LEFT, top + BAR - 2, row.text, side="end", bold=judged, colour=INK if judged else GREY)
        if row.at is None:
            continue
        if plot.zero is not None:
            canvas.dashed(at(0.0), top - 2, top + BAR + 3)
        _interval(canvas, row, [at(value) for value in row.at], top + BAR / 2)
        if row.truth is not None:
            canvas.diamond(at(row.truth), top + BAR / 2)


def _interval(canvas: _Canvas, row: Interval, at: Sequence[float], middle: float) -> None:
    colour = ORANGE if row.aside else BLUE
    low, point, high = at
    canvas.line((low, middle), (high, middle), colour)
    for end in (low, high):
        canvas.line((end, middle - 5), (end, middle + 5), colour)
    canvas.dot(point, middle, colour)


class _Canvas:
    """A figure measured in its own units, one per CSS pixel, from the top left."""

    def __init__(self, *, rows: int, foot: bool) -> None:
        # matplotlib looks for fonts and writes a cache when it is imported: only whoever draws waits for that
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self.height = rows * ROW + (22 if foot else 4)
        self._figure = Figure(figsize=(WIDTH / 72, self.height / 72), dpi=72)
        FigureCanvasSVG(self._figure)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(0, WIDTH)
        self._axes.set_ylim(self.height, 0)
        self._words: list[str] = []

    def words_of(self, index: int, label: str) -> float:
        """The label above a row's mark. Returns where the mark begins."""
        top = index * ROW
        self.words(LEFT, top + 15, label[:1].upper() + label[1:])
        return top + 21

    def words(
        self, x: float, y: float, text: str, *, side: str = "start", bold: bool = False, colour: str = INK
    ) -> None:
        if not text:
            return
        sides: dict[str, Any] = {"start": "left", "middle": "center", "end": "right"}
        self._axes.text(
            x, y, f"@{len(self._words)}@", ha=sides[side], va="baseline", fontsize=12.5, color=colour,
            weight="bold" if bold else "normal", clip_on=False,
        )  # fmt: skip
        self._words.append(text)

    def box(self, x: float, y: float, width: float, colour: str) -> None:
        from matplotlib.patches import Rectangle

        self._add(Rectangle((x, y), max(width, 0.8), BAR, facecolor=colour, linewidth=0))

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        from matplotlib.patches import Polygon

        self._add(Polygon([start, end], closed=False, edgecolor=colour, linewidth=2.2, fill=False))

    def dashed(self, x: float, top: float, bottom: float) -> None:
        from matplotlib.patches import Polygon

        self._add(
            Polygon(
                [(x, top), (x, bottom)], closed=False, edgecolor=GREY, linewidth=1, linestyle=(0, (3, 3)), fill=False
            )
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        from matplotlib.patches import Circle

        self._add(Circle((x, y), 5.5, facecolor=colour, edgecolor="white", linewidth=1.2))

    def diamond(self, x: float, y: float) -> None:
        from matplotlib.patches import Polygon

        corners = [(x, y - 7), (x + 6, y), (x, y + 7), (x - 6, y)]
        self._add(Polygon(corners, facecolor=INK, edgecolor="white", linewidth=1.2))

    def _add(self, shape: Any) -> None:
        shape.set_clip_on(False)
        self._axes.add_patch(shape)

    def svg(self, name: str, title: str, description: str) -> str:
        import matplotlib

        written = io.StringIO()
        with _SETTINGS, matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
            nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            self._figure.savefig(written, format="svg", transparent=True, metadata=nothing)
        inner = written.getvalue().partition("<svg")[2].partition(">")[2].partition("</defs>")[2]
        inner = re.sub(r'\bid="', f'id="{name}-', inner)
        inner = re.sub(r" font-family: [^;\"]+;?", "", inner)
        # The writer measures words with the fonts of this machine, and warns where they lack Chinese. Words stand where
        # their anchor is, so it is given marks in their stead, and the page is the same on every machine.
        inner = re.sub(r"@(\d+)@", lambda mark: escape(self._words[int(mark[1])]), inner)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" role="img"'
            f' aria-labelledby="{name}-title {name}-desc" font-family="{escape(FONTS)}">'
            f'<title id="{name}-title">{escape(title)}</title>'
            f'<desc id="{name}-desc">{escape(description)}</desc>{inner}'
        )
