"""What a terminal shows of a model's card."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from lingque.core.labels import Label, Language
from lingque.entry import show
from lingque.predict.card_text import Section, Table, sections_of, title_of
from lingque.predict.contracts import ModelCard

_BAR = 40


def card(entry: ModelCard, language: Language, *, keys: tuple[str, ...] = ()) -> RenderableType:
    """The card, or the sections named, for a terminal."""
    parts: list[RenderableType] = [Text(title_of(entry, language), style="bold")]
    for section in sections_of(entry, language):
        if not keys or section.key in keys:
            parts += _section(entry, section, language)
    return Group(*parts)


def _section(entry: ModelCard, section: Section, language: Language) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(f"\n{section.title}", style="bold")]
    parts += [Text(sentence) for sentence in section.sentences]
    parts += [_table(table) for table in section.tables]
    if section.key == "performance":
        parts.append(_lift_bars(entry, language))
    return parts


def _table(table: Table) -> RenderableType:
    made = show.table(*table.head)
    for column in made.columns[table.texts :]:
        column.justify = "right"
    for row in table.rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def _lift_bars(entry: ModelCard, language: Language) -> RenderableType:
    """The share of all who do it that stand among the highest scores, beside the share that chance would find."""
    lines: list[RenderableType] = []
    for lift in entry.judgement.model.lifts:
        caught = min(1.0, lift.share * lift.lift.value)
        full, chance = round(caught * _BAR), round(lift.share * _BAR)
        bar = "".join("┃" if at == chance else "█" if at < full else "·" for at in range(_BAR))
        zh = f"得分最高 {lift.share:.0%} 含全部正例的 {caught:.0%}（┃ 随机 {lift.share:.0%}）"
        en = f"the top {lift.share:.0%} hold {caught:.0%} of all who do it (┃ chance: {lift.share:.0%})"
        lines.append(Text(f"  {bar}  {Label(zh=zh, en=en).in_language(language)}"))
    return Group(*lines)
