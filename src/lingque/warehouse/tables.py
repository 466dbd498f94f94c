"""Tables of the data plane: slices of sorted Parquet files, committed atomically through Delta Lake.

A *slice* is what one delivery replaces: one data date, one snapshot day, or `all`. We write the Parquet files
ourselves and commit them as one Delta transaction, because delta-rs' own writer runs in parallel and does not
keep the order of rows (notes: unsorted in 7 of 8 files), and a kernel over unsorted rows is silently wrong.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
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

_SLICE = re.compile(r"[a-z0-9][a-z0-9_.-]*")
ROWS_PER_GROUP = 131_072


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What a run writes: all rows of `name` in `table`, in place of what was there."""

    table: str
    name: str
    order: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _SLICE.fullmatch(self.name) or not _SLICE.fullmatch(self.table):
            raise ValueError(f"'{self.table}/{self.name}' cannot be a folder name")


class DeltaTables:
    """All tables under one folder. Made by `bootstrap`; holds nothing open."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def commit(self, target: Slice, rows: pa.Table, *, run_id: RunId, published: int | None) -> int:
        """Replace the slice by these rows and return the version that holds them.

        The same run again returns its version and writes nothing. `published` is the version readers see
        (None: never published): what a dead run left after it is undone first, so that it is never published
        by accident. Rows must stand in `target.order`, else `WarehouseError`.
        """
        check_sorted(rows, target.order, what=f"{target.table}/{target.name}")
        table = self._open(target.table)
        if table is None:
            table = DeltaTable.create(str(self.root / target.table), schema=rows.schema, configuration=_CONFIGURATION)
        else:
            if table.transaction_version(run_id) == table.version():
                return int(table.version())  # this run committed here and died before it could publish
            table = _widen(self._undo_unpublished(table, published), rows.schema)
        return self._write(table, target, rows, run_id)

    def files(self, table: str, version: int) -> list[Path]:
        """The Parquet files of that version. `WarehouseError` where the version is gone."""
        return [self.root / table / unquote(name) for name in sorted(_active(self._at(table, version)))]

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

    def _write(self, table: DeltaTable, target: Slice, rows: pa.Table, run_id: RunId) -> int:
        folder = self.root / target.table
        prefix = f"{target.name}/"
        now = int(time.time() * 1000)  # a label in Delta's log only; no logic reads it
        actions: list[AddAction | RemoveAction] = [
            RemoveAction(path=name, data_change=True, deletion_timestamp=now)
            for name in _active(table)
            if unquote(name).startswith(prefix)
        ]
        if rows.num_rows:
            actions.append(_write_file(folder, f"{prefix}{run_id}-v{table.version() + 1}.parquet", rows, now))
        version = table.version() + 1
        table.create_write_transaction(
            actions,
            "append",
            rows.schema,
            commit_properties=CommitProperties(
                custom_metadata={"run_id": run_id, "slice": target.name},
                app_transactions=[Transaction(run_id, version)],
                max_commit_retries=0,  # one writer per workspace; a conflict is a bug to be seen
            ),
        )
        return version


_CONFIGURATION = {"delta.enableChangeDataFeed": "false"}


def _widen(table: DeltaTable, schema: pa.Schema) -> DeltaTable:
    """Columns that are new go into the table's log too: other readers believe the log, not the files."""
    known = {field.name for field in table.schema().fields}
    added = [field for field in Schema.from_arrow(schema).fields if field.name not in known]
    if not added:
        return table
    table.alter.add_columns(added)
    return DeltaTable(table.table_uri)


def _active(table: DeltaTable) -> list[str]:
    actions = pa.table(table.get_add_actions(flatten=True))
    return [str(name) for name in actions.column("path").to_pylist()]


def _write_file(folder: Path, name: str, rows: pa.Table, now: int) -> AddAction:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    try:
        pq.write_table(rows, half, compression="zstd", row_group_size=ROWS_PER_GROUP)
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise WarehouseError(
            f"cannot write {path}: {error.strerror or error}",
            next_step="make room or mend the rights, then run the same command again: nothing was published",
        ) from error
    statistics = {"numRecords": rows.num_rows}
    return AddAction(
        path=name,
        size=path.stat().st_size,
        partition_values={},
        modification_time=now,
        data_change=True,
        stats=json.dumps(statistics),
    )


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
