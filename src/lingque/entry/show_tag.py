"""What commands print of one tag, in both languages."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from lingque.catalog.model import AggregateTag, Catalog
from lingque.core.labels import Label, Language
from lingque.entry.show import table
from lingque.profile.contracts import Distribution, SnapshotReport
from lingque.profile.explaining import Explanation

_HOW = {
    "kernel": Label(zh="由编译内核计算", en="computed by a compiled kernel"),
    "sql": Label(zh="由 SQL 计算", en="computed by SQL"),
    "derived": Label(zh="由其他标签推导", en="derived from other tags"),
    "model": Label(zh="模型评分", en="the score of a model"),
    "list": Label(zh="名单成员", en="membership of a list"),
    "manual": Label(zh="由人员或文件给定", en="given by people or files"),
}
_NAMED = 3
_ROWS = {
    "label": Label(zh="名称", en="label"),
    "meaning": Label(zh="含义", en="meaning"),
    "family": Label(zh="类别", en="family"),
    "owner": Label(zh="责任方", en="owner"),
    "type": Label(zh="类型", en="type"),
    "clock": Label(zh="时钟", en="clock"),
    "from": Label(zh="来源表", en="table"),
    "where": Label(zh="条件", en="where"),
    "window": Label(zh="窗口", en="window"),
    "value": Label(zh="取值", en="value"),
    "columns": Label(zh="所用字段", en="source columns"),
    "classes": Label(zh="数据类别", en="data classes"),
    "purposes": Label(zh="可用目的", en="purposes"),
    "how": Label(zh="计算方式", en="how"),
    "because": Label(zh="原因", en="because"),
    "kernel": Label(zh="内核", en="kernel"),
    "together": Label(zh="同一遍计算", en="in the same walk"),
    "kept": Label(zh="事件保留天数", en="days of events kept"),
    "of_morning": Label(zh="取自最近快照", en="of the newest snapshot"),
    "built_on": Label(zh="依赖标签", en="built on"),
    "day": Label(zh="最新快照", en="newest snapshot"),
    "known": Label(zh="有值客户", en="customers with a value"),
    "true": Label(zh="为真客户", en="customers for whom it is true"),
    "drift": Label(zh="漂移 (PSI)", en="drift (PSI)"),
}


FAMILIES: dict[str, Label] = {
    "demographics": Label(zh="人口属性", en="Demographics"),
    "assets": Label(zh="资产", en="Assets"),
    "wealth": Label(zh="存款与理财", en="Deposits and wealth"),
    "credit": Label(zh="信贷", en="Credit"),
    "payments": Label(zh="收支结算", en="Payments"),
    "consumption": Label(zh="消费", en="Consumption"),
    "channel": Label(zh="渠道行为", en="Channel behaviour"),
    "lifecycle": Label(zh="生命周期", en="Life-cycle"),
    "value": Label(zh="价值", en="Value"),
    "risk": Label(zh="风险", en="Risk"),
    "scenario": Label(zh="场景", en="Scenario"),
    "relationship": Label(zh="关系与响应", en="Relationship and response"),
}
"""In the order in which people go through them."""


def families(catalog: Catalog, report: SnapshotReport, language: Language) -> RenderableType:
    """A snapshot at a glance: of each family how many tags there are, and the segments with most customers."""
    title = Label(
        zh=f"标签快照 {report.as_of}：{report.customers:,} 位客户，{len(report.coverage)} 个标签",
        en=f"tags as of {report.as_of}: {report.customers:,} customers, {len(report.coverage)} tags",
    ).in_language(language)
    head = ("类别", "标签数", "客群（为真客户）") if language == "zh" else ("family", "tags", "segments (customers)")
    made = table(*head, title=title, right=head[1:2])
    for family, label in FAMILIES.items():
        names = [name for name in report.coverage if catalog.tags[name].definition.family == family]
        largest = sorted((-(report.coverage[name].true or 0), name) for name in names)[:_NAMED]
        said = [
            f"{catalog.tags[name].definition.label.label().in_language(language)} {-count:,}"
            for count, name in largest
            if count
        ]
        made.add_row(label.in_language(language), str(len(names)), Text(" · ".join(said)))
    return made


def tag(catalog: Catalog, name: str, report: SnapshotReport | None, language: Language) -> RenderableType:
    """Its definition, and how it stands in the newest snapshot."""
    found = catalog.tag(name)
    definition = found.definition
    rows = {
        "label": definition.label.label().in_language(language),
        "meaning": "" if definition.meaning is None else definition.meaning.label().in_language(language),
        "family": FAMILIES[definition.family].in_language(language),
        "owner": definition.owner,
        "type": str(found.type),
        "clock": definition.clock,
        "from": definition.source or "",
        "where": definition.where,
        "window": definition.window or "",
        "value": definition.value,
        "classes": ", ".join(catalog.lineages[name].classes.names),
    }
    spread: Distribution | None = None
    if report is not None and name in report.coverage:
        coverage = report.coverage[name]
        spread = report.distributions.get(name)
        rows |= {
            "day": report.as_of.isoformat(),
            "known": f"{coverage.known:,} / {report.customers:,}",
            "true": "" if coverage.true is None else f"{coverage.true:,}",
            "drift": f"{report.drift[name]:.3f}" if name in report.drift else "",
        }
    shown = _rows(rows, name, language)
    return shown if spread is None else Group(shown, _spread(spread, language))


def explanation(catalog: Catalog, name: str, found: Explanation, language: Language) -> RenderableType:
    """How it is computed and what it is built on."""
    lineage = catalog.lineages[name]
    one = catalog.tag(name)
    rows = {
        "how": _HOW[found.how].in_language(language),
        "because": found.because,
        "kernel": found.digest,
        "together": ", ".join(found.together),
        "clock": one.definition.clock,
        "kept": "" if found.kept_days is None else str(found.kept_days),
        "built_on": ", ".join(found.built_on),
        "of_morning": ", ".join(found.of_morning),
        "window": str(one.window or "") if isinstance(one, AggregateTag) else "",
        "columns": ", ".join(f"{table}.{column}" for table, column in sorted(lineage.columns)),
        "classes": ", ".join(lineage.classes.names),
        "purposes": ", ".join(sorted(purpose.name.lower() for purpose in lineage.purposes)),
    }
    return _rows(rows, name, language)


def _rows(rows: dict[str, str], title: str, language: Language) -> RenderableType:
    made = table("", "", title=title)
    made.show_header = False
    for name, value in rows.items():
        if value:
            made.add_row(_ROWS[name].in_language(language), Text(value))
    return made


def _spread(spread: Distribution, language: Language) -> RenderableType:
    """The shares with bars; the last is of customers without a value."""
    none, other = ("无值", "其他") if language == "zh" else ("none", "other")
    edges = [f"{edge:g}" for edge in spread.edges]
    names = [*(f"≤ {edge}" for edge in edges), *([f"> {edges[-1]}"] if edges else [other])]
    if spread.values or not edges:
        names = [*spread.values, other]
    made = table("", "%", "", right=("%",))
    for name, share in zip([*names, none], spread.shares, strict=True):
        made.add_row(Text(name), f"{100 * share:.1f}", "█" * round(30 * share))
    return made
