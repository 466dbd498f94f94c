"""Documentation says what the code does."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
import typer
import yaml
from tools import reference

from lingque.catalog.build import build_catalog
from lingque.catalog.definitions import DataContract, SourceDefinition, TagDefinition
from lingque.catalog.definitions.shared import since_condition
from lingque.catalog.expressions.parse import parse_condition, parse_derived, parse_measure, parse_row_expression
from lingque.catalog.expressions.rows import MEASURES
from lingque.catalog.expressions.to_python import row_function
from lingque.catalog.expressions.tree import AmongAll, CallName, PopulationName, walk
from lingque.catalog.expressions.types import BOOLEAN, DATE, INTEGER, TEXT, Kind, money
from lingque.catalog.model import AggregateTag
from lingque.catalog.yaml_files import Located
from lingque.core.clock import BusinessCalendar, parse_window
from lingque.entry.cli import app
from lingque.profile.tag_sql import PointInTime, aggregates_sql, readings_of, typed_sql
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
ARROW = {
    Kind.BOOLEAN: pa.bool_(), Kind.INTEGER: pa.int64(), Kind.MONEY: pa.int64(), Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
}  # fmt: skip
ROW: dict[str, Any] = {
    "age": 40, "amount": 5_000, "balance": 10_000, "booked": date(2026, 5, 1), "category": "salary", "city": "Beijing",
    "employed": True, "matures_on": date(2026, 7, 1), "salary": 20_000,
}  # fmt: skip


def section(title: str) -> str:
    page = (DOCS / "reference" / "expressions.md").read_text(encoding="utf-8")
    return page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def examples(title: str) -> list[str]:
    """What stands in backquotes in the example column of a section's table."""
    rows = [line.split("|") for line in section(title).splitlines() if line.startswith("|") and "---" not in line]
    return [code for row in rows[1:] for code in re.findall(r"`([^`]+)`", row[2])]


@pytest.mark.parametrize("text", [*examples("Values"), *examples("Over one row")])
def test_row_examples_are_in_the_language_and_run(text: str) -> None:
    row_function(parse_row_expression(text, NAMES))(ROW, date(2026, 6, 1))


SCORES = re.findall(r"`(ntile.*\+.*)`", section("Among all customers"))


@pytest.mark.parametrize("text", [*examples("Among all customers"), *SCORES])
def test_examples_among_all_customers_are_in_the_language(text: str) -> None:
    assert any(isinstance(node, AmongAll) for node in walk(parse_derived(text, NAMES)))


def measures() -> list[tuple[str, str]]:
    """Each example of a measure with what the page says of no rows."""
    lines = [line.split("|") for line in section("Over a customer's rows").splitlines() if line.startswith("|")]
    return [
        (code, re.split(r"[;, ]", row[3].strip())[0]) for row in lines[2:] for code in re.findall(r"`([^`]+)`", row[2])
    ]


@pytest.mark.parametrize(("text", "nothing"), measures())
def test_examples_of_measures_run_and_are_over_no_rows_what_the_page_says(text: str, nothing: str) -> None:
    assert parse_measure(text, NAMES)
    over_time = text.startswith("time_avg")
    tag = made_tag(text, kind="state" if over_time else "event", window="28 days" if "week" in text else "6 months")
    as_of = date(2026, 6, 1)
    calendar = BusinessCalendar(ZoneInfo("Asia/Shanghai"))
    moment = calendar.start_of(as_of)
    at = PointInTime(as_of=as_of, moment=moment, known_by=moment)
    (reading,) = readings_of([tag])
    time = reading.contract.time_column
    columns = {name: pa.array([ROW[name]], ARROW[kind.kind]) for name, kind in NAMES.items()}
    placed = {name: pa.array([moment - 1], pa.int64()) for name in (time, "known_at", "row_key", "party_id")}
    with duckdb.connect() as engine:
        engine.register("facts", pa.table(columns | placed | {"held_until": pa.array([None], pa.int64())}))
        engine.register(
            "links", pa.table({"party_id": pa.array([], pa.int64()), "customer_id": pa.array([], pa.int64())})
        )
        engine.register("population", pa.table({"customer_id": [moment - 1, 7]}))
        engine.execute(f'CREATE TABLE "{reading.name}" AS {aggregates_sql(reading, "facts", at, calendar)}')
        found = dict(engine.execute(typed_sql("population", [reading])).fetchall())
    assert found[7] == {"0": 0, "null": None, "false": False}[nothing]
    assert not ("count" in text or "recency" in text or "top" in text) or found[moment - 1] is not None


def made_tag(value: str, *, kind: str, window: str) -> AggregateTag:
    label = {"zh": "标签", "en": "Tag"}
    typed: dict[str, dict[str, str]] = {
        name: {"type": type_.kind.value} | ({"currency": type_.currency} if type_.currency else {})
        for name, type_ in NAMES.items()
    }
    roles = {
        "no": {"type": "text", "role": "key"},
        "customer_no": {"type": "text", "role": "party"},
        "happened_on": {"type": "date", "role": "event_time" if kind == "event" else "valid_from"},
    }
    contract = {"contract": "facts", "label": label, "kind": kind, "load": "full", "columns": typed | roles}
    tag = {"tag": "made", "label": label, "family": "value", "from": "facts", "window": window, "value": value}
    made = [DataContract.model_validate(contract), TagDefinition.model_validate(tag)]
    found = build_catalog([Located(definition=one, file="tags.yaml") for one in made]).tag("made")
    assert isinstance(found, AggregateTag)
    return found


@pytest.mark.parametrize("text", examples("Windows"))
def test_window_examples_are_windows(text: str) -> None:
    begins = since_condition(text)
    if begins is None:
        parse_window(text)
    else:
        parse_condition(begins, NAMES)


def test_every_function_has_an_example() -> None:
    page = (DOCS / "reference" / "expressions.md").read_text(encoding="utf-8")
    functions = {*MEASURES, *get_args(CallName), *get_args(PopulationName), "cast", "coalesce"} - {"count_distinct"}
    assert {name for name in functions if f"`{name}(" not in page} == set()


def test_the_mapping_page_shows_definitions_that_hold() -> None:
    page = (DOCS / "how-to" / "map-your-files.md").read_text(encoding="utf-8")
    blocks = [block for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) for block in yaml.safe_load_all(text)]
    contracts = [
        DataContract.model_validate(block) for block in blocks if "contract" in block and "source" not in block
    ]
    shown = [SourceDefinition.model_validate(block) for block in blocks if "source" in block]
    assert len(contracts) + len(shown) == len(blocks)
    assert contracts
    reads = [read for source in shown for read in source.reads.values()]
    assert {getattr(read, "format", "table") for read in reads} == {"csv", "fixed_width", "jsonl", "parquet", "table"}
    mappings = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert mappings
    assert [breaches(mapping) for mapping in mappings] == [[]] * len(mappings)


@pytest.mark.parametrize("name", reference.PAGES)
def test_generated_pages_say_what_the_code_says(name: str) -> None:
    committed = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert committed == reference.NOTE + reference.PAGES[name](), "run 'make docs'"


def test_every_command_shows_examples() -> None:
    def leaves(command: Any, path: str) -> list[tuple[str, str]]:
        if hasattr(command, "list_commands"):
            inside = [(name, command.get_command(None, name)) for name in command.list_commands(None)]
            return [leaf for name, inner in inside for leaf in leaves(inner, f"{path} {name}")]
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
