"""Tables of the data plane: slices of sorted Parquet files, committed atomically through Delta Lake.

A *slice* is what one delivery replaces: one data date, one snapshot day, or `all`. We write the Parquet files
ourselves (from Arrow, or by the engine's own COPY) and commit them as one Delta transaction, because delta-rs' own
writer runs in parallel and does not keep the order of rows (notes: unsorted in 7 of 8 files), and a kernel over
unsorted rows is silently wrong.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from lingque.core.errors import WarehouseError
from lingque.core.ids import RunId
from lingque.warehouse.compacting import BASE, OfDays, days_in, may_hold
from lingque.warehouse.erasing import Unwanted, rewrite, rows_of
from lingque.warehouse.parquet import write_parquet

_SLICE = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_COLOURS = re.compile(r"\x1b\[\d+m")
BITS, ROWS = ".bits", ".rows"
BESIDE = (BITS, ROWS)
"""What is made from a data file and lies beside it under its name has one of these endings, and goes with it."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What a run writes: all rows of `name` in `table`, in place of what was there."""

    table: str
    name: str
    order: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _SLICE.fullmatch(self.name) or not _SLICE.fullmatch(self.table):
            raise ValueError(f"'{self.table}/{self.name}' cannot be a folder name")


@dataclass(frozen=True, kw_only=True)
class SortedFile:
    """A Parquet file that was written elsewhere on the same disk; committing it moves it."""

    path: Path

    @property
    def schema(self) -> pa.Schema:
        return pq.read_schema(self.path).remove_metadata()

    @property
    def num_rows(self) -> int:
        return int(pq.read_metadata(self.path).num_rows)


Rows: TypeAlias = pa.Table | SortedFile


