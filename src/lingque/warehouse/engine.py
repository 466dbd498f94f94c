"""The SQL engine of the data plane: DuckDB over the file lists of published versions.

SQL is written in DuckDB's dialect within the linted subset of `lingque.warehouse.subset`, so that another engine
can read the same statements. One connection per engine, one cursor per `Session`.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from lingque.core.errors import SourceError, WarehouseError
from lingque.warehouse.tables import ROWS_PER_GROUP, DeltaTables, SortedFile

SCRATCH = ".scratch"


@dataclass(frozen=True, kw_only=True)
class CsvForm:
    """How a CSV file is written."""

    delimiter: str
    quote: str
    encoding: str


class Session:
    """A set of named relations and the questions asked of them. Use as a context manager.

    Relations are Delta tables at stated versions, Arrow tables, or named statements over those. What does not fit into
    `memory_limit` spills into a folder beside the tables, which goes when the session ends.
    """

    def __init__(self, tables: DeltaTables, *, memory_limit: str, threads: int) -> None:
        self._tables = tables
        self._scratch = _new_scratch(tables.root)
        self._connection = duckdb.connect()
        for statement in (
            f"SET memory_limit = '{memory_limit}'",
            f"SET threads = {threads}",
            f"SET temp_directory = {_text(str(self._scratch / 'spilled'))}",
            f"SET allowed_directories = [{_text(str(self._scratch))}]",
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
        shutil.rmtree(self._scratch, ignore_errors=True)

    def add_versions(self, versions: Mapping[str, int]) -> None:
        """Name each table at its version, e.g. `{"transactions": 3}`."""
        for name, version in versions.items():
            files = self._tables.files(name, version)
            if files:
                self._connection.read_parquet([str(file) for file in files], union_by_name=True).create_view(name)
            else:
                self.add_arrow(name, self._tables.schema(name, version).empty_table())

    def add_file(self, name: str, file: SortedFile) -> None:
        """Name a file that a session wrote."""
        self._connection.read_parquet(str(file.path)).create_view(name)

    def add_arrow(self, name: str, table: pa.Table) -> None:
        self._connection.register(name, table)

    def add_relation(self, name: str, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Materialise a statement under a name, for the statements after it."""
        self._connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}', parameters or None)

    def add_view(self, name: str, sql: str) -> None:
        """Name a statement without running it: for what is read once."""
        self._connection.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {sql}')

    def write_sorted(self, sql: str, order: Sequence[str], parameters: Mapping[str, Any] | None = None) -> SortedFile:
        """The answer as a Parquet file in that order, never in memory as a whole. Belongs to the session: commit or
        move it before the session ends. Raises `WarehouseError` where the disk is full."""
        path = self._scratch / f"written-{next(_NUMBERS)}.parquet"
        columns = ", ".join(f'"{name}"' for name in order)
        options = (
            f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_PER_GROUP}, "
            # a dictionary of nearly as many entries as rows costs a fifth of the writing and saves no space
            f"DICTIONARY_SIZE_LIMIT {ROWS_PER_GROUP // 64}"
        )
        try:
            self._connection.execute(
                f"COPY ({sql} ORDER BY {columns}) TO {_text(str(path))} ({options})", parameters or None
            )
        except duckdb.OutOfMemoryException as error:
            raise _too_large() from error
        except (duckdb.IOException, duckdb.FatalException) as error:
            path.unlink(missing_ok=True)
            raise WarehouseError(
                f"cannot write {path}: {_first_line(error)}",
                next_step="make room or mend the rights, then run the same command again: nothing was published",
            ) from error
        return SortedFile(path=path)

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
                # buffers larger than a row group: smaller ones are copied together again, which costs a third
                f"buffer_size = {_buffer(file)}, "
                # nothing is left to guessing: the engine would skip lines until they look alike, and lose them
                f"auto_detect = false, columns = {{{_columns(headers[file])}}}"
            )
            try:
                self._connection.execute(
                    f'CREATE TEMP TABLE "{part}" AS SELECT * FROM read_csv({_text(str(file))}, {options})'
                )
            except duckdb.Error as error:
                raise _unreadable(file, error) from None  # the engine's message repeats the line: keep it out of logs
            # not row_number(): it would put all of the reading on one thread
            parts.append(f'SELECT *, {_text(file.name)} AS _file, rowid + 1 AS _row FROM "{part}"')
        self.add_view(name, " UNION ALL BY NAME ".join(parts))

    def seal(self) -> None:
        """From here on no statement can read or write a file outside the session's own folder, nor undo this."""
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
            raise _too_large() from error


_NUMBERS = count()


def _new_scratch(root: Path) -> Path:
    """A folder for one session; those of processes that are no longer alive go."""
    parent = root / SCRATCH
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.iterdir():
        if not _is_alive(int(left.name.partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=parent, prefix=f"{os.getpid()}-"))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _too_large() -> WarehouseError:
    return WarehouseError(
        "a statement needs more memory than it may use",
        next_step="raise 'memory_limit' under [warehouse] in lingque.toml",
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).splitlines()[0]


def _buffer(file: Path) -> int:
    return min(_LARGEST_BUFFER, max(2 * MAX_LINE, file.stat().st_size + 1))


_LARGEST_BUFFER = 64 << 20
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
