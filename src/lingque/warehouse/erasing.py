"""Parquet files without the rows of some customers, in bounded memory and in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COLUMNS = ("customer_id", "party_id")
"""Where a surrogate of a person stands in the data plane."""


def rows_of(files: Sequence[Path], ids: Sequence[int]) -> int:
    """How many rows of these files are of one of the ids."""
    return sum(int(pc.sum(flags).as_py() or 0) for file in files for _, flags in _flagged(file, ids, values=False))


def rewrite(file: Path, target: Path, ids: Sequence[int]) -> int:
    """Write the file again without those rows and return how many are left; with none left there is no file."""
    half = target.with_suffix(".half")
    left = 0
    with pq.ParquetWriter(half, pq.read_schema(file), compression="zstd", compression_level=1) as writer:
        for rows, flags in _flagged(file, ids, values=True):
            kept = rows.filter(pc.invert(flags))
            left += kept.num_rows
            writer.write_table(kept)
    if left:
        half.replace(target)
    else:
        half.unlink()
    return left


def _flagged(file: Path, ids: Sequence[int], *, values: bool) -> Iterator[tuple[pa.Table, pa.ChunkedArray]]:
    wanted = pa.array(sorted(ids), pa.int64())
    with pq.ParquetFile(file) as opened:
        names = [name for name in COLUMNS if name in opened.schema_arrow.names]
        if not names:
            return
        for number in range(opened.num_row_groups):
            rows = opened.read_row_group(number, columns=None if values else names)
            flags = pc.is_in(rows.column(names[0]), value_set=wanted)
            for name in names[1:]:
                flags = pc.or_(flags, pc.is_in(rows.column(name), value_set=wanted))
            yield rows, flags
