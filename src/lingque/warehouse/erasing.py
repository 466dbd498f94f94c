"""Parquet files without some of their rows, in bounded memory and in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lingque.warehouse.parquet import write_parquet


class Unwanted(Protocol):
    """Which rows are to go: the columns that it looks at, of those that there are, and a flag per row."""

    def columns(self, names: Sequence[str]) -> list[str]: ...

    def flags(self, rows: pa.Table) -> pa.ChunkedArray: ...


@dataclass(frozen=True, kw_only=True)
class OfPeople:
    """Rows in which one of these surrogates stands as customer or as party."""

    ids: tuple[int, ...]

    def columns(self, names: Sequence[str]) -> list[str]:
        return [name for name in ("customer_id", "party_id") if name in names]

    def flags(self, rows: pa.Table) -> pa.ChunkedArray:
        wanted = pa.array(sorted(self.ids), pa.int64())
        first, *others = self.columns(rows.column_names)
        flags = pc.is_in(rows.column(first), value_set=wanted)
        for name in others:
            flags = pc.or_(flags, pc.is_in(rows.column(name), value_set=wanted))
        return flags


@dataclass(frozen=True, kw_only=True)
class Before:
    """Rows whose instant, or day, is earlier than this one, and none of those that are kept all the same."""

    column: str
    value: int | date
    but: tuple[date, ...] = ()

    def columns(self, names: Sequence[str]) -> list[str]:
        return [self.column] if self.column in names else []

    def flags(self, rows: pa.Table) -> pa.ChunkedArray:
        column = rows.column(self.column)
        earlier = pc.less(column, pa.scalar(self.value, column.type))
        if self.but:
            earlier = pc.and_(earlier, pc.invert(pc.is_in(column, value_set=pa.array(self.but, column.type))))
        return pc.fill_null(earlier, fill_value=False)


@dataclass(frozen=True, kw_only=True)
class OfRows:
    """Rows of these keys."""

    row_keys: pa.Array

    def columns(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name == "row_key"]

    def flags(self, rows: pa.Table) -> pa.ChunkedArray:
        return pc.is_in(rows.column("row_key"), value_set=self.row_keys)


def rows_of(files: Sequence[Path], unwanted: Unwanted) -> int:
    """How many rows of these files are unwanted."""
    return sum(int(pc.sum(flags).as_py() or 0) for file in files for _, flags in _flagged(file, unwanted, values=False))


def rewrite(file: Path, target: Path, unwanted: Unwanted) -> int:
    """Write the file again without those rows and return how many are left; with none left there is no file."""
    half = target.with_suffix(".half")
    left = 0

    def kept() -> Iterator[pa.Table]:
        nonlocal left
        for rows, flags in _flagged(file, unwanted, values=True):
            kept = rows.filter(pc.invert(flags))
            left += kept.num_rows
            yield kept

    write_parquet(half, kept())
    if left:
        half.replace(target)
    else:
        half.unlink()
    return left


def _flagged(file: Path, unwanted: Unwanted, *, values: bool) -> Iterator[tuple[pa.Table, pa.ChunkedArray]]:
    with pq.ParquetFile(file) as opened:
        names = unwanted.columns(opened.schema_arrow.names)
        if not names:
            return
        for number in range(opened.num_row_groups):
            rows = opened.read_row_group(number, columns=None if values else names)
            yield rows, unwanted.flags(rows)
