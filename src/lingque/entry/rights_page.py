"""The readable copy that a customer is given: one HTML file, no script, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined

from lingque.core.labels import Label, Language
from lingque.govern.rights.requests import RequestKind

_HEADINGS = {
    "identifiers": Label(zh="联系方式与身份信息", en="Identifiers and contact data"),
    "data": Label(zh="业务数据", en="Data on your business with us"),
    "tags": Label(zh="标签", en="Tags: what we derived from them"),
    "consents": Label(zh="同意记录", en="What you agreed to, and withdrew"),
    "consents_that_wait": Label(zh="尚未生效的同意", en="What you agreed to and is not in force yet"),
    "refused_automated_decisions": Label(zh="拒绝自动化决策的记录", en="Automated decisions you refused"),
    "refused_tags": Label(zh="拒绝使用的标签", en="Tags you refused"),
    "lists": Label(zh="所在名单", en="Lists you are on"),
    "given_tags": Label(zh="由人员或文件给出的标签", en="Tags that people or files gave you"),
    "joined": Label(zh="合并的记录", en="Records of several systems that were found to be yours"),
    "messages": Label(zh="触达记录", en="Messages"),
    "shown_on_screens": Label(zh="在屏幕上展示过的内容", en="What was shown to you on screens"),
    "offers": Label(zh="与各项产品的往来", en="What happened between you and offers"),
    "given_to_campaigns": Label(zh="统筹方案分配的活动", en="Campaigns you were chosen for where several share"),
    "decisions": Label(zh="自动化决策及理由", en="Automated decisions and their reasons"),
    "decisions_on_request": Label(zh="即时作出的自动化决策", en="Automated decisions made while you were there"),
}
_PAGE = """<!doctype html>
<html lang="{{ language }}"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;margin:.5em 0 1.5em}
td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left}</style>
</head><body><h1>{{ title }}</h1><p>{{ package.bank }} · {{ package.contact }} · {{ package.made_at }}</p>
{% for heading, tables in sections %}<h2>{{ heading }}</h2>
{% for caption, columns, rows in tables %}{% if caption %}<h3>{{ caption }}</h3>{% endif %}
{% if rows %}<table><tr>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>{% else %}<p>—</p>{% endif %}
{% endfor %}{% endfor %}</body></html>
"""

_Table = tuple[str, list[str], list[list[str]]]


def rights_page(package: Mapping[str, Any], language: Language) -> str:
    """The package of `lingque.flow.disclosing` as a page; every value is escaped."""
    sections = [
        (heading.in_language(language), _tables(package[name], language))
        for name, heading in _HEADINGS.items()
        if name in package
    ]
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)
    title = RequestKind(package["kind"]).label.in_language(language)
    return template.render(language=language, title=title, package=package, sections=sections)


def _tables(content: Any, language: Language) -> list[_Table]:
    if isinstance(content, Mapping):
        return [_table(f"{one[language]} ({name})", one["rows"], language) for name, one in content.items()]
    return [_table("", content, language)]


def _table(caption: str, rows: Sequence[Mapping[str, Any]], language: Language) -> _Table:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return caption, columns, [[_cell(row.get(name), language) for name in columns] for row in rows]


def _cell(value: Any, language: Language) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return str(value.get(language, ""))
    if isinstance(value, list):
        return ", ".join(_cell(one, language) for one in value)
    return str(value)
