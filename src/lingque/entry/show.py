"""What commands print: tables and pictures for a terminal, in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lingque.catalog.definitions import TagDefinition
from lingque.catalog.model import Catalog
from lingque.catalog.repository import Change
from lingque.core.labels import Label, Language
from lingque.core.reasons import Reason
from lingque.deliver.contracts import STATUS_LABELS, Fates
from lingque.ingest.contracts import IngestReport
from lingque.profile.contracts import SnapshotReport


def table(*columns: str, title: str = "", right: Sequence[str] = ()) -> Table:
    """A table in the one style of all."""
    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left")
    return made


def changes(entries: Sequence[Change], language: Language) -> Table:
    words = {
        "new": Label(zh="新增", en="new"),
        "changed": Label(zh="变更", en="changed"),
        "withdrawn": Label(zh="停用", en="withdrawn"),
    }
    made = table(*(("类型", "名称", "版本", "") if language == "zh" else ("kind", "name", "version", "")))
    for change in entries:
        made.add_row(change.kind, change.name, str(change.version), words[change.what].in_language(language))
    return made


def ingested(reports: Iterable[IngestReport], language: Language) -> Group:
    """One line per delivery, with a tick where it had been loaded before; below, why rows are in quarantine, and a hand
    where the delivery is held."""
    numbers = ("读入", "接受", "重复", "隔离") if language == "zh" else ("read", "accepted", "repeated", "bad rows")
    made = table(*(("数据源", "数据日期") if language == "zh" else ("source", "data date")), *numbers, right=numbers)
    reasons = Table.grid("", "", "", padding=(0, 2))
    for column in (*made.columns, *reasons.columns[:2]):
        column.no_wrap = True
    for report in reports:
        name = f"{report.source} ✓" if report.already_done else report.source
        counts = (report.read, report.accepted, report.repeated, report.quarantined)
        made.add_row(name, report.data_date.isoformat(), *(f"{count:,}" for count in counts))
        told = [f"{reason} × {count}" for reason, count in report.reasons.items()]
        if report.held:
            told.insert(0, f"✋ {Reason.QUALITY_BELOW_GATE.name} {report.score:.2f}")
        if told:
            reasons.add_row(report.source, report.data_date.isoformat(), Text(", ".join(told)))
    return Group(made, reasons)


def tags(catalog: Catalog, language: Language) -> Table:
    head = ("标签", "名称", "类型", "类别", "数据类别", "定义")
    made = table(*(head if language == "zh" else ("tag", "label", "type", "family", "data classes", "value")))
    for tag in catalog.tags.values():
        definition = tag.definition
        made.add_row(
            tag.name + (" →" if tag.looks_forward else ""),
            definition.label.label().in_language(language),
            str(tag.type),
            definition.family,
            ", ".join(catalog.lineages[tag.name].classes.names),
            _origin(definition),
        )
    return made


def _origin(definition: TagDefinition) -> str:
    """What the tag comes from."""
    if definition.model is not None:
        return f"model {definition.model}"
    if definition.list is not None:
        return f"list {definition.list}"
    if definition.manual is not None:
        return "manual" + (f" ({', '.join(definition.manual.allowed)})" if definition.manual.allowed else "")
    return definition.value + (f"  ({definition.window})" if definition.window else "")


def snapshot(report: SnapshotReport, catalog: Catalog, language: Language) -> RenderableType:
    title = Label(
        zh=f"标签快照 {report.as_of}：{report.customers:,} 位客户",
        en=f"tags as of {report.as_of}: {report.customers:,} customers",
    ).in_language(language)
    zh, en = ("标签", "名称", "类型", "有值", "为真", "漂移"), ("tag", "label", "type", "known", "true", "drift")
    head = zh if language == "zh" else en
    made = table(*head, title=title, right=head[3:])
    for name, coverage in report.coverage.items():
        tag = catalog.tags[name]
        true = "" if coverage.true is None else f"{coverage.true:,}"
        label = tag.definition.label.label().in_language(language)
        drift = f"{report.drift[name]:.2f}" if name in report.drift else ""
        made.add_row(name, label, str(tag.type), f"{coverage.known:,}", true, drift)
    notes = [
        Text(f"  {note.tag}: {note.reason.label.in_language(language)}; {note.detail}", style="yellow")
        for note in report.notes
    ]
    return Group(made, *notes)


def fates(entry: Fates, language: Language) -> RenderableType:
    made = table("", "")
    made.show_header = False
    for status, count in entry.by_status.items():
        made.add_row(STATUS_LABELS[status].in_language(language), f"{count:,}")
    for reason, count in entry.by_reason.items():
        made.add_row(f"  {reason.label.in_language(language)}", f"{count:,}", style="dim")
    return made