class DeltaTables:
    """All tables under one folder. Made by `bootstrap`; holds nothing open."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def commit(
        self,
        target: Slice,
        rows: Rows,
        *,
        run_id: RunId,
        published: int | None,
        also: Sequence[tuple[Slice, Rows]] = (),
        instead_of: Collection[str] = (),
    ) -> int:
        """Replace the slice by these rows and return the version that holds them; `also` other slices of the same
        table, in the same transaction. `instead_of`: other slices that go with it, because the rows hold theirs too. A
        slice called by a day takes the place of that day's rows in what was put together before (`BASE`).

        The same run again returns its version and writes nothing. `published` is the version readers see
        (None: never published): what a dead run left after it is undone first, so that it is never published
        by accident. Rows must stand in `target.order`, else `WarehouseError`.
        """
        slices = [(target, rows), *also]
        for one, its_rows in slices:
            if one.table != target.table:
                raise ValueError(f"{one.table} and {target.table} cannot be committed in one transaction")
            _check(its_rows, one)
        schema = pa.unify_schemas([its_rows.schema for _, its_rows in slices], promote_options="permissive")
        # what is never null in one file may be in another
        schema = pa.schema([field.with_nullable(True) for field in schema])
        table = self._open(target.table)
        if table is not None and table.transaction_version(run_id) == table.version():
            return int(table.version())  # this run committed here and died before it could publish
        with _full_disk_named(self.root / target.table):
            if table is None:
                where = str(self.root / target.table)
                table = DeltaTable.create(where, schema=schema, configuration=_CONFIGURATION)
            else:
                table = _widen(self._undo_unpublished(table, published), schema)
            return self._write(table, slices, schema, run_id, instead_of)

    def count(self, table: str, version: int, unwanted: Unwanted) -> int:
        """How many rows of that version are unwanted."""
        return rows_of(self.files(table, version), unwanted)

    def erase(self, table: str, unwanted: Unwanted, *, run_id: RunId, published: int) -> tuple[int, int]:
        """Write every file of the published version that holds unwanted rows without them; the version, and how
        many rows went. The order of the rows stays. The same run again returns its version and writes nothing."""
        delta = self._at(table, published)
        newest = DeltaTable(delta.table_uri)
        if newest.transaction_version(run_id) == newest.version():
            return int(newest.version()), self.count(table, published, unwanted)
        newest = self._undo_unpublished(newest, published)
        version, folder = newest.version() + 1, self.root / table
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = []
        gone = 0
        with _full_disk_named(folder):
            for number, name in enumerate(sorted(_active(newest))):
                rows = rows_of([folder / unquote(name)], unwanted)
                if not rows:
                    continue
                gone += rows
                actions.append(RemoveAction(path=name, data_change=True, deletion_timestamp=now))
                rewritten = f"{unquote(name).partition('/')[0]}/{run_id}-v{version}-{number}.parquet"
                left = rewrite(folder / unquote(name), folder / rewritten, unwanted)
                if left:
                    actions.append(_added(folder, rewritten, left, now))
            if not actions:
                return published, 0
            self._transact(newest, actions, newest.schema(), run_id, version, table)
        return version, gone

    def sweep(self, table: str, published: int, *, also: Collection[int] = ()) -> int:
        """Delete every file that neither the published version nor those in `also` hold, and return how many: nobody
        can read another version, or what a dead run left, any more."""
        if self._open(table) is None:
            return 0
        self._undo_unpublished(DeltaTable(str(self.root / table)), published)
        files = {path for version in {published, *also} for path in self.files(table, version)}
        keep = {*files, *(file.with_suffix(ending) for file in files for ending in BESIDE)}
        old = [path for path in (self.root / table).rglob("*") if path.suffix in _DATA_FILES and path not in keep]
        for path in old:
            path.unlink()
        return len(old)

    def copy(self, table: str, version: int, root: Path) -> None:
        """Copy that version under another root, where it can be opened under the same number."""
        target = root / table
        log = target / "_delta_log"
        log.mkdir(parents=True)
        for path in sorted((self.root / table / "_delta_log").iterdir()):
            number = path.name.partition(".")[0]
            if number.isdigit() and int(number) <= version:
                shutil.copy2(path, log / path.name)
        for path in self.files(table, version):
            copied = target / path.relative_to(self.root / table)
            copied.parent.mkdir(exist_ok=True)
            shutil.copy2(path, copied)

    def files(self, table: str, version: int) -> list[Path]:
        """The Parquet files of that version. `WarehouseError` where the version is gone."""
        return [self.root / table / unquote(name) for name in sorted(_active(self._at(table, version)))]

    def files_of(self, table: str, version: int, name: str) -> list[Path]:
        """Those of one slice."""
        return [path for path in self.files(table, version) if path.parent.name == name]

    def slices(self, table: str, version: int) -> list[str]:
        """The names of the slices that have rows at that version, in their order."""
        return sorted({unquote(name).partition("/")[0] for name in _active(self._at(table, version))})

    def never_null(self, table: str, version: int) -> list[str]:
        """The columns that every file of that version declares so."""
        files = self.files(table, version)
        declared = [{field.name for field in pq.read_schema(file) if not field.nullable} for file in files]
        return sorted(set.intersection(*declared)) if declared else []

    def schema(self, table: str, version: int) -> pa.Schema:
        """The columns of that version: what a table without a file has too."""
        return pa.schema(self._at(table, version).schema().to_arrow())

    def _at(self, table: str, version: int) -> DeltaTable:
        try:
            return DeltaTable(str(self.root / table), version=version)
        except (DeltaError, OSError) as error:
            raise WarehouseError(
                f"version {version} of table '{table}' is not in {self.root}",
                next_step="restore the data folder from its backup, or run the step that made it again",
            ) from error

    def _open(self, table: str) -> DeltaTable | None:
        path = str(self.root / table)
        return DeltaTable(path) if DeltaTable.is_deltatable(path) else None

    def _undo_unpublished(self, table: DeltaTable, published: int | None) -> DeltaTable:
        keep = 0 if published is None else published  # version 0 is the empty table as created
        if table.version() > keep:
            table.restore(keep)
            return DeltaTable(table.table_uri)
        return table

    def _write(
        self,
        table: DeltaTable,
        slices: Sequence[tuple[Slice, Rows]],
        schema: pa.Schema,
        run_id: RunId,
        instead_of: Collection[str],
    ) -> int:
        version = table.version() + 1
        now = int(time.time() * 1000)  # a label in Delta's log only; no logic reads it
        names = {target.name for target, _ in slices} | set(instead_of)
        actions: list[AddAction | RemoveAction] = [
            RemoveAction(path=name, data_change=True, deletion_timestamp=now)
            for name in _active(table)
            if unquote(name).partition("/")[0] in names
        ]
        if BASE not in names:
            actions += self._without(
                table, slices[0][0].table, OfDays(days=days_in(names)), f"{run_id}-v{version}", now
            )
        for target, rows in slices:
            if rows.num_rows:
                name = f"{target.name}/{run_id}-v{version}.parquet"
                actions.append(_write_file(self.root / target.table, name, rows, now))
        self._transact(table, actions, schema, run_id, version, slices[0][0].name)
        return version

    def _without(
        self, table: DeltaTable, name: str, unwanted: OfDays, as_file: str, now: int
    ) -> list[AddAction | RemoveAction]:
        """What was put together, without the rows of these days."""
        folder = self.root / name
        actions: list[AddAction | RemoveAction] = []
        for number, one in enumerate(sorted(_active(table))):
            path = folder / unquote(one)
            if path.parent.name != BASE or not may_hold(path, unwanted.days) or not rows_of([path], unwanted):
                continue
            rewritten = f"{BASE}/{as_file}-{number}.parquet"
            left = rewrite(path, folder / rewritten, unwanted)
            actions.append(RemoveAction(path=one, data_change=True, deletion_timestamp=now))
            if left:
                actions.append(_added(folder, rewritten, left, now))
        return actions

    def _transact(
        self,
        table: DeltaTable,
        actions: list[AddAction | RemoveAction],
        schema: Schema | pa.Schema,
        run_id: RunId,
        version: int,
        what: str,
    ) -> None:
        table.create_write_transaction(
            actions,
            "append",
            schema,
            commit_properties=CommitProperties(
                custom_metadata={"run_id": run_id, "slice": what},
                app_transactions=[Transaction(run_id, version)],
                max_commit_retries=0,  # one writer per workspace; a conflict is a bug to be seen
            ),
        )


_DATA_FILES = frozenset({".parquet", ".half", *BESIDE})
_CONFIGURATION = {"delta.enableChangeDataFeed": "false"}


def _widen(table: DeltaTable, schema: pa.Schema) -> DeltaTable:
    """Columns that are new go into the table's log too: other readers believe the log, not the files."""
    known = {field.name for field in table.schema().fields}
    added = [field for field in Schema.from_arrow(schema).fields if field.name not in known]
    if not added:
        return table
    table.alter.add_columns(added)
    return DeltaTable(table.table_uri)


