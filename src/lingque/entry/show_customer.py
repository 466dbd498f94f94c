"""What commands print of one customer, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from lingque.catalog.definitions import DataContract
from lingque.catalog.model import Catalog, column_type
from lingque.core.clock import END_OF_TIME, BusinessCalendar, Instant, datetime_of
from lingque.core.labels import Label, Language
from lingque.deliver.contracts import STATUS_LABELS
from lingque.engage.explain import CHANNEL_LABELS
from lingque.entry.show import table
from lingque.entry.show_story import value_text
from lingque.flow.customer_360 import Customer360

_ROWS_PRINTED = 5


def everything(found: Customer360, catalog: Catalog, calendar: BusinessCalendar, language: Language) -> RenderableType:
    """One table per subject."""
    parts: list[RenderableType] = [_who(found, language)]
    for shown in (*found.held, *found.happened):
        label = f"{shown.contract.label.label().in_language(language)} ({shown.count:,})"
        parts.append(_rows(shown.contract, shown.rows[:_ROWS_PRINTED], calendar, title=label))
    if found.due:
        head = ("到期日", "来源", "字段") if language == "zh" else ("due", "table", "column")
        due = table(*head, title=Label(zh="即将到期", en="falls due").in_language(language))
        for one in found.due:
            due.add_row(one.day.isoformat(), one.table, one.column)
        parts.append(due)
    parts += [_tags(found, catalog, language), _leave(found, language), _messages(found, calendar, language)]
    return Group(*parts)


def why(
    found: Customer360, name: str, catalog: Catalog, calendar: BusinessCalendar, language: Language
) -> RenderableType:
    """One tag, and what made its value."""
    tag = catalog.tag(name)
    shown = next((one for one in found.tags if one.tag == name), None)
    if shown is None:
        return Text(Label(zh="快照中没有该标签或该客户", en="not in the newest snapshot").in_language(language))
    title = f"{tag.definition.label.label().in_language(language)} = {value_text(shown.value, tag.type)}"
    reason = shown.why
    if reason.how == "rows":
        counted = Label(
            zh=f"由 {reason.table} 的 {reason.rows:,} 行得出，最新的几行：",
            en=f"from {reason.rows:,} rows of {reason.table}, the newest of them:",
        ).in_language(language)
        contract = catalog.contracts[reason.table]
        return Group(Text(title, style="bold"), Text(counted), _rows(contract, reason.newest, calendar, title=""))
    made = table("", "", title=title)
    made.show_header = False
    for one, value in reason.inputs.items():
        made.add_row(one, value_text(value, catalog.tag(one).type))
    return made


def _who(found: Customer360, language: Language) -> RenderableType:
    card = found.card
    words = {
        "name": Label(zh="姓名", en="name"),
        "phone": Label(zh="电话", en="telephone"),
        "email": Label(zh="邮箱", en="e-mail"),
    }
    made = table("", "", title=Label(zh="客户", en="customer").in_language(language) + f" {card.customer_id}")
    made.show_header = False
    for kind, value in card.identifiers.items():
        made.add_row(words[kind].in_language(language), Text(value))
    made.add_row(Label(zh="网点", en="branch").in_language(language), card.home.branch or "—")
    made.add_row(Label(zh="客户经理", en="manager").in_language(language), card.home.manager or "—")
    made.add_row(Label(zh="同住客户", en="household").in_language(language), _household(found, language))
    if card.preferences.refuses_automated:
        made.add_row(Label(zh="拒绝自动化决策", en="refuses automated decisions").in_language(language), "✓")
    return made


def _household(found: Customer360, language: Language) -> str:
    if found.household is None:
        return "—"
    nobody = Label(zh="没有其他客户", en="no other customer").in_language(language)
    return ", ".join(str(one) for one in found.household) or nobody


def _rows(
    contract: DataContract, rows: Sequence[Mapping[str, Any]], calendar: BusinessCalendar, *, title: str
) -> RenderableType:
    columns = [name for name in contract.stored if name not in contract.with_role("reference")]
    made = table(contract.time_column, *columns, title=title)
    for row in rows:
        cells = [value_text(row.get(name), column_type(contract, name)) for name in columns]
        made.add_row(_moment(row[contract.time_column], calendar), *(Text(cell) for cell in cells))
    return made


def _tags(found: Customer360, catalog: Catalog, language: Language) -> RenderableType:
    title = Label(zh=f"标签（{found.as_of} 快照）", en=f"tags (snapshot as of {found.as_of})").in_language(language)
    head = ("标签", "名称", "值", "依据") if language == "zh" else ("tag", "label", "value", "made of")
    made = table(*head, title=title, right=head[2:3])
    for shown in found.tags:
        tag, reason = catalog.tag(shown.tag), shown.why
        origin = f"{reason.table} × {reason.rows:,}" if reason.how == "rows" else ", ".join(reason.inputs)
        label = tag.definition.label.label().in_language(language)
        made.add_row(shown.tag, label, value_text(shown.value, tag.type), Text(origin or reason.how))
    return made


def _leave(found: Customer360, language: Language) -> RenderableType:
    made = table("", "", title=Label(zh="营销许可（此刻）", en="leave for marketing (now)").in_language(language))
    made.show_header = False
    for one in found.leave:
        said = "✓" if one.reason is None else f"✋ {one.reason.label.in_language(language)} ({one.reason.name})"
        made.add_row(CHANNEL_LABELS[one.channel].in_language(language), said)
    return made


def _messages(found: Customer360, calendar: BusinessCalendar, language: Language) -> RenderableType:
    made = table("", "", "", "", title=Label(zh="触达记录", en="contacts").in_language(language))
    made.show_header = False
    for one in found.messages:
        reason = "" if one.reason is None else one.reason.label.in_language(language)
        channel = CHANNEL_LABELS[one.channel].in_language(language)
        status = STATUS_LABELS[one.status].in_language(language)
        made.add_row(_moment(one.at, calendar), channel, one.offer, f"{status} {reason}".rstrip())
    return made


def _moment(value: int, calendar: BusinessCalendar) -> str:
    if value >= END_OF_TIME:
        return "—"
    return f"{datetime_of(Instant(value)).astimezone(calendar.time_zone):%Y-%m-%d %H:%M}"
