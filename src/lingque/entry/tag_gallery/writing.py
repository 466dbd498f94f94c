"""The folder of a gallery: pages in both languages, and a drawing of each lineage."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from lingque.catalog.model import Catalog
from lingque.core.errors import ConflictError
from lingque.core.labels import LANGUAGES, Language
from lingque.entry.lineage_drawing import draw_lineage
from lingque.entry.report.plots import FONTS
from lingque.entry.tag_gallery.cards import gallery_of
from lingque.entry.tag_gallery.words import WORDS
from lingque.profile.contracts import SnapshotReport

_FOLDER = files("lingque.entry.tag_gallery")


def write_gallery(catalog: Catalog, report: SnapshotReport | None, folder: Path) -> Iterator[Path]:
    """Each file as it is written. Raises `ConflictError` where something is in the folder already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} is not empty", next_step="name a new folder: nothing is ever overwritten")
    for language in LANGUAGES:
        drawings = folder / "lineage" / language
        drawings.mkdir(parents=True)
        yield _written(folder / f"{language}.html", render(catalog, report, language))
        for name in catalog.tags:
            yield _written(drawings / f"{name}.svg", draw_lineage(catalog, name, language))


def render(catalog: Catalog, report: SnapshotReport | None, language: Language) -> str:
    """The page in one language."""
    style = "".join(
        (files(package) / name).read_text(encoding="utf-8")
        for package, name in (("lingque.entry.report", "report.css"), ("lingque.entry.tag_gallery", "gallery.css"))
    )
    return _template().render(
        gallery=gallery_of(catalog, report, language),
        language=language,
        others=[other for other in LANGUAGES if other != language],
        style=style.replace("FONTS", FONTS),
        words={name: label.in_language(language) for name, label in WORDS.items()},
    )


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((_FOLDER / "gallery.html").read_text(encoding="utf-8"))
