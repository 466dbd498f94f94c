"""SQL in files: every statement has a name and says what it is for."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from lingque.warehouse.statements import statements

NUMBERS = count()
Package = Callable[[dict[str, str]], str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A package with these SQL files; its name is new, because statements are read once per package."""

    def make(files: dict[str, str]) -> str:
        name = f"package_with_sql_{next(NUMBERS)}"
        folder = tmp_path / name / "sql"
        folder.mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return name

    return make


ONE = "-- name: one\n-- for: the first thing\nSELECT 1\n"
TWO = "-- name: two\n-- for: another  \nSELECT\n    2  -- why two\nFROM t;\n"


def test_statements_are_read_by_name(package: Package) -> None:
    found = statements(package({"b.sql": TWO + "\n", "a.sql": ONE, "notes.txt": "nothing"}))
    assert list(found) == ["one", "two"]
    assert (found["one"].name, found["one"].purpose, found["one"].sql) == ("one", "the first thing", "SELECT 1")
    assert found["two"].purpose == "another"
    assert found["two"].sql == "SELECT\n    2  -- why two\nFROM t"


def test_several_stand_in_one_file(package: Package) -> None:
    found = statements(package({"a.sql": f"{ONE}\n{TWO}"}))
    assert [statement.sql for statement in found.values()] == ["SELECT 1", "SELECT\n    2  -- why two\nFROM t"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1\n", "must begin with"),
        ("-- for: a thing\n-- name: one\nSELECT 1\n", "must begin with"),
        ("-- name: one\nSELECT 1\n", "must begin with"),
        ("-- name: one\n-- for:\nSELECT 1\n", "must begin with"),
        (f"SELECT 0;\n{ONE}", "must begin with"),
        (f"{ONE};\n-- name: three\nSELECT 3\n", "without its '-- for"),
        ("", "must begin with"),
    ],
)
def test_a_statement_that_does_not_say_what_it_is_for_is_refused(package: Package, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        statements(package({"a.sql": text}))


def test_two_of_one_name_are_refused(package: Package) -> None:
    with pytest.raises(ValueError, match="two statements are named 'one'"):
        statements(package({"a.sql": ONE, "b.sql": ONE}))
