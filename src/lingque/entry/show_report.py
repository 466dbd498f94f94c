"""A campaign's report in a terminal: what the HTML page says, drawn with characters."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lingque.core.labels import Language
from lingque.core.reasons import Refusal
from lingque.entry.report.content import Bars, Grid, Interval, Intervals, Section
from lingque.entry.report.page import ReportPage
from lingque.entry.report.writing import content_of
from lingque.entry.show import table

WIDTH = 60
"""Of the picture of an interval, in characters."""

BAR_WIDTH = 32
"""Of the longest bar."""


def report(page: ReportPage, language: Language) -> RenderableType:
    """Reach, refusals, effect with its interval as a picture, money, channels and offers, deliveries."""
    content = content_of(page, language)
    facts = "  ·  ".join(value for _, value in content.facts)
    parts: list[RenderableType] = [Text(content.title, style="bold"), Text(facts, style="dim")]
    parts += [Text(f"{act}: {by}  {at}", style="dim") for act, by, at in content.signatures]
    parts.append(Text(content.verdict, style="yellow" if isinstance(page.main.effect, Refusal) else "bold"))
    for section in content.sections:
        parts += ["", *_section(section)]
    return Group(*parts)


def _section(section: Section) -> Iterator[RenderableType]:
    yield Text(section.title, style="bold underline")
    yield Text(section.lead)
    drawn = False
    for plot in section.plots:
        if isinstance(plot, Bars):
            drawn = True
            yield _bars(plot)
        else:
            yield from _intervals(plot)
    if section.grid.rows and not drawn:  # bars carry their numbers
        yield _grid(section.grid)
    for note in section.notes:
        yield Text(note, style="cyan" if "◆" in note else "dim")


def _bars(plot: Bars) -> Table:
    made = table("", "", "", "")
    made.show_header = False
    made.columns[1].justify = made.columns[2].justify = "right"
    most = max(bar.count + bar.lost for bar in plot.bars) or 1
    for bar in plot.bars:
        kept, lost = (round(count / most * BAR_WIDTH) for count in (bar.count, bar.lost))
        line = Text("█" * kept or "▏", style="yellow" if bar.aside else "blue") + Text("░" * lost, style="dim")
        made.add_row(bar.label, f"{bar.count:,}", Text(f"{-bar.lost:,}" if bar.lost else "", style="dim"), line)
    return made


def _grid(grid: Grid) -> Table:
    made = table(*grid.columns, right=grid.columns[grid.words :])
    for row in grid.rows:
        made.add_row(*row)
    return made


def _intervals(plot: Intervals) -> Iterator[Text]:
    marks = [mark for row in plot.rows if row.at is not None for mark in row.at]
    marks += [row.truth for row in plot.rows if row.truth is not None]
    marks += [0.0] if plot.zero is not None else []
    for row in plot.rows:
        yield Text(f"{row.label}  {row.text}", style="bold" if row.at else "yellow")
        if row.at is not None:
            yield _picture(row, min(marks), max(marks), zero=plot.zero is not None)


def _picture(row: Interval, least: float, most: float, *, zero: bool) -> Text:
    """The interval on a line with zero on it."""
    span = (most - least) or 1.0

    def at(value: float) -> int:
        return round((value - least) / span * (WIDTH - 1))

    low, middle, high = row.at or (0.0, 0.0, 0.0)
    line = [" "] * WIDTH
    for position in range(at(low), at(high) + 1):
        line[position] = "─"
    line[at(low)], line[at(high)] = "├", "┤"
    if zero:
        line[at(0.0)] = "0"
    if row.truth is not None:
        line[at(row.truth)] = "◆"
    line[at(middle)] = "●"
    return Text("  " + "".join(line))
