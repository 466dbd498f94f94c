"""What commands print of the quarantine and of data quality, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from lingque.core.labels import Label, Language
from lingque.entry.show import table
from lingque.ingest.contracts import Waiting
from lingque.ingest.quality import ALERT_POINTS, QualityDay
from lingque.ingest.quarantine import QuarantineCount, QuarantinedRow

_BARS = "▁▂▃▄▅▆▇█"
_DIMENSIONS = {
    "validity": Label(zh="有效", en="validity"),
    "uniqueness": Label(zh="唯一", en="uniqueness"),
    "completeness": Label(zh="完整", en="completeness"),
    "volume": Label(zh="量", en="volume"),
}


def quarantine_counts(counts: Sequence[QuarantineCount], language: Language) -> Table:
    head = ("数据源", "数据日期", "列", "原因", "行数", "首行编号", "")
    english = ("source", "data date", "column", "reason", "rows", "first row", "")
    names = head if language == "zh" else english
    made = table(*names, right=(names[4], names[5]))
    judged_anew = Label(zh="已重新校验", en="judged anew").in_language(language)
    for count in counts:
        made.add_row(
            count.source,
            count.data_date.isoformat(),
            count.column,
            f"{count.reason.label.in_language(language)} ({count.reason.name})",
            f"{count.rows:,}",
            str(count.first_id),
            "" if count.is_open else judged_anew,
        )
    return made


def quarantined_row(row: QuarantinedRow, values: Mapping[str, str], language: Language) -> Table:
    title = f"{row.quarantine_id}  ·  {row.source} {row.data_date}  ·  {escape(row.file)}:{row.row}"
    names = ("列", "值", "原因") if language == "zh" else ("column", "value", "reason")
    made = table(*names, title=title)
    for column, value in values.items():
        reasons = ", ".join(reason.label.in_language(language) for broken, reason in row.reasons if broken == column)
        made.add_row(column, Text(value), Text(reasons))
    return made


def quality(found: Sequence[QualityDay], days: int, language: Language) -> RenderableType:
    """One line per source: the last score, the scores before as a picture, what the last is made of; then alerts."""
    head = ("数据源", "数据日期", "得分", "走势") if language == "zh" else ("source", "data date", "score", "trend")
    dimensions = [label.in_language(language) for label in _DIMENSIONS.values()]
    made = table(*head, *dimensions, "", right=(head[2], *dimensions))
    alerts: list[RenderableType] = []
    for _, of_source in groupby(found, key=lambda day: day.source):
        shown = list(of_source)[-days:]
        last = shown[-1]
        parts = [f"{last.dimensions[name]:.1%}" for name in _DIMENSIONS]
        scores = [day.score for day in shown]
        made.add_row(
            last.source,
            last.data_date.isoformat(),
            f"{last.score:.2f}",
            sparkline(scores),
            *parts,
            _state(last, language),
        )
        alerts += [Text(_alert(day, language), style="yellow") for day in shown if day.fell or _is_waiting(day)]
    return Group(made, *alerts)


def sparkline(scores: Sequence[float]) -> str:
    """A bar per score, from the least of them (95 at most) to 100."""
    least = min([95.0, *scores])
    return "".join(_BARS[round((score - least) / (100.0 - least) * (len(_BARS) - 1))] for score in scores)


def waiting(entries: Sequence[Waiting], language: Language) -> RenderableType:
    """What has come in part."""
    lines: list[RenderableType] = []
    for entry in entries:
        name, missing = f"{entry.source} {entry.data_date}", ", ".join(entry.missing)
        said = Label(zh=f"… {name} 等待 {missing}", en=f"… {name} waits for {missing}")
        lines.append(Text(said.in_language(language), style="dim"))
    return Group(*lines)


def _is_waiting(day: QualityDay) -> bool:
    return day.held and day.released_by is None


def _state(day: QualityDay, language: Language) -> str:
    if not day.held:
        return ""
    if day.released_by is None:
        return Label(zh="未发布", en="held").in_language(language)
    return Label(zh=f"已由 {day.released_by} 放行", en=f"released by {day.released_by}").in_language(language)


def _alert(day: QualityDay, language: Language) -> str:
    name = f"{day.source} {day.data_date}"
    if _is_waiting(day):
        zh = f"⚠ {name} 得分 {day.score:.2f}，低于门槛，未发布"
        en = f"⚠ {name} scored {day.score:.2f}, below its gate: nothing of it is published"
    else:
        zh = f"⚠ {name} 得分 {day.score:.2f}，较此前中位数下降超过 {ALERT_POINTS:g} 分"
        en = f"⚠ {name} scored {day.score:.2f}, more than {ALERT_POINTS:g} points under the median before it"
    return Label(zh=zh, en=en).in_language(language)
