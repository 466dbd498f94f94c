"""The rows of a few customers, found by the order in which a table stands: no scan, no engine.

Files are ordered by (bucket, customer), and each group of rows in them says which buckets and customers it holds, from
the least to the greatest. So one or two groups of a file are read for a customer, and of most files none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lingque.core.hashing import bucket_of
from lingque.warehouse.tables import DeltaTables

_PLACE = ("bucket", "customer_id")


@dataclass(frozen=True, kw_only=True)
class _Groups:
    """A file's groups of rows: the (bucket, customer) of the first and of the last row of each; None: not told."""

    path: Path
    metadata: pq.FileMetaData
    ends: tuple[tuple[tuple[int, int], tuple[int, int]] | None, ...]


class PointReader:
    """Reads single customers' rows. Keeps of each table what its files' footers say. Used from several threads."""

    def __init__(self, tables: DeltaTables, *, buckets: int) -> None:
        self._tables = tables
        self._buckets = buckets
        self._known: dict[str, tuple[int, list[_Groups]]] = {}
        self._lock = Lock()

    def rows(
        self, table: str, version: int, customers: Sequence[int], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of these customers in that version, with those of the columns that there are (by default all), in
        the order of the files. Raises `WarehouseError` where the version is gone."""
        ids = np.array(customers, np.int64)
        places = list(zip(bucket_of(ids, buckets=self._buckets).tolist(), ids.tolist(), strict=True))
        wanted = pa.array(ids)
        found: list[pa.Table] = []
        for file in self._files(table, version):
            numbers = [number for number, ends in enumerate(file.ends) if _may_hold(ends, places)]
            if not numbers:
                continue
            with pq.ParquetFile(file.path, metadata=file.metadata) as opened:
                names = [name for name in opened.schema_arrow.names if columns is None or name in columns]
                for number in numbers:
                    found += _of(opened, number, names, wanted)
        if found:
            return pa.concat_tables(found, promote_options="permissive")
        empty = self._tables.schema(table, version).empty_table()
        return empty if columns is None else empty.select([name for name in columns if name in empty.column_names])

    def _files(self, table: str, version: int) -> list[_Groups]:
        with self._lock:
            known = self._known.get(table)
            if known is not None and known[0] == version:
                return known[1]
            before = {} if known is None else {one.path: one for one in known[1]}
            files = [before.get(path) or _groups(path) for path in self._tables.files(table, version)]
            self._known[table] = (version, files)
            return files


def _of(file: pq.ParquetFile, number: int, names: Sequence[str], wanted: pa.Array) -> list[pa.Table]:
    """The wanted rows of one group; the other columns are read only where there are some."""
    keys = file.read_row_group(number, columns=["customer_id"]).column(0).to_numpy()
    (at,) = np.nonzero(np.isin(keys, wanted.to_numpy()))
    if not len(at):
        return []
    rows = file.read_row_group(number, columns=list(names), use_threads=False).select(list(names))
    return [rows.take(pa.array(at))]


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
