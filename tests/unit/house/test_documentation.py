"""Documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tools import reference

from lingque.catalog.definitions import DataContract, SourceDefinition
from lingque.catalog.expressions.parse import parse_measure, parse_row_expression
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, TEXT, money
from lingque.core.clock import Window
from lingque.entry.cli import app
from lingque.warehouse.subset import breaches

DOCS = Path(__file__).parents[3] / "docs"
NAMES = {
    "age": INTEGER,
    "amount": money("CNY"),
    "balance": money("CNY"),
    "booked": DATE,
    "category": TEXT,
    "city": TEXT,
    "employed": BOOLEAN,
    "matures_on": DATE,
    "salary": money("CNY"),
}


def section(title: str) -> str:
    page = (DOCS / "reference" / "expressions.md").read_text(encoding="utf-8")
    return page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def examples(title: str) -> list[str]:
    """What stands in backquotes in the example column of a section's table."""
    rows = [line.split("|") for line in section(title).splitlines() if line.startswith("|") and "---" not in line]
    return [code for row in rows[1:] for code in re.findall(r"`([^`]+)`", row[2])]


@pytest.mark.parametrize("text", [*examples("Values"), *examples("Over one row")])
def test_row_examples_are_in_the_language(text: str) -> None:
    parse_row_expression(text, NAMES)


@pytest.mark.parametrize("text", examples("Over a customer's rows"))
def test_aggregate_examples_are_in_the_language(text: str) -> None:
    parse_measure(text, NAMES)


def test_window_examples_are_windows() -> None:
    windows = re.findall(r"`([^`]+)`", section("Windows"))
    assert len(windows) >= 4
    for text in windows:
        Window.parse(text)


def test_the_mapping_page_shows_definitions_that_hold() -> None:
    page = (DOCS / "how-to" / "map-your-files.md").read_text(encoding="utf-8")
    contract, *sources = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    DataContract.model_validate(contract)
    shown = [SourceDefinition.model_validate(source) for source in sources]
    reads = [read for source in shown for read in source.reads.values()]
    assert {getattr(read, "format", "table") for read in reads} == {"csv", "fixed_width", "jsonl", "parquet", "table"}
    (mapping,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert breaches(mapping) == []


@pytest.mark.parametrize("name", reference.PAGES)
def test_generated_pages_say_what_the_code_says(name: str) -> None:
    committed = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert committed == reference.NOTE + reference.PAGES[name](), "run 'make docs'"


def test_every_command_shows_examples() -> None:
    def leaves(command: Any, path: str) -> list[tuple[str, str]]:
        if hasattr(command, "commands"):
            return [leaf for name, inner in command.commands.items() for leaf in leaves(inner, f"{path} {name}")]
        return [(path, command.help or "")]

    listed = leaves(typer.main.get_command(app), "lingque")
    assert len(listed) > 12
    assert [path for path, help_ in listed if "Examples:" not in help_ or path not in help_] == []


def test_links_lead_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md"), *(DOCS.parent / "examples").rglob("*.md")]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if not target.startswith("http") and not (page.parent / target).exists()
    ]
    assert broken == []


def test_no_public_page_has_unfinished_words() -> None:
    pages = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]
    assert [page.name for page in pages if re.search(r"\b(TODO|TBD|FIXME)\b", page.read_text(encoding="utf-8"))] == []
