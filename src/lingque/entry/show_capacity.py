"""Profit against a channel's capacity: a table with bars in the terminal, and a picture."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from lingque.core.labels import Label, Language
from lingque.core.money import Money
from lingque.engage.explain import CHANNEL_LABELS
from lingque.entry.report.content import Bar, Bars
from lingque.entry.report.plots import draw
from lingque.entry.show import table
from lingque.flow.capacity import CapacityCurve, CapacityPoint

_BAR = 24


def curve(entry: CapacityCurve, language: Language) -> RenderableType:
    """A row per capacity; the one that the campaign states is yellow."""
    head = (
        Label(zh="工时|触达|预期利润|最紧者再增一小时可得|", en="hours|contacts|expected profit|one hour more earns|")
        if entry.hours
        else Label(
            zh="容量|触达|预期利润|再多触达一人可得|", en="capacity|contacts|expected profit|one contact more earns|"
        )
    )
    columns = head.in_language(language).split("|")
    made = table(*columns, right=columns[:4], title=_title(entry, language))
    most = max((point.expected_profit for point in entry.points), default=0) or 1
    for point in entry.points:
        bar = "█" * round(max(point.expected_profit, 0) / most * _BAR) or "▏"
        made.add_row(
            f"{point.capacity:,}",
            f"{point.contacts:,}",
            _money(point.expected_profit, entry),
            "—" if point.price is None else _money(point.price, entry),
            Text(bar, style="yellow" if point.capacity == entry.now else "blue"),
        )
    return made


def picture(entry: CapacityCurve, language: Language) -> str:
    """One SVG; what the campaign states stands out. Bars are in whole units of the currency, from zero."""
    bars = tuple(
        Bar(
            label=_label(entry, point, language),
            count=max(round(Money(minor=point.expected_profit, currency=entry.currency).major), 0),
            aside=point.capacity == entry.now,
        )
        for point in entry.points
    )
    return draw(Bars(title=_title(entry, language), bars=bars), "capacity")


def _title(entry: CapacityCurve, language: Language) -> str:
    if entry.hours:
        said = Label(
            zh=f"工时（按 {entry.hours}）与预期利润（{entry.currency}）",
            en=f"hours by {entry.hours}, and expected profit in {entry.currency}",
        )
    else:
        channel = CHANNEL_LABELS[entry.channel].in_language(language)
        said = Label(
            zh=f"{channel}容量与预期利润（{entry.currency}）",
            en=f"capacity of {channel}, and expected profit in {entry.currency}",
        )
    return f"{entry.campaign}  ·  {entry.as_of}  ·  {said.in_language(language)}"


def _label(entry: CapacityCurve, point: CapacityPoint, language: Language) -> str:
    now = Label(zh="（当前）", en=" (as it is)").in_language(language) if point.capacity == entry.now else ""
    what = Label(zh="工时" if entry.hours else "容量", en="hours" if entry.hours else "capacity")
    said = Label(
        zh=f"{what.zh} {point.capacity:,}{now}：触达 {point.contacts:,} 人",
        en=f"{what.en} {point.capacity:,}{now}: {point.contacts:,} contacts",
    ).in_language(language)
    if point.price is None:
        return said
    price = _money(point.price, entry)
    more = Label(
        zh=f"，再多{'一小时' if entry.hours else '一人'}可得 {price}",
        en=f", one {'hour ' if entry.hours else ''}more earns {price}",
    )
    return said + more.in_language(language)


def _money(minor: int, entry: CapacityCurve) -> str:
    return str(Money(minor=minor, currency=entry.currency))
