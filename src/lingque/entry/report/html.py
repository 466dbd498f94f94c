"""The page itself."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from lingque.core.labels import Language
from lingque.entry.report.page import ReportPage
from lingque.entry.report.plots import FONTS, draw
from lingque.entry.report.words import WORDS
from lingque.entry.report.writing import content_of

_FOLDER = files("lingque.entry.report")


def render(page: ReportPage, language: Language) -> str:
    """The whole report as one HTML file: no network, no script. The same page gives the same text."""
    content = content_of(page, language)
    plots = {
        section.name: [draw(plot, f"{section.name}-{index}") for index, plot in enumerate(section.plots)]
        for section in content.sections
    }
    return _template().render(
        content=content,
        plots=plots,
        style=(_FOLDER / "report.css").read_text(encoding="utf-8").replace("FONTS", FONTS),
        words={name: label.in_language(language) for name, label in WORDS.items()},
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((_FOLDER / "report.html").read_text(encoding="utf-8"))
