"""Who belongs to a segment, in a published snapshot: counted, compared, and listed by id.

A segment is a condition over tags. What is asked is worked out on bits, one per customer (`conditions`), so that sets
of customers are added, cut and compared as fast as they are counted. A column that a condition needs is read once and
then held: unpacking it from the file takes four times as long as asking it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from threading import Lock

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection

from lingque.catalog.expressions.to_sql import quote, row_sql
from lingque.catalog.expressions.tree import Node, names_in
from lingque.core.errors import NotFoundError, WarehouseError
from lingque.core.hashing import Int64s
from lingque.profile.bitmaps import Bitmaps, Words, build_bitmaps, count_bits, ids_of, pack, unpack, words_for
from lingque.profile.conditions import Conditions, Judged
from lingque.profile.contracts import SNAPSHOT_TABLE
from lingque.store.runs import published_versions
from lingque.warehouse.tables import BITS, DeltaTables

MOST_COMPARED = 20
"""Segments in one matrix: more nobody reads."""
_KEPT_OPEN = 4
_HELD_BYTES = 512 << 20
"""Of the columns of one snapshot: six of ten million customers."""
Ask = Callable[[str, pa.Table], pa.Table]
"""Answers a statement over `rows`, one row for each of them and in their order."""


class OpenedSnapshot:
    """The customers of one day's snapshot, in the order of its file. Sets of them are `Words`."""

    def __init__(self, file: Path, bitmaps: Bitmaps, as_of: date, ask: Ask) -> None:
        self.as_of = as_of
        self.file = file
        self._bitmaps = bitmaps
        self._ask = ask
        self._held: dict[str, pa.ChunkedArray] = {}
        self._lock = Lock()
        self._conditions = Conditions(bitmaps, self._scan, as_of)

    @property
    def customers(self) -> int:
        return self._bitmaps.customers

    @property
    def bitmaps(self) -> Bitmaps:
        return self._bitmaps

    def is_indexed(self, condition: Node) -> bool:
        """Is it answered without reading a column?"""
        return self._conditions.is_indexed(condition)

    def members(self, conditions: Sequence[Node]) -> list[Words]:
        """For each condition, who makes it true. Raises `WarehouseError` where a value does not fit into 64 bits."""
        return self._conditions.true(conditions)

    def count(self, condition: Node) -> int:
        return count_bits(self.members([condition])[0])

    def ids(self, members: Words) -> Int64s:
        """The customers' ids, in the order of the file."""
        return ids_of(members, self._bitmaps.ids)

    def of_ids(self, ids: Int64s) -> Words:
        """Those of these customers who are in the snapshot."""
        return pack(np.isin(self._bitmaps.ids, ids))

    def with_value(self, tag: str, value: int | str | date) -> Int64s:
        """Whose tag has exactly this value: of a tag of many values, such as a number of a household."""
        column = self._columns([tag]).column(tag)
        flags = pc.fill_null(pc.equal(column, pa.scalar(value, column.type)), fill_value=False)
        return self.ids(pack(flags.to_numpy()))

    def overlap(self, members: Sequence[Words]) -> list[list[int]]:
        """How many customers each two sets have in common; on the diagonal how many each has."""
        if len(members) > MOST_COMPARED:
            raise ValueError(f"{len(members)} segments; {MOST_COMPARED} at most are compared")
        matrix = [[0] * len(members) for _ in members]
        common = np.empty(words_for(self.customers), np.uint64)
        for row, one in enumerate(members):
            for column in range(row + 1):
                np.bitwise_and(one, members[column], out=common)
                matrix[row][column] = matrix[column][row] = count_bits(common)
        return matrix

    def rows(self, tags: Sequence[str], members: Words | None = None) -> pa.Table:
        """`customer_id` and these tags of the members (by default of everybody), in the order of the file."""
        rows = pq.read_table(self.file, columns=list(dict.fromkeys(["customer_id", *tags])))
        return rows if members is None else rows.filter(pa.array(unpack(members, self.customers)))

    def _scan(self, conditions: Sequence[Node]) -> list[Judged]:
        columns = ", ".join(
            f"{row_sql(condition, as_of=self.as_of)} AS {quote(f'_{place}')}"
            for place, condition in enumerate(conditions)
        )
        rows = self._columns(sorted(frozenset().union(*(names_in(condition) for condition in conditions))))
        try:
            found = self._ask(f"SELECT {columns} FROM rows", rows)
        except duckdb.OutOfRangeException as error:
            raise WarehouseError(
                "a value in the condition does not fit into 64 bits",
                next_step="look for a multiplication of large amounts in it",
            ) from error
        return [_judged(column.combine_chunks(), self.customers) for column in found.columns]

    def _columns(self, names: Sequence[str]) -> pa.Table:
        with self._lock:
            missing = [name for name in names if name not in self._held]
            if missing:
                read = pq.read_table(self.file, columns=missing)
                self._held |= {name: read.column(name) for name in missing}
            # whoever was asked for last stands last
            self._held |= {name: self._held.pop(name) for name in names}
            found = pa.table({name: self._held[name] for name in names})
            while len(self._held) > 1 and sum(column.nbytes for column in self._held.values()) > _HELD_BYTES:
                del self._held[next(iter(self._held))]
            return found


