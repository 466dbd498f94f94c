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

from lingque.core.errors import SourceError, WarehouseError

MAX_LINE = 1 << 20
OWN_COLUMNS = frozenset({"_file", "_row"})
NOTHING_LOADED = "ask for the file again; nothing of it was loaded"

_LARGEST_BUFFER = 64 << 20
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
    headers = {label: csv_columns(label, file, form) for label, file in files.items()}
    same_columns(headers, name)
    parts: dict[str, str] = {}
    for label, file in files.items():
        parts[label] = f"{name}__{len(parts)}"
        try:
            connection.execute(_part(parts[label], f"SELECT * FROM {_read_csv(file, form, headers[label])}"))
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise _no_room(label, error) from None
        except duckdb.Error as error:
            raise _unreadable(label, error) from None  # the engine's message repeats the line: keep it out of logs
    connection.execute(_together(name, parts))


def view_csv(connection: duckdb.DuckDBPyConnection, name: str, label: str, file: Path, form: CsvForm) -> None:
    """The rows of one CSV file as a view that reads them when it is asked. `_row` is NULL: only rows that are held can
    be counted."""
    rows = _read_csv(file, form, csv_columns(label, file, form))
    connection.execute(
        f'CREATE OR REPLACE TEMP VIEW "{name}" AS '
        f"SELECT *, {literal(label)} AS _file, CAST(NULL AS BIGINT) AS _row FROM {rows}"
    )


def csv_columns(label: str, file: Path, form: CsvForm) -> list[str]:
    """The names of a CSV file's columns. Raises `SourceError`."""
    return list(form.columns) or _header(label, file, form)


def load_parquet(
    connection: duckdb.DuckDBPyConnection, name: str, files: Mapping[str, Path], *, time_zone: str
) -> None:
    """Fill the table `name` from Parquet files, as `load_csv` does.

    Numbers as they are exactly (a double by its shortest text), days as YYYY-MM-DD, times as YYYY-MM-DD HH:MM:SS (with
    a fraction only where there is one), those with a zone in the business time zone, booleans as true and false, what
    is nested as JSON. Raises `SourceError`.
    """
    headers: dict[str, list[str]] = {}
    parts: dict[str, str] = {}
    for label, file in files.items():
        parts[label] = f"{name}__{len(parts)}"
        relation = f"read_parquet({literal(str(file))}, binary_as_string = true)"
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
            headers[label] = distinct_columns(label, [str(row[0]) for row in described])
            same_columns(headers, name)
            values = ", ".join(_canonical(str(row[0]), str(row[1]), time_zone) for row in described)
            connection.execute(_part(parts[label], f"SELECT {values} FROM {relation}"))
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise _no_room(label, error) from None
        except duckdb.Error:
            raise SourceError(
                f"{label} is no Parquet file, is cut short, or holds bytes that are not UTF-8",
                next_step=f"check 'format' of the source, or {NOTHING_LOADED}",
            ) from None
    connection.execute(_together(name, parts))


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


def too_large() -> WarehouseError:
    return WarehouseError(
        "a statement needs more memory than it may use",
        next_step="raise 'memory_limit' under [warehouse] in lingque.toml",
    )


def literal(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _no_room(label: str, error: duckdb.Error) -> WarehouseError:
    if isinstance(error, duckdb.OutOfMemoryException):
        return too_large()
    return WarehouseError(
        f"{label} could not be taken in: reading it failed, or writing what does not fit into memory",
        next_step="check the rights on the file and the room on the disk, then ingest again: nothing of it was loaded",
    )


def _read_csv(file: Path, form: CsvForm, columns: Sequence[str]) -> str:
    """The engine's reading of a file, nothing of it guessed."""
    options = (
        f"delim = {literal(form.delimiter)}, quote = {literal(form.quote)}, escape = {literal(form.quote)}, "
        f"header = {'false' if form.columns else 'true'}, strict_mode = true, max_line_size = {MAX_LINE}, "
        # buffers larger than a row group: smaller ones are copied together again, which costs a third
        f"buffer_size = {min(_LARGEST_BUFFER, max(2 * MAX_LINE, file.stat().st_size + 1))}, "
        # nothing is left to guessing: the engine would skip lines until they look alike, and lose them
        f"auto_detect = false, columns = {{{_columns(columns)}}}"
    )
    return f"read_csv({literal(str(file))}, {options})"


def _part(part: str, rows: str) -> str:
    return f'CREATE TEMP TABLE "{part}" AS {rows}'


def _together(name: str, parts: Mapping[str, str]) -> str:
    """All files under one name, by a view that copies nothing. Rows keep the file's order, so their ids count them;
    row_number() would put all of the reading on one thread."""
    numbered = (
        f'SELECT *, {literal(label)} AS _file, rowid + 1 AS _row FROM "{part}"' for label, part in parts.items()
    )
    return f'CREATE OR REPLACE TEMP VIEW "{name}" AS ' + " UNION ALL BY NAME ".join(numbered)


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
    return ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)


def _canonical(name: str, kind: str, time_zone: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    if kind == "TIMESTAMP WITH TIME ZONE":
        value = f"timezone({literal(time_zone)}, {column})"
    elif _NESTED.match(kind):
        value = f"to_json({column})"
    else:
        value = column
    return f"CAST({value} AS VARCHAR) AS {column}"


def _unreadable(label: str, error: duckdb.Error) -> SourceError:
    line = _LINE.search(str(error))
    where = f"{label}, line {line[1]}" if line else label
    if "invalid unicode" in str(error).lower():
        return wrong_encoding(where)
    return SourceError(
        f"{where}: the line does not have the columns it must have, or a quote is open",
        next_step=f"check 'delimiter' and 'quote' of the source, or {NOTHING_LOADED}",
    )