@contextmanager
def _full_disk_named(folder: Path) -> Iterator[None]:
    """The log of the table is written by delta-rs, which tells of a full disk in its own way."""
    try:
        yield
    except OSError as error:
        raise _not_written(folder, error) from error


def _not_written(path: Path, error: OSError) -> WarehouseError:
    last = _COLOURS.sub("", str(error)).strip().rpartition("\n")[2].strip(" ↳")
    return WarehouseError(
        f"cannot write {path}: {error.strerror or last}",
        next_step="make room or mend the rights, then run the same command again: nothing was published",
    )


def _active(table: DeltaTable) -> list[str]:
    actions = pa.table(table.get_add_actions(flatten=True))
    return [str(name) for name in actions.column("path").to_pylist()]


def _write_file(folder: Path, name: str, rows: Rows, now: int) -> AddAction:
    path = folder / name
    half = path.with_suffix(".half")
    count = rows.num_rows
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(rows, SortedFile):
            rows.path.replace(path)
        else:
            write_parquet(half, [rows], required=[n for n in rows.column_names if not rows.column(n).null_count])
            half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise _not_written(path, error) from error
    return _added(folder, name, count, now)


def _added(folder: Path, name: str, count: int, now: int) -> AddAction:
    statistics = {"numRecords": count}
    return AddAction(
        path=name,
        size=(folder / name).stat().st_size,
        partition_values={},
        modification_time=now,
        data_change=True,
        stats=json.dumps(statistics),
    )


def _check(rows: Rows, target: Slice) -> None:
    what = f"{target.table}/{target.name}"
    if isinstance(rows, pa.Table):
        check_sorted(rows, target.order, what=what)
        return
    last: pa.Table | None = None
    with pq.ParquetFile(rows.path) as file:
        for number in range(file.num_row_groups):
            group = file.read_row_group(number, columns=list(target.order)).select(list(target.order))
            check_sorted(group if last is None else pa.concat_tables([last, group]), target.order, what=what)
            last = group.slice(max(group.num_rows - 1, 0))


def check_sorted(rows: pa.Table, order: tuple[str, ...], *, what: str) -> None:
    """`WarehouseError` unless the rows are in ascending lexicographic order of those integer columns."""
    if rows.num_rows < 2:
        return
    undecided = np.ones(rows.num_rows - 1, dtype=bool)  # pairs of neighbours equal in all columns so far
    for name in order:
        values = pc.cast(rows.column(name), pa.int64()).to_numpy()
        if bool(np.any(undecided & (values[1:] < values[:-1]))):
            raise WarehouseError(
                f"rows of {what} are not ordered by {', '.join(order)}",
                next_step="this is a fault of Lingque: please report it with the command you ran",
            )
        undecided &= values[1:] == values[:-1]
