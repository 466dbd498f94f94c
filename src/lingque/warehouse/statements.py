"""SQL in files: every statement has a name and a line that says what it is for.

    -- name: count_by_slice
    -- for: how many rows each delivery brought
    SELECT …

`statements(package)` reads all `sql/*.sql` of a package. The one list of all of them is `all_statements`, by which
the tests lint and run every one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PACKAGES_WITH_SQL = ("lingque.ingest", "lingque.profile", "lingque.measure")

_HEADER = re.compile(r"^-- name: (?P<name>\w+)\n-- for: (?P<purpose>.+)\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One named statement of the data plane."""

    name: str
    purpose: str
    sql: str


@cache
def statements(package: str) -> dict[str, Statement]:
    """The statements of a package by name. `ValueError` where a file breaks the form above."""
    found: dict[str, Statement] = {}
    for file in sorted((files(package) / "sql").iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        for statement in _parse(file.read_text(encoding="utf-8"), file.name):
            if statement.name in found:
                raise ValueError(f"{package}: two statements are named '{statement.name}'")
            found[statement.name] = statement
    return found


def all_statements() -> dict[str, Statement]:
    """Every template of the data plane, as `package:name`."""
    return {
        f"{package}:{name}": statement
        for package in PACKAGES_WITH_SQL
        for name, statement in statements(package).items()
    }


def _parse(text: str, file: str) -> list[Statement]:
    headers = list(_HEADER.finditer(text))
    if not headers or text[: headers[0].start()].strip():
        raise ValueError(f"{file} must begin with '-- name: …' and '-- for: …'")
    if len(headers) != text.count("-- name:"):
        raise ValueError(f"{file}: a '-- name: …' without its '-- for: …'")
    ends = [header.start() for header in headers[1:]] + [len(text)]
    return [
        Statement(
            name=header["name"],
            purpose=header["purpose"].strip(),
            sql=text[header.end() : end].strip().rstrip(";"),
        )
        for header, end in zip(headers, ends, strict=True)
    ]
