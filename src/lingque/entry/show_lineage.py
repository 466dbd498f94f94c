"""What a tag is built on, as a tree, and who is built on it, as a table; in both languages."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from lingque.catalog.model import AggregateTag, Catalog, ManualTag
from lingque.catalog.source_columns import SourceColumn, source_columns
from lingque.catalog.tracing import Thing, User, goes_into, told, under
from lingque.core.labels import Label, Language
from lingque.core.registries import Purpose
from lingque.entry.show import table

KINDS: dict[str, Label] = {
    "column": Label(zh="字段", en="column"),
    "contract": Label(zh="表", en="table"),
    "source": Label(zh="数据源", en="source"),
    "tag": Label(zh="标签", en="tag"),
    "model": Label(zh="模型", en="model"),
    "list": Label(zh="名单", en="list"),
    "offer": Label(zh="产品方案", en="offer"),
    "cap": Label(zh="频次上限", en="cap"),
    "campaign": Label(zh="活动", en="campaign"),
    "placement": Label(zh="展示位", en="placement"),
    "programme": Label(zh="统筹方案", en="programme"),
}
ROLES: dict[str, Label] = {
    "contract": Label(zh="填充", en="fills it"),
    "value": Label(zh="取值", en="value"),
    "model": Label(zh="评分", en="score"),
    "list": Label(zh="成员", en="membership"),
    "features": Label(zh="特征", en="feature"),
    "population": Label(zh="适用人群", en="population"),
    "target": Label(zh="学习目标", en="target"),
    "eligibility": Label(zh="准入条件", en="eligibility"),
    "propensity": Label(zh="倾向", en="propensity"),
    "uplift": Label(zh="增量效果", en="uplift"),
    "spread": Label(zh="评分误差", en="error of the score"),
    "margin_tag": Label(zh="毛利", en="margin"),
    "cost_tag": Label(zh="转化成本", en="cost of a conversion"),
    "expected_loss_tag": Label(zh="预期损失", en="expected loss"),
    "suitability": Label(zh="适当性", en="suitability"),
    "cover": Label(zh="保险需求与能力", en="need and means of cover"),
    "student": Label(zh="学生核验", en="students left out"),
    "holds": Label(zh="已持有", en="holds it already"),
    "excludes": Label(zh="互斥持有", en="excluded by what is held"),
    "needs": Label(zh="前置持有", en="needs what is held"),
    "supersedes": Label(zh="替代持有", en="superseded by what is held"),
    "channels": Label(zh="触达疲劳", en="fatigue"),
    "open": Label(zh="对所有人展示", en="shown to everybody"),
    "leads": Label(zh="优先条件", en="leads"),
    "segment": Label(zh="客群", en="segment"),
    "outcome": Label(zh="成效指标", en="outcome"),
    "also_measure": Label(zh="其他指标", en="further outcome"),
    "route_by": Label(zh="派工依据", en="routing"),
    "offers": Label(zh="产品", en="offer"),
    "campaigns": Label(zh="统筹", en="planned together"),
}


def label_of(catalog: Catalog, thing: Thing) -> Label:
    """What people call it; a column and a source have no other name than their own."""
    kind, name = thing
    match kind:
        case "tag":
            return catalog.tags[name].definition.label.label()
        case "contract":
            return catalog.contracts[name].label.label()
        case "model":
            return catalog.models[name].label.label()
        case "list":
            return catalog.lists[name].label.label()
        case "offer":
            return catalog.offers[name].label
        case "campaign":
            return catalog.campaigns[name].label.label()
        case "placement":
            return catalog.placements[name].definition.label.label()
        case "programme":
            return catalog.programmes[name].label.label()
        case _:
            return Label(zh=name, en=name)


def made_of(catalog: Catalog, thing: Thing) -> tuple[SourceColumn, ...]:
    """Of a column, what the mappings make it of; of anything else nothing."""
    table_name, _, field = thing[1].partition(".")
    return source_columns(catalog, table_name, field) if thing[0] == "column" else ()


def lineage(catalog: Catalog, name: str, language: Language) -> RenderableType:
    """The tree from the tag down to the columns of the bank's files. What stands in it already is not drawn again.

    Raises `NotFoundError`.
    """
    catalog.tag(name)
    found = catalog.lineages[name]
    root = Tree(_line(catalog, ("tag", name), language), guide_style="dim")
    _grow(root, catalog, ("tag", name), language, {("tag", name)})
    none = "—"
    rows = table("", "")
    rows.show_header = False
    rows.add_row(
        Label(zh="数据类别（并集）", en="data classes (union)").in_language(language),
        ", ".join(found.classes.names) or none,
    )
    rows.add_row(
        Label(zh="可用目的（交集）", en="purposes (intersection)").in_language(language), _serves(found.purposes)
    )
    return Group(root, rows)


def _grow(tree: Tree, catalog: Catalog, thing: Thing, language: Language, drawn: set[Thing]) -> None:
    for below, use in under(catalog.uses, thing):
        if not goes_into(use):
            continue
        line = _line(catalog, below, language)
        if below in drawn and below[0] != "column":
            tree.add(line.append(Label(zh="  ↑ 见上", en="  ↑ as above").in_language(language), style="dim"))
            continue
        drawn.add(below)
        branch = tree.add(line)
        for one in made_of(catalog, below):
            branch.add(Text(f"{KINDS['source'].in_language(language)} {one.name}", style="dim"))
        _grow(branch, catalog, below, language, drawn)


def _line(catalog: Catalog, thing: Thing, language: Language) -> Text:
    kind, name = thing
    if kind == "column":
        table_name, _, field = name.partition(".")
        column = catalog.contracts[table_name].columns[field]
        line = Text(name, style="cyan")
        if column.classes:
            line.append(f"  {', '.join(column.classes)}", style="yellow")
        if column.purpose_set != frozenset(Purpose):
            line.append(
                Label(zh="  仅限：", en="  only: ").in_language(language) + _serves(column.purpose_set), style="red"
            )
        return line
    line = Text(told(thing), style="bold")
    line.append(f"  {label_of(catalog, thing).in_language(language)}")
    if kind == "tag":
        line.append(f"  {catalog.tags[name].definition.value}", style="dim")
        line.append(_window(catalog, name), style="dim")
    return line


def _window(catalog: Catalog, name: str) -> str:
    tag = catalog.tags[name]
    if isinstance(tag, ManualTag):
        return "manual"
    if not isinstance(tag, AggregateTag):
        return ""
    where = f"  where {tag.definition.where}" if tag.definition.where else ""
    window = f"  [{tag.definition.window}]" if tag.definition.window else ""
    return f"  from {tag.contract.contract}{where}{window}"


def _serves(purposes: frozenset[Purpose]) -> str:
    return ", ".join(one.name.lower() for one in sorted(purposes)) or "—"


def users(catalog: Catalog, thing: Thing, found: tuple[User, ...], language: Language) -> RenderableType:
    """Who is built on it, nearest first, and what stands between."""
    head = (
        ("类型", "标识", "名称", "用作", "经由") if language == "zh" else ("kind", "name", "label", "as", "by way of")
    )
    made = table(*head, title=told(thing))
    for user in found:
        kind, name = user.key
        made.add_row(
            KINDS[kind].in_language(language),
            Text(name, overflow="fold"),
            Text(label_of(catalog, user.key).in_language(language), overflow="fold"),
            ROLES[user.role].in_language(language),
            Text(" → ".join(told(one) for one in user.way[1:-1]), overflow="fold"),
        )
    if not found:
        return Text(Label(zh="没有被使用：可以停用", en="nothing uses it: it can be withdrawn").in_language(language))
    return made
