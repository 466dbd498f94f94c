"""Files that the engine itself can read: CSV in UTF-8, and Parquet. Every value arrives as text.

Errors name the file and, where it is known, the line; they repeat nothing of the content.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lingque.core.errors import SourceError

MAX_LINE = 1 << 20
OWN_COLUMNS = frozenset({"_file", "_row"})
NOTHING_LOADED = "ask for the file again; nothing of it was loaded"

_LINE = re.compile(r"Line: (\d+)")
_NESTED = re.compile(r"STRUCT|MAP|UNION|.*\[\d*\]$", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class CsvForm:
    """How a CSV file is written. `columns` are the names where it has no header line."""

    delimiter: str
    quote: str
    columns: tuple[str, ...] = ()


def load_csv(connection: duckdb.DuckDBPyConnection, name: str, files: Mapping[str, Path], form: CsvForm) -> None:
    """Fill the table `name` from CSV files, by the names to call them, with `_file` and `_row` (from 1, the header
    not counted). Raises `SourceError`."""
    headers = {label: list(form.columns) or _header(label, file, form) for label, file in files.items()}
    same_columns(headers, name)
    for number, (label, file) in enumerate(files.items()):
        options = (
            f"delim = {_text(form.delimiter)}, quote = {_text(form.quote)}, escape = {_text(form.quote)}, "
            f"header = {'false' if form.columns else 'true'}, strict_mode = true, max_line_size = {MAX_LINE}, "
            # nothing is left to guessing: the engine would skip lines until they look alike, and lose them
            f"auto_detect = false, columns = {{{_columns(headers[label])}}}"
        )
        rows = (
            f"SELECT *, {_text(label)} AS _file, row_number() OVER () AS _row "
            f"FROM read_csv({_text(str(file))}, {options})"
        )
        try:
            connection.execute(_into(name, rows, first=number == 0))
        except duckdb.Error as error:
            raise _unreadable(label, error) from None  # the engine's message repeats the line: keep it out of logs


def load_parquet(
    connection: duckdb.DuckDBPyConnection, name: str, files: Mapping[str, Path], *, time_zone: str
) -> None:
    """Fill the table `name` from Parquet files, as `load_csv` does.

    Numbers as they are exactly (a double by its shortest text), days as YYYY-MM-DD, times as YYYY-MM-DD HH:MM:SS (with
    a fraction only where there is one), those with a zone in the business time zone, booleans as true and false, what
    is nested as JSON. Raises `SourceError`.
    """
    headers: dict[str, list[str]] = {}
    for number, (label, file) in enumerate(files.items()):
        relation = f"read_parquet({_text(str(file))}, binary_as_string = true)"
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
            headers[label] = distinct_columns(label, [str(row[0]) for row in described])
            same_columns(headers, name)
            values = ", ".join(_canonical(str(row[0]), str(row[1]), time_zone) for row in described)
            rows = f"SELECT {values}, {_text(label)} AS _file, row_number() OVER () AS _row FROM {relation}"
            connection.execute(_into(name, rows, first=number == 0))
        except duckdb.Error:
            raise SourceError(
                f"{label} is no Parquet file, is cut short, or holds bytes that are not UTF-8",
                next_step=f"check 'format' of the source, or {NOTHING_LOADED}",
            ) from None


def distinct_columns(label: str, names: Sequence[str]) -> list[str]:
    """The names, where each is another one for the engine, which does not look at case; else `SourceError`."""
    if len({name.casefold() for name in names} | OWN_COLUMNS) < len(names) + len(OWN_COLUMNS):
        raise SourceError(
            f"{label}: names one column twice, or calls one _file or _row",
            next_step=f"each column needs a name of its own: {NOTHING_LOADED}",
        )
    return list(names)


def same_columns(headers: Mapping[str, Sequence[str]], name: str) -> None:
    """`SourceError` where files that are read under one name have different columns."""
    (first, expected), *others = headers.items()
    for label, found in others:
        if sorted(found) != sorted(expected):
            raise SourceError(
                f"{label} has other columns than {first}, and both are read as '{name}'",
                next_step="read them under two names, or ask for the file again; nothing of them was loaded",
            )


def wrong_encoding(where: str) -> SourceError:
    return SourceError(
        f"{where}: bytes that are not of the encoding the source states",
        next_step=f"state the right 'encoding' in the source, or {NOTHING_LOADED}",
    )


def _into(name: str, rows: str, *, first: bool) -> str:
    return f'CREATE TEMP TABLE "{name}" AS {rows}' if first else f'INSERT INTO "{name}" BY NAME {rows}'


def _header(label: str, file: Path, form: CsvForm) -> list[str]:
    """The columns that the first line names."""
    with file.open("rb") as opened:
        line = opened.readline(MAX_LINE)
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise wrong_encoding(f"{label}, line 1") from None
    if not text:
        raise SourceError(f"{label} is empty: it does not even have a header", next_step=NOTHING_LOADED)
    named = next(csv.reader([text], delimiter=form.delimiter, quotechar=form.quote))
    return distinct_columns(label, [name.strip() or f"column{number}" for number, name in enumerate(named)])


def _columns(names: Sequence[str]) -> str:
    return ", ".join(f"{_text(name)}: 'VARCHAR'" for name in names)


def _canonical(name: str, kind: str, time_zone: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    if kind == "TIMESTAMP WITH TIME ZONE":
        value = f"timezone({_text(time_zone)}, {column})"
    elif _NESTED.match(kind):
        value = f"to_json({column})"
    else:
        value = column
    return f"CAST({value} AS VARCHAR) AS {column}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _unreadable(label: str, error: duckdb.Error) -> SourceError:
    line = _LINE.search(str(error))
    where = f"{label}, line {line[1]}" if line else label
    if "invalid unicode" in str(error).lower():
        return wrong_encoding(where)
    return SourceError(
        f"{where}: the line does not have the columns it must have, or a quote is open",
        next_step=f"check 'delimiter' and 'quote' of the source, or {NOTHING_LOADED}",
    )
