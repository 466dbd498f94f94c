"""The SQL engine of the data plane: DuckDB over the file lists of published versions.

SQL is written in DuckDB's dialect within the linted subset of `lingque.warehouse.subset`, so that another engine
can read the same statements. One connection per engine, one cursor per `Session`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from lingque.warehouse.bank_files import CsvForm, load_csv, load_parquet, too_large
from lingque.warehouse.tables import DeltaTables

_APPENDED = "_appended"


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

    def add_csv(self, name: str, files: Mapping[str, Path], form: CsvForm) -> None:
        """Load CSV files in UTF-8 by the names to call them, every value as text, with `_file` and `_row` (from 1, the
        header not counted). Raises `SourceError` that names file and line, and repeats nothing of the content."""
        load_csv(self._connection, name, files, form)

    def add_parquet(self, name: str, files: Mapping[str, Path], *, time_zone: str) -> None:
        """Load Parquet files likewise; times with a zone are told in the business time zone."""
        load_parquet(self._connection, name, files, time_zone=time_zone)

    def append(self, name: str, rows: pa.Table) -> None:
        """Add rows to a materialised relation, which the first call makes. Columns that are new are NULL before."""
        self._connection.register(_APPENDED, rows)
        try:
            if not self.has(name):
                self._connection.execute(f'CREATE TEMP TABLE "{name}" AS SELECT * FROM {_APPENDED}')
                return
            known = self.columns(name)
            for column in (added for added in rows.column_names if added not in known):
                quoted = column.replace('"', '""')
                self._connection.execute(f'ALTER TABLE "{name}" ADD COLUMN "{quoted}" VARCHAR')
            self._connection.execute(f'INSERT INTO "{name}" BY NAME SELECT * FROM {_APPENDED}')
        except duckdb.OutOfMemoryException as error:
            raise too_large() from error
        finally:
            self._connection.unregister(_APPENDED)

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
            raise too_large() from error
