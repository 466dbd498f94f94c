"""What commands print of segments, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.console import Group, RenderableType
from rich.text import Text

from lingque.catalog.model import Catalog
from lingque.core.labels import Label, Language
from lingque.engage.explain import CHANNEL_LABELS
from lingque.entry.show import table
from lingque.entry.show_story import value_text
from lingque.flow.reach import STEPS, Reach
from lingque.flow.segment_history import History, Standing
from lingque.flow.segments import Counted, Overlap, SegmentShown


def counted(found: Counted, language: Language) -> RenderableType:
    """The count, what each condition does to it, and what it is built on."""
    title = Label(
        zh=f"{found.count:,} 位客户，占 {found.customers:,} 的 {found.share:.2%}（{found.as_of} 快照）",
        en=f"{found.count:,} customers, {found.share:.2%} of {found.customers:,} (snapshot as of {found.as_of})",
    ).in_language(language)
    lines: list[RenderableType] = [Text(title, style="bold")]
    if len(found.parts) > 1:
        head = ("条件", "单独满足", "至此剩余") if language == "zh" else ("condition", "by itself", "left after it")
        made = table(*head, right=head[1:])
        for part in found.parts:
            made.add_row(Text(part.text), f"{part.alone:,}", f"{part.left:,}")
        lines.append(made)
    lines.append(Text(_origin(found, language), style="dim"))
    return Group(*lines)


def _origin(found: Counted, language: Language) -> str:
    classes = ", ".join(found.lineage.classes.names) or "—"
    purposes = ", ".join(sorted(purpose.name.lower() for purpose in found.lineage.purposes)) or "—"
    return Label(
        zh=f"数据类别：{classes}；可用目的：{purposes}", en=f"data classes: {classes}; purposes: {purposes}"
    ).in_language(language)


def segments(as_of: date, found: Sequence[SegmentShown], language: Language) -> RenderableType:
    """Every segment with its count."""
    title = Label(zh=f"客群（{as_of} 快照）", en=f"segments (snapshot as of {as_of})").in_language(language)
    head = ("客群", "名称", "客户数", "定义") if language == "zh" else ("segment", "label", "customers", "definition")
    made = table(*head, title=title, right=head[2:3])
    stale = Label(zh="定义已变更", en="defined anew").in_language(language)
    for one in found:
        definition = one.tag.definition
        origin = definition.list or definition.value
        count = stale if one.count is None else f"{one.count:,}"
        made.add_row(one.tag.name, definition.label.label().in_language(language), count, Text(origin))
    return made


def overlap(found: Overlap, language: Language) -> RenderableType:
    """The matrix: above the diagonal as shares of the row's segment."""
    title = Label(
        zh=f"客群重叠（{found.as_of} 快照）：对角线为客群人数，下方为共同人数，上方为占该行客群的比例",
        en=f"overlap (snapshot as of {found.as_of}): on the diagonal each segment, below it the customers in common,"
        " above it their share of the row's segment",
    ).in_language(language)
    numbers = [str(number + 1) for number in range(len(found.segments))]
    made = table("", "", *numbers, title=title, right=numbers)
    for row, name in enumerate(found.segments):
        cells = []
        for column, common in enumerate(found.matrix[row]):
            size = found.matrix[row][row]
            cells.append(f"{common:,}" if column <= row else f"{common / size:.0%}" if size else "—")
        made.add_row(numbers[row], Text(name), *cells)
    return made


def history(found: History, language: Language) -> RenderableType:
    """A line per pair of snapshots, and under it the conditions that made the difference."""
    if language == "zh":
        head = ("从", "到", "客户数", "进入", "离开", "其中新客户", "其中已不是客户", "变化的条件")
    else:
        head = ("from", "to", "customers", "entered", "left", "of them new", "no longer there", "because of")
    made = table(*head, right=head[2:7])
    for move in found.moves:
        because = "; ".join(f"{one.text} (+{one.entered:,} −{one.left:,})" for one in move.causes)
        numbers = (move.members, move.entered, move.left, move.new, move.gone)
        made.add_row(
            move.first.isoformat(), move.then.isoformat(), *(f"{number:,}" for number in numbers), Text(because)
        )
    if not found.unlike:
        return made
    days = ", ".join(day.isoformat() for day in found.unlike)
    passed = Label(zh=f"定义不同而略过：{days}", en=f"passed over, another definition: {days}")
    return Group(made, Text(passed.in_language(language), style="dim"))


def standings(found: Sequence[Standing], catalog: Catalog, language: Language) -> RenderableType:
    """A line per snapshot: in the segment or not, and what changed."""
    head = ("快照", "在客群", "变化") if language == "zh" else ("snapshot", "in it", "what changed")
    made = table(*head)
    for one in found:
        changes = [
            f"{name}: {value_text(before, catalog.tag(name).type)} → {value_text(after, catalog.tag(name).type)}"
            for name, (before, after) in one.changed.items()
        ]
        member = {True: "✓", False: "", None: "—"}[one.member]
        made.add_row(one.as_of.isoformat(), member, Text("; ".join(changes)))
    return made


def reach(found: Reach, language: Language) -> RenderableType:
    """Steps as rows, channels as columns."""
    title = Label(
        zh=f"可触达：{found.segment}（{found.as_of} 快照，共 {found.customers:,} 位客户）",
        en=f"reach of {found.segment} (snapshot as of {found.as_of}, {found.customers:,} customers)",
    ).in_language(language)
    names = [CHANNEL_LABELS[one.channel].in_language(language) for one in found.channels]
    anywhere = Label(zh="任一渠道", en="any channel").in_language(language)
    made = table("", anywhere, *names, title=title, right=(anywhere, *names))
    waterfalls = [dict(one.left) for one in (found.any_channel, *found.channels)]
    for step in STEPS:
        made.add_row(step.label.in_language(language), *(f"{left[step]:,}" for left in waterfalls))
    return made
