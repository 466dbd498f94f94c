"""The SQL engine of the data plane: DuckDB over the file lists of published versions.

SQL is written in DuckDB's dialect within the linted subset of `lingque.warehouse.subset`, so that another engine
can read the same statements. One connection per engine, one cursor per `Session`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from lingque.core.errors import SourceError, WarehouseError
from lingque.warehouse.tables import DeltaTables


@dataclass(frozen=True, kw_only=True)
class CsvForm:
    """How a CSV file is written."""

    delimiter: str
    quote: str
    encoding: str


class Session:
    """A set of named relations and the questions asked of them. Use as a context manager.

    Relations are Delta tables at stated versions, Arrow tables, or named statements over those.
    """

    def __init__(self, tables: DeltaTables, *, memory_limit: str, threads: int) -> None:
        self._tables = tables
        self._connection = duckdb.connect()
        for statement in (
            f"SET memory_limit = '{memory_limit}'",
            f"SET threads = {threads}",
            "SET preserve_insertion_order = true",
            "SET enable_progress_bar = false",
            # Mapping SQL is the bank's own text: it may read what it was given and reach for nothing else.
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            "SET TimeZone = 'UTC'",
        ):
            self._connection.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add_versions(self, versions: Mapping[str, int]) -> None:
        """Name each table at its version, e.g. `{"transactions": 3}`."""
        for name, version in versions.items():
            files = self._tables.files(name, version)
            if files:
                self._connection.read_parquet([str(file) for file in files], union_by_name=True).create_view(name)
            else:
                self.add_arrow(name, self._tables.schema(name, version).empty_table())

    def add_arrow(self, name: str, table: pa.Table) -> None:
        self._connection.register(name, table)

    def add_relation(self, name: str, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Materialise a statement under a name, for the statements after it."""
        self._connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}', parameters or None)

    def add_csv(self, name: str, files: Sequence[Path], form: CsvForm) -> None:
        """Load CSV files, every value as text, with `_file` and `_row` (from 1, the header not counted).

        Raises `SourceError` that names file and line, and repeats nothing of the content.
        """
        parts: list[str] = []
        headers = {file: _header(file, form) for file in files}
        for number, file in enumerate(files):
            part = f"{name}__{number}"
            if sorted(headers[file]) != sorted(headers[files[0]]):
                raise SourceError(
                    f"{file.name} has other columns than {files[0].name}, and both are read as '{name}'",
                    next_step="read them under two names, or ask for the file again; nothing of them was loaded",
                )
            options = (
                f"delim = {_text(form.delimiter)}, quote = {_text(form.quote)}, escape = {_text(form.quote)}, "
                f"encoding = {_text(form.encoding)}, header = true, strict_mode = true, max_line_size = {MAX_LINE}, "
                # nothing is left to guessing: the engine would skip lines until they look alike, and lose them
                f"auto_detect = false, columns = {{{_columns(headers[file])}}}"
            )
            try:
                self._connection.execute(
                    f'CREATE TEMP TABLE "{part}" AS '
                    f"SELECT *, {_text(file.name)} AS _file, row_number() OVER () AS _row "
                    f"FROM read_csv({_text(str(file))}, {options})"
                )
            except duckdb.Error as error:
                raise _unreadable(file, error) from None  # the engine's message repeats the line: keep it out of logs
            parts.append(f'SELECT * FROM "{part}"')
        self._connection.execute(f'CREATE TEMP TABLE "{name}" AS ' + " UNION ALL BY NAME ".join(parts))

    def seal(self) -> None:
        """From here on no statement can read or write a file, nor undo this."""
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def has(self, name: str) -> bool:
        found = self._connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_name = $name", {"name": name}
        ).fetchall()
        return bool(found)

    def columns(self, name: str) -> list[str]:
        return [str(row[0]) for row in self._connection.execute(f'DESCRIBE "{name}"').fetchall()]

    def ask(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The answer as an Arrow table."""
        try:
            return self._connection.sql(sql, params=parameters or None).to_arrow_table()
        except duckdb.OutOfMemoryException as error:
            raise WarehouseError(
                "a statement needs more memory than it may use",
                next_step="raise 'memory_limit' under [warehouse] in lingque.toml",
            ) from error


_LINE = re.compile(r"Line: (\d+)")
MAX_LINE = 1 << 20


def _header(file: Path, form: CsvForm) -> list[str]:
    """The columns that the first line names. Raises `SourceError`, which repeats nothing of it."""
    with file.open("rb") as opened:
        line = opened.readline(MAX_LINE)
    try:
        text = line.decode("utf-8-sig" if form.encoding == "utf-8" else form.encoding).rstrip("\r\n")
    except UnicodeDecodeError:
        raise _wrong_encoding(f"{file.name}, line 1") from None
    if not text:
        raise SourceError(
            f"{file.name} is empty: it does not even have a header",
            next_step="ask for the file again; nothing of it was loaded",
        )
    named = next(csv.reader([text], delimiter=form.delimiter, quotechar=form.quote))
    names = [name.strip() or f"column{number}" for number, name in enumerate(named)]
    if len({name.casefold() for name in names}) < len(names):
        raise SourceError(
            f"{file.name}: the header names one column twice",
            next_step="ask for the file again with a header in its first line; nothing of it was loaded",
        )
    return names


def _columns(names: Sequence[str]) -> str:
    return ", ".join(f"{_text(name)}: 'VARCHAR'" for name in names)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _unreadable(file: Path, error: duckdb.Error) -> SourceError:
    line = _LINE.search(str(error))
    where = f"{file.name}, line {line[1]}" if line else file.name
    if "invalid unicode" in str(error).lower():
        return _wrong_encoding(where)
    return SourceError(
        f"{where}: the line does not have the columns of the header, or a quote is open",
        next_step="check 'delimiter' and 'quote' of the source, or ask for the file again; nothing of it was loaded",
    )


def _wrong_encoding(where: str) -> SourceError:
    return SourceError(
        f"{where}: bytes that are not of the encoding the source states",
        next_step="state the right 'encoding' in the source, or ask for the file again; nothing of it was loaded",
    )
