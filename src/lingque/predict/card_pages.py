"""A model card as one Markdown document, and as one HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from lingque.core.labels import Language
from lingque.predict.card_text import sections_of, title_of
from lingque.predict.contracts import ModelCard


def to_markdown(card: ModelCard, language: Language) -> str:
    """One Markdown document."""
    lines = [f"# {title_of(card, language)}", ""]
    for section in sections_of(card, language):
        lines += [f"## {section.title}", "", *(line for text in section.sentences for line in (text, ""))]
        for table in section.tables:
            rules = ["---"] * table.texts + ["---:"] * (len(table.head) - table.texts)
            lines += [_bars(table.head), _bars(rules), *(_bars(row) for row in table.rows), ""]
    return "\n".join(lines)


def to_html(card: ModelCard, language: Language) -> str:
    """One page that needs nothing besides itself: no script, no font, no picture from elsewhere."""
    title = escape(title_of(card, language))
    body: list[str] = [f"<h1>{title}</h1>"]
    for section in sections_of(card, language):
        body.append(f"<h2>{escape(section.title)}</h2>")
        body += [f"<p>{escape(text)}</p>" for text in section.sentences]
        for table in section.tables:
            head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
            rows = "".join(f"<tr>{_cells(row, table.texts)}</tr>" for row in table.rows)
            body.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    lang = "zh-CN" if language == "zh" else "en"
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430;"
    "background:#fff}h2{margin-top:2rem}table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .8rem;"
    "border-bottom:1px solid #d5dae2;text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}"
)


def _bars(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cells(row: Sequence[str], texts: int) -> str:
    return "".join(
        f"<td>{escape(cell)}</td>" if index < texts else f'<td class="n">{escape(cell)}</td>'
        for index, cell in enumerate(row)
    )
