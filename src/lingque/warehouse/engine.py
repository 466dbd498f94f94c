"""The SQL engine of the data plane: DuckDB over the file lists of published versions.

SQL is written in DuckDB's dialect within the linted subset of `lingque.warehouse.subset`, so that another engine
can read the same statements. One connection per engine, one cursor per `Session`.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from lingque.core.errors import WarehouseError
from lingque.warehouse.bank_files import CsvForm, csv_columns, literal, load_csv, load_parquet, too_large, view_csv
from lingque.warehouse.late_columns import write_with_late_columns
from lingque.warehouse.parquet import write_parquet
from lingque.warehouse.tables import DeltaTables, SortedFile

SCRATCH = ".scratch"

_APPENDED = "_appended"
_FETCHED = 131_072
_TOLD_AS_JSON = re.compile(r'"exception_message":".*: ([^"]+)"')


class Session:
    """A set of named relations and the questions asked of them. Use as a context manager.

    Relations are Delta tables at stated versions, Arrow tables, or named statements over those. What does not fit into
    `memory_limit` spills into a folder beside the tables, which goes when the session ends.
    """

    def __init__(self, tables: DeltaTables, *, memory_limit: str, threads: int) -> None:
        self._tables = tables
        self._scratch = _new_scratch(tables.root)
        self._connection = duckdb.connect()
        self._sealed = False
        for statement in (
            f"SET memory_limit = '{memory_limit}'",
            f"SET threads = {threads}",
            f"SET temp_directory = {literal(str(self._scratch / 'spilled'))}",
            f"SET allowed_directories = [{literal(str(self._scratch))}]",
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

    def write_sorted(
        self,
        sql: str,
        order: Sequence[str],
        parameters: Mapping[str, Any] | None = None,
        *,
        required: Collection[str] = (),
    ) -> SortedFile:
        """The answer as a Parquet file in that order, never in memory as a whole; `required` columns are never null.
        Belongs to the session: commit or move it before the session ends. Raises `WarehouseError` where the disk is
        full."""
        path = self._scratch / f"written-{next(_NUMBERS)}.parquet"
        columns = ", ".join(f'"{name}"' for name in order)
        try:
            found = self._connection.sql(f"{sql} ORDER BY {columns}", params=parameters or None)
            with _full_disk_named(path):
                write_parquet(path, _pieces(found.to_arrow_reader(_FETCHED)), required=required)
        except duckdb.OutOfMemoryException as error:
            raise too_large() from error
        except duckdb.IOException as error:
            raise _not_written(path, _told_by(error)) from error
        return SortedFile(path=path)

    def write_batches(
        self,
        batches: Iterable[pa.Table],
        late: Callable[[], pa.Table],
        *,
        names: Sequence[str],
        order: Sequence[str],
        required: Collection[str],
    ) -> SortedFile:
        """Tables of equal columns, which come in order, and those that `late` gives of the same rows after the last of
        them, as one Parquet file that belongs to the session. Its columns are `names`; `required` are never null."""
        path = self._scratch / f"written-{next(_NUMBERS)}.parquet"
        with _full_disk_named(path):
            write_with_late_columns(path, batches, late, names=names, statistics=order, required=required)
        return SortedFile(path=path)

    def spool(self) -> Spool:
        """A place to put tables aside, which goes when the session ends."""
        return Spool(self._scratch / f"spooled-{next(_NUMBERS)}.arrow")

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

    def csv_columns(self, label: str, file: Path, form: CsvForm) -> list[str]:
        """The columns of a CSV file. Raises `SourceError`."""
        return csv_columns(label, file, form)

    def view_csv(self, name: str, label: str, file: Path, form: CsvForm) -> None:
        """Name one CSV file without loading it; its `_row` is NULL."""
        view_csv(self._connection, name, label, file, form)

    def seal(self, *, readable: Sequence[Path] = ()) -> None:
        """From here on no statement can read or write a file outside the session's own folder, but for reading these,
        nor undo this. What is sealed stays as it is."""
        if self._sealed:
            return
        self._sealed = True
        self._connection.execute(f"SET allowed_paths = [{', '.join(literal(str(path)) for path in readable)}]")
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


class Spool:
    """Columns that were put aside. What is read is the file itself, mapped into memory, and nothing is copied."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def over(self, batches: Iterable[pa.Table], names: Sequence[str]) -> Iterator[pa.Table]:
        """The batches, of which there is at least one; as they pass, these columns of theirs are put aside."""
        writer: pa.RecordBatchFileWriter | None = None
        with _full_disk_named(self._path), pa.OSFile(str(self._path), "wb") as target:
            for batch in batches:
                chosen = batch.select(list(names))
                if writer is None:
                    writer = pa.ipc.new_file(target, chosen.schema)
                writer.write_table(chosen)
                yield batch
            if writer is not None:
                writer.close()

    def table(self) -> pa.Table:
        """What was put aside, once all batches have passed."""
        return pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()


@contextmanager
def _full_disk_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        path.unlink(missing_ok=True)
        # Arrow's own words come with the address of its code
        raise _not_written(path, os.strerror(error.errno) if error.errno else str(error)) from error


def _not_written(path: Path, why: str) -> WarehouseError:
    return WarehouseError(
        f"cannot write {path}: {why}",
        next_step="make room or mend the rights, then run the same command again: nothing was published",
    )


def _pieces(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """What an engine gives, piece by piece; of no rows one piece."""
    yield reader.schema.empty_table()
    for batch in reader:
        yield pa.Table.from_batches([batch])


class RowEngine:
    """Answers statements over one Arrow table, `rows`, in the order of its rows. Used from several threads at once."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads
        self._opened: duckdb.DuckDBPyConnection | None = None
        self._lock = Lock()

    def ask(self, sql: str, rows: pa.Table) -> pa.Table:
        with self._lock:
            connection = self._connection()
            connection.register("rows", rows)
            try:
                return connection.sql(sql).to_arrow_table()
            finally:
                connection.unregister("rows")

    def _connection(self) -> duckdb.DuckDBPyConnection:
        """Opened by the first who asks: it takes 20 ms, and most who open a workspace ask nothing here."""
        if self._opened is None:
            self._opened = duckdb.connect(config={"threads": self._threads, "enable_external_access": "false"})
        return self._opened


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


def _told_by(error: duckdb.Error) -> str:
    """What the system said: of an asynchronous write the engine tells it as JSON behind its own words."""
    line = str(error).splitlines()[0]
    found = _TOLD_AS_JSON.search(line)
    return found[1] if found else line