class Segments:
    """Opens snapshots for whoever asks about sets of customers. Made by `bootstrap`; used from several threads."""

    def __init__(self, tables: DeltaTables, ask: Ask) -> None:
        self._tables = tables
        self._ask = ask
        self._opened: dict[Path, OpenedSnapshot] = {}
        self._files: dict[date, Path] = {}
        self._version: int | None = None
        self._lock = Lock()

    def open(self, connection: Connection, as_of: date) -> OpenedSnapshot:
        """The published snapshot of that day. Its bitmaps are made where they are not there yet.

        Raises `NotFoundError` where there is no snapshot of that day, or nobody in it.
        """
        version = published_versions(connection).get(SNAPSHOT_TABLE)
        with self._lock:
            file = None if version is None else self._files_at(version).get(as_of)
            if file is None:
                raise NotFoundError(
                    f"there is no customer in a snapshot as of {as_of}",
                    next_step=f"run 'lingque tags run --as-of {as_of}'",
                )
            if file not in self._opened:
                target = file.with_suffix(BITS)
                if not target.exists():
                    build_bitmaps(file, target)
                while len(self._opened) >= _KEPT_OPEN:
                    del self._opened[next(iter(self._opened))]
                self._opened[file] = OpenedSnapshot(file, Bitmaps(target), as_of, self._ask)
            return self._opened[file]

    def days(self, connection: Connection) -> list[date]:
        """The days of which there is a snapshot with customers, in order: what retention took away is none."""
        version = published_versions(connection).get(SNAPSHOT_TABLE)
        with self._lock:
            return [] if version is None else sorted(self._files_at(version))

    def _files_at(self, version: int) -> dict[date, Path]:
        """The file of each day; a version never changes, and reading the table's log takes longer than a count."""
        if self._version != version:
            files = self._tables.files(SNAPSHOT_TABLE, version)
            found = {date.fromisoformat(file.parent.name): file for file in files}
            if len(found) < len(files):
                raise WarehouseError(
                    "a day's snapshot lies in several files",
                    next_step="this is a fault of Lingque: please report it with the command you ran",
                )
            self._files = found
            self._version = version
        return self._files


def _judged(column: pa.Array, customers: int) -> Judged:
    """Arrow keeps booleans and what is known of them as bits already."""
    value = _bits(column.buffers()[1], column.offset, customers)
    known = column.buffers()[0]
    if known is not None:
        mask = _bits(known, column.offset, customers)
        return value & mask, ~value & mask
    return value, pack(np.ones(customers, np.bool_)) & ~value


def _bits(buffer: pa.Buffer, offset: int, customers: int) -> Words:
    """Bits of an Arrow buffer as words of our own."""
    if offset % 8:
        raise ValueError("the answer of an engine begins within a byte")
    length = -(-customers // 8)
    words = np.zeros(words_for(customers), np.uint64)
    words.view(np.uint8)[:length] = np.frombuffer(buffer, np.uint8, length, offset // 8)
    if customers % 64:
        words[-1] &= np.uint64((1 << customers % 64) - 1)
    return words
