"""What commands print of live tags, in both languages."""

from __future__ import annotations

from datetime import date
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import Catalog
from lingque.core.clock import BusinessCalendar, Instant, datetime_of
from lingque.core.labels import Language
from lingque.core.money import Money
from lingque.entry.show import table
from lingque.flow.live import LiveTagsOf
from lingque.profile.contracts import Freshness


def live_tags(found: LiveTagsOf, catalog: Catalog, calendar: BusinessCalendar, language: Language) -> RenderableType:
    """The values, and beneath them how fresh they are."""
    head = ("标签", "名称", "取值") if language == "zh" else ("tag", "label", "value")
    made = table(*head, title=f"{found.customer_id}  {_moment(found.at, calendar)}", right=head[2:])
    for name, value in found.values.items():
        label = catalog.tag(name).definition.label.label().in_language(language)
        made.add_row(name, Text(label), Text(_value(catalog, name, value)))
    return Group(made, freshness(found.freshness, calendar, language))


def freshness(fresh: Freshness, calendar: BusinessCalendar, language: Language) -> RenderableType:
    """Of each table what is known, and of which morning the daily tags are."""
    zh = language == "zh"
    none = "无" if zh else "none"
    lines: list[RenderableType] = []
    day = none if fresh.as_of is None else fresh.as_of.isoformat()
    newer = "（已有更新的快照）" if zh else " (there is a newer one)"
    behind = "" if fresh.is_newest_snapshot or fresh.as_of is None else newer
    lines.append(Text(f"{'日标签快照' if zh else 'daily tags as of'} {day}{behind}"))
    filled = none if fresh.filled_at is None else _moment(fresh.filled_at, calendar)
    lines.append(Text(f"{'事件截至' if zh else 'events taken in at'} {filled}"))
    if fresh.tables:
        head = (
            ("表", "保留天数", "最近事件", "已是最新") if zh else ("table", "days kept", "latest event", "up to date")
        )
        made = table(*head, right=head[1:2])
        for one in fresh.tables:
            newest = none if one.newest is None else _moment(one.newest, calendar)
            yes, no = ("是", "否：请运行 live fill") if zh else ("yes", "no: run 'live fill'")
            current = yes if one.is_newest else no
            made.add_row(one.table, str(one.kept_days), newest, current)
        lines.append(made)
    return Group(*lines)


def _value(catalog: Catalog, name: str, value: Any) -> str:
    kind = catalog.tag(name).type
    if value is None:
        return "—"
    if kind.kind is Kind.MONEY:
        return str(Money(minor=value, currency=kind.currency or ""))
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _moment(moment: Instant, calendar: BusinessCalendar) -> str:
    return datetime_of(moment).astimezone(calendar.time_zone).isoformat(sep=" ", timespec="minutes")
