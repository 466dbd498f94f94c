"""The threat model names a test for every attack, and each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
PAGE = (PROJECT / "docs" / "concepts" / "security.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.split("## Attacks", 1)[1].split("\n## ", 1)[0].splitlines() if line.startswith("| ")][1:]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)


def test_every_attack_has_a_test() -> None:
    assert len(ROWS) > 20
    assert [row for row in ROWS if "::test_" not in row.rsplit("|", 2)[1]] == []


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_the_test_that_is_named_exists(path: str, name: str) -> None:
    file = PROJECT / path
    assert file.exists()
    assert re.search(rf"^def {name}\(", file.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "attack",
    ["celebrity", "SQL", "template", "IDOR", "forged", "stolen laptop", "spreadsheet", "approval", "trail changed"],
)
def test_the_attacks_that_everybody_tries_are_among_them(attack: str) -> None:
    assert any(attack in row for row in ROWS)
