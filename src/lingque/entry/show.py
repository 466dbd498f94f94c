"""What commands print: tables and pictures for a terminal, in both languages."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lingque.catalog.model import Catalog
from lingque.catalog.repository import Change
from lingque.core.labels import Label, Language
from lingque.core.money import Money
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Fates
from lingque.engage.contracts import Plan
from lingque.engage.explain import explain
from lingque.flow.campaigns import CampaignReport
from lingque.ingest.contracts import IngestReport
from lingque.measure.contracts import Effect
from lingque.profile.contracts import SnapshotReport

_STATUS = {
    "sent": Label(zh="已发送", en="sent"),
    "refused": Label(zh="发送前许可被拒", en="refused at the moment of sending"),
    "failed": Label(zh="未能送达", en="failed"),
    "unknown": Label(zh="结果未知", en="fate unknown"),
    "queued": Label(zh="排队中", en="queued"),
    "sending": Label(zh="发送中", en="being sent"),
}


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


def ingest_table(language: Language) -> Table:
    if language == "zh":
        return table(
            "数据源", "数据日期", "读入", "接受", "重复", "隔离", "原因", right=("读入", "接受", "重复", "隔离")
        )
    numbers = ("read", "accepted", "repeated", "quarantined")
    return table("source", "data date", *numbers, "reasons", right=numbers)


def add_ingest(made: Table, report: IngestReport) -> None:
    """One line per delivery; a tick where it had been loaded before, a hand where it is held."""
    held = [f"✋ {Reason.QUALITY_BELOW_GATE.name} {report.score:.2f}"] if report.held else []
    reasons = ", ".join([*held, *(f"{reason} × {count}" for reason, count in report.reasons.items())])
    numbers = (report.read, report.accepted, report.repeated, report.quarantined)
    name = f"{report.source} ✓" if report.already_done else report.source
    made.add_row(name, report.data_date.isoformat(), *(f"{number:,}" for number in numbers), reasons)


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
            definition.value + (f"  ({definition.window})" if definition.window else ""),
        )
    return made


def snapshot(report: SnapshotReport, catalog: Catalog, language: Language) -> Table:
    title = Label(
        zh=f"标签快照 {report.as_of}：{report.customers:,} 位客户",
        en=f"tags as of {report.as_of}: {report.customers:,} customers",
    ).in_language(language)
    head = ("标签", "名称", "类型", "有值", "为真") if language == "zh" else ("tag", "label", "type", "known", "true")
    made = table(*head, title=title, right=head[3:])
    for name, coverage in report.coverage.items():
        tag = catalog.tags[name]
        true = "" if coverage.true is None else f"{coverage.true:,}"
        label = tag.definition.label.label().in_language(language)
        made.add_row(name, label, str(tag.type), f"{coverage.known:,}", true)
    return made


def plan(entry: Plan, catalog: Catalog, language: Language) -> RenderableType:
    """Stages, refusals by reason, and the forecast."""
    forecast = entry.forecast
    label = catalog.campaign(entry.campaign).label.label().in_language(language)
    stages = table("", "", title=f"{label}  ·  {entry.campaign}  ·  {entry.digest[:12]}  ·  {entry.state}")
    stages.show_header = False
    for title, text in explain(entry, catalog, language):
        stages.add_row(title, text)
    parts: list[RenderableType] = [stages]
    if forecast.refusals:
        title = Label(zh="不触达的原因（可多项）", en="not contacted because (several may hold)").in_language(language)
        parts.append(_counts({Reason[name]: n for name, n in forecast.refusals.items()}, title, language))
    profit = Money(minor=forecast.expected_profit, currency=forecast.currency)
    cost = Money(minor=forecast.cost, currency=forecast.currency)
    zh = f"预计触达 {forecast.to_contact:,} 人，留出 {forecast.to_hold_out:,} 人；成本 {cost}，预期增量利润 {profit}"
    en = (
        f"would contact {forecast.to_contact:,} and hold out {forecast.to_hold_out:,}; "
        f"cost {cost}, expected incremental profit {profit}"
    )
    parts.append(Text(Label(zh=zh, en=en).in_language(language)))
    if forecast.detectable_effect is not None:
        points = f"{forecast.detectable_effect * 100:.1f}"
        zh = f"在该样本量下，低于 {points} 个百分点的效果难以与偶然区分"
        en = f"with groups of this size, an effect under {points} percentage points can hardly be told from chance"
        parts.append(Text(Label(zh=zh, en=en).in_language(language), style="dim"))
    return Group(*parts)


def fates(entry: Fates, language: Language) -> RenderableType:
    made = table("", "")
    made.show_header = False
    for status, count in entry.by_status.items():
        made.add_row(_STATUS[status].in_language(language), f"{count:,}")
    for reason, count in entry.by_reason.items():
        made.add_row(f"  {reason.label.in_language(language)}", f"{count:,}", style="dim")
    return made


def report(
    entry: CampaignReport, catalog: Catalog, language: Language, *, truth: float | None = None
) -> RenderableType:
    """Deliveries, effect with its interval as a picture, profit; `truth` is known only of a simulated bank."""
    plan_label = catalog.campaign(entry.plan.campaign).label.label().in_language(language)
    parts: list[RenderableType] = [Text(plan_label, style="bold"), fates(entry.fates, language)]
    effect = entry.evaluation.effect
    if isinstance(effect, Refusal):
        parts.append(Text(f"{effect.reason.label.in_language(language)}: {effect.detail}", style="yellow"))
        return Group(*parts)
    parts.append(_effect(effect, language, truth))
    if entry.evaluation.profit is not None:
        profit, currency = entry.evaluation.profit, entry.plan.forecast.currency
        low, expected, high = (
            Money(minor=minor, currency=currency) for minor in (profit.low, profit.expected, profit.high)
        )
        cost = Money(minor=profit.cost, currency=currency)
        zh = f"增量利润 {expected}（95% 区间 {low} 至 {high}），其中触达成本 {cost}"
        en = f"incremental profit {expected} (95 % interval {low} to {high}), cost of contacts {cost} taken off"
        parts.append(Text(Label(zh=zh, en=en).in_language(language)))
    return Group(*parts)


def _effect(effect: Effect, language: Language, truth: float | None) -> RenderableType:
    head = ("", "人数", "达成", "比例") if language == "zh" else ("", "customers", "successes", "rate")
    groups = table(*head, right=head[1:])
    for name, group in (
        (Label(zh="触达组", en="contacted"), effect.contacted),
        (Label(zh="对照组", en="held out"), effect.held_out),
    ):
        groups.add_row(name.in_language(language), f"{group.units:,}", f"{group.successes:,}", f"{group.rate:.2%}")
    verdict = (
        Label(zh="效果显著（区间不含零）", en="an effect is shown (the interval leaves zero out)")
        if effect.is_proven
        else Label(
            zh="未见可与偶然区分的效果（区间含零）", en="no effect that can be told from chance (zero is inside)"
        )
    )
    zh = f"效果 {_points(effect.difference)}，95% 区间 {_points(effect.low)} 至 {_points(effect.high)}"
    en = f"effect {_points(effect.difference)}, 95 % interval {_points(effect.low)} to {_points(effect.high)}"
    lines = [Text(Label(zh=zh, en=en).in_language(language), style="bold"), *_picture(effect, truth)]
    if truth is not None:
        zh = f"真实效果（仅模拟银行可知）◆ {_points(truth)}"
        en = f"true effect (known only of a simulated bank) ◆ {_points(truth)}"
        lines.append(Text(Label(zh=zh, en=en).in_language(language), style="cyan"))
    return Group(groups, *lines, Text(verdict.in_language(language)))


def _picture(effect: Effect, truth: float | None, width: int = 60) -> list[Text]:
    """The interval on a line with zero on it."""
    marks = [effect.low, effect.high, 0.0] + ([] if truth is None else [truth])
    least, most = min(marks), max(marks)
    span = (most - least) or 1.0

    def at(value: float) -> int:
        return round((value - least) / span * (width - 1))

    line = [" "] * width
    for position in range(at(effect.low), at(effect.high) + 1):
        line[position] = "─"
    line[at(effect.low)], line[at(effect.high)] = "├", "┤"
    line[at(0.0)] = "0"
    if truth is not None:
        line[at(truth)] = "◆"
    line[at(effect.difference)] = "●"
    return [Text("  " + "".join(line))]


def _counts(counts: dict[Reason, int], title: str, language: Language) -> Table:
    made = table("", "", title=title)
    made.show_header = False
    made.columns[1].justify = "right"
    for reason, count in counts.items():
        made.add_row(f"  {reason.label.in_language(language)}", f"{count:,}")
    return made


def _points(value: float) -> str:
    return f"{value * 100:+.2f} pp"
