"""The rows of a table, a range of buckets at a time, from all its files.

Every file stands by bucket, customer and time, and its statistics say which buckets a row group holds, so a range is
read without the rest. Several files together are one base with later days behind it, in any number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s, bucket_of
from lingque.profile.kernel.segments import Links

ROWS_AT_ONCE = 1 << 20
"""Of one table, in each of the workers: as many as a group has, so that columns are walked as they were read. Of two
and a half times as many, put together of several groups, a row cost a sixth more."""
CUSTOMERS_AT_ONCE = 250_000
KEPT_BYTES = 128 << 20
"""Of groups that several ranges want: the files of some days."""

Buckets = tuple[int, int]
"""First bucket inside, first bucket after."""


@dataclass(frozen=True, kw_only=True)
class _File:
    """`known_until`: per group the latest moment at which something of it became known, where that is told."""

    path: Path
    metadata: pq.FileMetaData
    groups: tuple[Buckets, ...]
    known_until: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The rows of some buckets: the columns that were asked for, where each file's rows begin, by when all of them were
    known (None: nobody says), and more columns of the same rows."""

    rows: pa.Table
    parts: tuple[int, ...]
    known_until: int | None
    more: Callable[[Sequence[str]], pa.Table]


class TableFiles:
    """The files of one table. `texts` are read as codes with a dictionary. Used from several threads at once."""

    def __init__(self, table: str, paths: Sequence[Path], *, texts: Sequence[str], buckets: int) -> None:
        self.table = table
        self._buckets = buckets
        self._texts = list(texts)
        self._files = [self._opened(path) for path in paths]
        self._links: Links | None = None
        self._moved: pa.Table | None = None
        self._kept: dict[tuple[Path, int, tuple[str, ...]], tuple[int, pa.Table]] = {}
        self._lock = Lock()

    @property
    def rows(self) -> int:
        return sum(int(file.metadata.num_rows) for file in self._files)

    @property
    def borders(self) -> tuple[int, ...]:
        """The buckets that the groups of the largest file begin with: who reads from one to another reads no group
        twice."""
        largest = max(self._files, key=lambda file: int(file.metadata.num_rows), default=None)
        if largest is None:
            return ()
        return tuple(group[0] for before, group in pairwise([(0, 0), *largest.groups]) if group[0] >= before[1])

    def present(self, column: str) -> bool:
        """Does every file have the column?"""
        return all(column in file.metadata.schema.to_arrow_schema().names for file in self._files)

    def bring_home(self, links: Links, columns: Sequence[str]) -> None:
        """Find the rows that stand in another bucket than their customer's, because the party was found to be somebody
        else's (or nobody else's) after they were stored: `read` then gives them where they belong."""
        found: list[pa.Table] = []
        for file in self._files:
            for number in range(len(file.groups)):
                where = self._group(file, [number], ["party_id", "bucket"])
                home = self._home(where, links)
                away = np.flatnonzero(home != where.column("bucket").to_numpy())
                if len(away):
                    rows = self._group(file, [number], [*columns, "bucket"]).take(pa.array(away))
                    place = rows.column_names.index("bucket")
                    rows = rows.set_column(place, "bucket", pa.array(home[away], pa.int32()))
                    found.append(rows)
        self._moved = pa.concat_tables(found, promote_options="permissive") if found else None
        self._links = links if found else None

    def read(self, wanted: Buckets, columns: Sequence[str]) -> Piece:
        """The rows of those buckets. `WarehouseError` where a file is not in order."""
        tables: list[pa.Table] = []
        parts: list[int] = []
        count = 0
        for rows in self._of(wanted, columns):
            if rows.num_rows:
                tables.append(rows)
                parts.append(count)
                count += rows.num_rows
        return Piece(
            rows=pa.concat_tables(tables, promote_options="permissive")
            if tables
            else pa.table({name: pa.array([], pa.int64()) for name in columns}),
            parts=tuple(parts),
            known_until=self._known_until(wanted),
            more=lambda names: self.read(wanted, names).rows,
        )

    def _of(self, wanted: Buckets, columns: Sequence[str]) -> Iterator[pa.Table]:
        for file in self._files:
            groups = _groups_of(file, wanted)
            if groups:
                yield self._at_home(self._cut(file, groups, wanted, columns), file, groups, wanted)
        if self._moved is not None:
            buckets = self._moved.column("bucket").to_numpy()
            here = np.flatnonzero((buckets >= wanted[0]) & (buckets < wanted[1]))
            for row in here:  # each is a part of its own: they stand in no order
                yield self._moved.slice(row, 1).select([n for n in columns if n in self._moved.column_names])

    def _cut(self, file: _File, groups: Sequence[int], wanted: Buckets, columns: Sequence[str]) -> pa.Table:
        """The rows of these groups that are wanted. Where all of a group is, nothing is read to find out."""
        pieces: list[pa.Table] = []
        for inside, numbers in groupby(groups, lambda number: _is_inside(file.groups[number], wanted)):
            if inside:
                pieces.append(self._group(file, list(numbers), columns))
                continue
            for number in numbers:
                buckets = self._shared(file, number, ("bucket",), wanted).column("bucket").to_numpy()
                if bool(np.any(buckets[1:] < buckets[:-1])):
                    raise WarehouseError(
                        f"{file.path.name} of {self.table} is not in the order of buckets",
                        next_step="this is a fault of Lingque: please report it with the command you ran",
                    )
                begin, end = (int(place) for place in np.searchsorted(buckets, wanted))
                pieces.append(self._shared(file, number, tuple(columns), wanted).slice(begin, end - begin))
        return pieces[0] if len(pieces) == 1 else pa.concat_tables(pieces)

    def _shared(self, file: _File, number: int, columns: tuple[str, ...], wanted: Buckets) -> pa.Table:
        """A group of which other ranges want rows as well: a day's file is one group, which every range wants. It is
        kept while there is room, until the ranges have passed it."""
        with self._lock:
            found = self._kept.get((file.path, number, columns))
            if found is None:
                self._kept = {key: one for key, one in self._kept.items() if one[0] > wanted[0]}
                found = (file.groups[number][1], self._group(file, [number], columns))
                if sum(rows.nbytes for _, rows in (*self._kept.values(), found)) <= KEPT_BYTES:
                    self._kept[file.path, number, columns] = found
            return found[1]

    def _at_home(self, rows: pa.Table, file: _File, groups: Sequence[int], wanted: Buckets) -> pa.Table:
        """Without those who stand in another bucket than their customer's, where there are any."""
        if self._links is None:
            return rows
        where = self._cut(file, groups, wanted, ["party_id", "bucket"])
        at_home = self._home(where, self._links) == where.column("bucket").to_numpy()
        return rows if bool(np.all(at_home)) else rows.filter(pa.array(at_home))

    def _known_until(self, wanted: Buckets) -> int | None:
        if self._moved is not None:
            return None
        moments = [file.known_until[number] for file in self._files for number in _groups_of(file, wanted)]
        known = [moment for moment in moments if moment is not None]
        return max(known, default=0) if len(known) == len(moments) else None

    def _group(self, file: _File, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        with pq.ParquetFile(file.path, metadata=file.metadata, memory_map=True, read_dictionary=self._texts) as opened:
            names = set(file.metadata.schema.to_arrow_schema().names)
            return opened.read_row_groups(list(groups), columns=[c for c in columns if c in names], use_threads=False)

    def _home(self, rows: pa.Table, links: Links) -> Int64s:
        customers = links.customers_of(rows.column("party_id").to_numpy())
        return bucket_of(customers, buckets=self._buckets).astype(np.int64)

    def _opened(self, path: Path) -> _File:
        metadata = pq.read_metadata(path)
        buckets = [(0, self._buckets) if one is None else (one[0], one[1] + 1) for one in _bounds(metadata, "bucket")]
        if any(second[0] < first[0] or second[1] < first[1] for first, second in pairwise(buckets)):
            raise WarehouseError(
                f"{path.name} of {self.table} is not in the order of buckets",
                next_step="this is a fault of Lingque: please report it with the command you ran",
            )
        known = tuple(None if one is None else one[1] for one in _bounds(metadata, "known_at"))
        return _File(path=path, metadata=metadata, groups=tuple(buckets), known_until=known)


def _groups_of(file: _File, wanted: Buckets) -> list[int]:
    return [n for n, (first, after) in enumerate(file.groups) if first < wanted[1] and after > wanted[0]]


def _is_inside(group: Buckets, wanted: Buckets) -> bool:
    return wanted[0] <= group[0] and group[1] <= wanted[1]


def _bounds(metadata: pq.FileMetaData, column: str) -> list[tuple[int, int] | None]:
    """Per group the least and the greatest value, where the file tells them."""
    place = metadata.schema.to_arrow_schema().names.index(column)
    every = [metadata.row_group(number).column(place).statistics for number in range(metadata.num_row_groups)]
    return [None if one is None or not one.has_min_max else (int(one.min), int(one.max)) for one in every]


def ranges(buckets: int, *, rows: int, customers: int, borders: Sequence[int] = ()) -> list[Buckets]:
    """Ranges of as many buckets as fit into memory, in order; where possible they end at `borders`."""
    most = max(min(ROWS_AT_ONCE * buckets // max(rows, 1), CUSTOMERS_AT_ONCE * buckets // max(customers, 1)), 1)
    edges = [0]
    while edges[-1] + most < buckets:
        last = edges[-1] + most
        edges.append(max((border for border in borders if edges[-1] < border <= last), default=last))
    return list(pairwise([*edges, buckets]))
