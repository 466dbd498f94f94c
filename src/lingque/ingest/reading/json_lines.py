"""One JSON object per line. Numbers keep the text that stands in the file: no value passes through a float."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from lingque.catalog.definitions import FileRead
from lingque.core.errors import SourceError
from lingque.warehouse.bank_files import MAX_LINE, NOTHING_LOADED, distinct_columns, wrong_encoding

ROWS = 20_000


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def read_json_lines(path: Path, label: str, read: FileRead) -> Iterator[pa.Table]:
    """The rows of a file, in tables of bounded size; its columns are the keys, in the order in which they first appear.

    null is NULL, true and false are words, what is nested is its JSON text. Empty lines are skipped and counted. A
    line that is no JSON object, or names a key twice, is a `SourceError` with its number.
    """
    encoding = "utf-8-sig" if read.encoding == "utf-8" else read.encoding
    columns: dict[str, list[str | None]] = {}
    numbers: list[int] = []
    known: list[str] = []
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE):
            number += 1
            row = _object(line, encoding if number == 1 else read.encoding, f"{label}, line {number}")
            if row is None:
                continue
            if not row.keys() <= columns.keys():
                known = distinct_columns(f"{label}, line {number}", list(dict.fromkeys([*known, *row])))
                columns |= {name: [None] * len(numbers) for name in row if name not in columns}
            for name, values in columns.items():
                values.append(row.get(name))
            numbers.append(number)
            if len(numbers) == ROWS:
                yield _table(columns, numbers, label)
                columns, numbers = {name: [] for name in known}, []
    if numbers:
        yield _table(columns, numbers, label)


def _object(line: bytes, encoding: str, where: str) -> dict[str, str | None] | None:
    try:
        text = line.decode(encoding).strip()
    except UnicodeDecodeError:
        raise wrong_encoding(where) from None
    if not text:
        return None
    try:
        row = _values(text)
        if "\\u" in text:  # an escape can spell half a character, which is no text
            _json(row).encode()
    except (ValueError, RecursionError):
        row = None
    if row is None or len(line) == MAX_LINE:
        raise SourceError(
            f"{where}: is not one JSON object with each key once",
            next_step=f"check 'format' of the source, or {NOTHING_LOADED}",
        )
    return row


def _table(columns: dict[str, list[str | None]], numbers: list[int], label: str) -> pa.Table:
    return pa.table(
        {
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
            "_file": pa.repeat(pa.scalar(label), len(numbers)),
            "_row": pa.array(numbers, pa.int64()),
        }
    )


def _values(text: str) -> dict[str, str | None]:
    """The values of an object as text. `ValueError` where it is none, or names a key twice."""
    if not text.startswith("{"):
        raise ValueError("no object")
    pairs: list[tuple[str, Any]] = _FLAT.decode(text)
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a key stands twice")
    if any(type(value) is list for value in row.values()):
        row = {name: _json(v) if isinstance(v, (list, dict)) else v for name, v in _NESTED.decode(text).items()}
    return {name: _WORDS[value] if type(value) is bool else value for name, value in row.items()}


def _json(value: Any) -> str:
    """As `json.dumps`, but numbers as they were written."""
    match value:
        case _Number():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{_json(key)}: {_json(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(_json(inner) for inner in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a key stands twice")
    return row


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


_WORDS = {True: "true", False: "false"}
_FLAT = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=list)
# Slower by half, and needed only where there is something nested: in its text, numbers must not be quoted.
_NESTED = json.JSONDecoder(
    parse_float=_Number, parse_int=_Number, parse_constant=_no_constant, object_pairs_hook=_no_repetition
)
