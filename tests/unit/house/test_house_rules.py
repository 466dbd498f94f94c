"""Rules of the house that no linter knows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from lingque.warehouse.statements import PACKAGES_WITH_SQL

PROJECT = Path(__file__).parents[3]
SOURCES = sorted((PROJECT / "src").rglob("*.py"))
JUNK = re.compile(r"(^|/)(utils?|helpers?|common|manager|misc|base)(\.py|/)")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT / "src")))
def test_a_file_is_one_room(path: Path) -> None:
    if "migrations" not in path.parts:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, "two families in one room?"
    assert not JUNK.search(path.relative_to(PROJECT).as_posix()), "name it for its subject"


def test_every_package_says_what_it_is() -> None:
    silent = [
        str(path.parent.relative_to(PROJECT))
        for path in SOURCES
        if path.name == "__init__.py" and "migrations" not in path.parts and '"""' not in path.read_text("utf-8")[:3]
    ]
    assert silent == []


def test_no_swallowed_failure() -> None:
    bare = re.compile(r"except( Exception)?:\s*(#.*)?\n\s*(pass|continue)\b")
    assert [str(path) for path in SOURCES if bare.search(path.read_text(encoding="utf-8"))] == []


def test_the_lock_names_hashes_and_no_address() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", lock)
    packages = re.findall(r"^[a-z0-9][a-z0-9._-]*==", lock, flags=re.MULTILINE)
    assert len(packages) > 50
    assert lock.count("--hash=sha256:") >= len(packages)


def test_make_without_a_target_prints_help() -> None:
    printed = subprocess.run(["make"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for target in ("install", "demo", "test", "check", "bench"):
        assert f"make {target}" in printed


def test_every_sql_file_is_in_the_one_list_of_templates() -> None:
    packages = {f"lingque.{path.parent.parent.name}" for path in (PROJECT / "src").rglob("sql/*.sql")}
    assert packages == set(PACKAGES_WITH_SQL)
