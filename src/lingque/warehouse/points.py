"""The rows of a few customers, found by the order in which a table stands: no scan, no engine.

Files are ordered by (bucket, customer). They are looked up in the copy beside the file (`row_copies`). Where there is
none yet, each group of rows in the file says which buckets and customers it holds, from the least to the greatest: one
or two groups of a file are read for a customer, and of most files none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lingque.core.hashing import Int64s, bucket_of
from lingque.warehouse.row_copies import RowCopy, write_rows
from lingque.warehouse.tables import ROWS, DeltaTables

_PLACE = ("bucket", "customer_id")
_KEPT_OPEN = 256
"""Files, over all tables: a process may have a thousand."""


@dataclass(frozen=True, kw_only=True)
class _Groups:
    """A file's groups of rows: the (bucket, customer) of the first and of the last row of each; None: not told."""

    path: Path
    metadata: pq.FileMetaData
    ends: tuple[tuple[tuple[int, int], tuple[int, int]] | None, ...]

    def rows(self, places: Sequence[tuple[int, int]]) -> list[pa.Table]:
        numbers = [number for number, ends in enumerate(self.ends) if _may_hold(ends, places)]
        if not numbers:
            return []
        with pq.ParquetFile(self.path, metadata=self.metadata) as opened:
            ids = np.array([customer for _, customer in places], np.int64)
            return [rows for number in numbers for rows in _of_group(opened, number, ids)]


class PointReader:
    """Reads single customers' rows. Keeps open what it looks into. Used from several threads."""

    def __init__(self, tables: DeltaTables, *, buckets: int) -> None:
        self._tables = tables
        self._buckets = buckets
        self._known: dict[str, tuple[int, list[Path], pa.Table]] = {}
        self._opened: OrderedDict[Path, RowCopy | _Groups] = OrderedDict()
        self._lock = Lock()

    def make_ready(self, table: str, version: int) -> int:
        """Make the copies of that version's files that are not there yet; how many."""
        missing = [path for path in self._tables.files(table, version) if not path.with_suffix(ROWS).exists()]
        for path in missing:
            write_rows(path, path.with_suffix(ROWS))
        return len(missing)

    def rows(self, table: str, version: int, customers: Sequence[int]) -> pa.Table:
        """The rows of these customers in that version, in the order of the files. Raises `WarehouseError` where the
        version is gone."""
        files, nobody = self._version(table, version)
        ids = np.array(customers, np.int64)
        places = list(zip(bucket_of(ids, buckets=self._buckets).tolist(), ids.tolist(), strict=True))
        found: list[pa.Table] = []
        for path in files:
            opened = self._open(path)
            if isinstance(opened, RowCopy):
                found += [rows for bucket, customer in places for rows in opened.rows(customer, bucket)]
            else:
                found += opened.rows(places)
        match found:
            case []:
                return nobody
            case [rows]:
                return rows
            case _:
                return pa.concat_tables(found, promote_options="permissive")

    def _version(self, table: str, version: int) -> tuple[list[Path], pa.Table]:
        """Its files, and its columns without a row. A version never changes, and reading the table's log takes longer
        than a look-up."""
        with self._lock:
            known = self._known.get(table)
            if known is None or known[0] != version:
                nobody = self._tables.schema(table, version).empty_table()
                known = (version, self._tables.files(table, version), nobody)
                self._known[table] = known
            return known[1], known[2]

    def _open(self, path: Path) -> RowCopy | _Groups:
        with self._lock:
            found = self._opened.get(path)
            copy = path.with_suffix(ROWS)
            if found is None or (isinstance(found, _Groups) and copy.exists()):  # made since
                found = RowCopy(copy, buckets=self._buckets) if copy.exists() else _groups(path)
                self._opened[path] = found
            self._opened.move_to_end(path)
            while len(self._opened) > _KEPT_OPEN:
                self._opened.popitem(last=False)
            return found


def _of_group(file: pq.ParquetFile, number: int, wanted: Int64s) -> list[pa.Table]:
    """The wanted rows of one group; the other columns are read only where there are some."""
    keys = file.read_row_group(number, columns=["customer_id"]).column(0).to_numpy()
    (at,) = np.nonzero(np.isin(keys, wanted))
    if not len(at):
        return []
    return [file.read_row_group(number, use_threads=False).take(pa.array(at)).replace_schema_metadata()]


def _may_hold(ends: tuple[tuple[int, int], tuple[int, int]] | None, places: Sequence[tuple[int, int]]) -> bool:
    return ends is None or any(ends[0] <= place <= ends[1] for place in places)


def _groups(path: Path) -> _Groups:
    metadata = pq.read_metadata(path)
    columns = {metadata.schema.column(index).name: index for index in range(metadata.num_columns)}
    ends: list[tuple[tuple[int, int], tuple[int, int]] | None] = []
    for number in range(metadata.num_row_groups):
        told = [metadata.row_group(number).column(columns[name]).statistics for name in _PLACE]
        if any(one is None or not one.has_min_max for one in told):
            ends.append(None)
            continue
        bucket, customer = told
        # within one bucket customers ascend; a group of several buckets holds any customer of them
        if bucket.min == bucket.max:
            ends.append(((bucket.min, customer.min), (bucket.max, customer.max)))
        else:
            ends.append(((bucket.min, -(2**63)), (bucket.max, 2**63 - 1)))
    return _Groups(path=path, metadata=metadata, ends=tuple(ends))
