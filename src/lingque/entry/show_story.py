"""One customer's story for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lingque.catalog.expressions.types import Kind, Type
from lingque.catalog.model import Catalog
from lingque.core.clock import BusinessCalendar, datetime_of
from lingque.core.labels import Label, Language
from lingque.core.money import Money
from lingque.deliver.contracts import STATUS_LABELS
from lingque.engage.explain import CHANNEL_LABELS
from lingque.entry.show import table
from lingque.flow.story import Story, Weighed

_ARMS = {
    "contact": Label(zh="✓ 触达", en="✓ contacted"),
    "hold_out": Label(zh="○ 对照组", en="○ held out"),
    "none": Label(zh="", en=""),
}


def story(entry: Story, catalog: Catalog, calendar: BusinessCalendar, language: Language) -> RenderableType:
    """What was known, what was weighed (why this, why not that), and what became of it."""
    title = Label(
        zh=f"客户 {entry.customer_id}  ·  {entry.plan.campaign}  ·  {entry.as_of} 快照",
        en=f"customer {entry.customer_id}  ·  {entry.plan.campaign}  ·  snapshot as of {entry.as_of}",
    )
    parts: list[RenderableType] = [Text(title.in_language(language), style="bold"), _tags(entry, catalog, language)]
    parts.append(_weighed(entry, catalog, language))
    parts.append(messages(entry, calendar, language))
    return Group(*parts)


def messages(entry: Story, calendar: BusinessCalendar, language: Language) -> RenderableType:
    """What became of the customer's messages, one line each."""
    lines: list[RenderableType] = []
    for fate in entry.messages:
        at = datetime_of(fate.at).astimezone(calendar.time_zone)
        reason = "" if fate.reason is None else f": {fate.reason.label.in_language(language)} ({fate.reason.name})"
        channel = CHANNEL_LABELS[fate.channel].in_language(language)
        status = STATUS_LABELS[fate.status].in_language(language)
        lines.append(Text(f"  {at:%Y-%m-%d %H:%M}  {channel}  {status}{reason}"))
    return Group(*lines)


def _tags(entry: Story, catalog: Catalog, language: Language) -> Table:
    head = ("标签", "名称", "值") if language == "zh" else ("tag", "label", "value")
    made = table(*head, right=head[2:])
    for name, value in entry.tags.items():
        tag = catalog.tags.get(name)
        label = "" if tag is None else tag.definition.label.label().in_language(language)
        made.add_row(name, label, "—" if tag is None else value_text(value, tag.type))
    return made


def value_text(value: Any, kind: Type) -> str:
    """A tag's value for people."""
    match value:
        case None:
            return "—"
        case int() if kind.kind is Kind.MONEY:
            return str(Money(minor=value, currency=kind.currency))
        case float():
            return f"{value:,.4g}"
        case _:
            return str(value)


def _weighed(entry: Story, catalog: Catalog, language: Language) -> Table:
    if language == "zh":
        head = ("产品", "渠道", "响应", "价值", "", "为什么不")
    else:
        head = ("offer", "channel", "response", "value", "", "why not")
    made = table(*head, right=head[2:4])
    for candidate in entry.weighed:
        made.add_row(*_row(candidate, entry, catalog, language))
    return made


def _row(candidate: Weighed, entry: Story, catalog: Catalog, language: Language) -> tuple[str, ...]:
    offer = catalog.offers.get(candidate.offer)
    return (
        candidate.offer if offer is None else offer.label.in_language(language),
        CHANNEL_LABELS[candidate.channel].in_language(language),
        f"{candidate.response:.1%}",
        str(Money(minor=candidate.value, currency=entry.currency)),
        _ARMS[candidate.arm].in_language(language),
        "; ".join(reason.label.in_language(language) for reason in candidate.reasons),
    )
