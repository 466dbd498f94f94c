"""Files whose last columns come when all rows are known: every reader finds what was given, and where."""

from __future__ import annotations

import datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.warehouse import parquet
from lingque.warehouse.footer import footer_bytes, footer_of
from lingque.warehouse.late_columns import write_with_late_columns

VALUES = {
    "small": (pa.int64(), st.integers(-3, 3)),
    "wide": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "number": (pa.float64(), st.floats(allow_nan=False)),
    "text": (pa.string(), st.text(max_size=3)),
    "truth": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates(datetime.date(1900, 1, 1))),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    count = draw(st.integers(0, 40))
    made = {"bucket": pa.array(sorted(draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))), pa.int32())}
    for name, (kind, values) in VALUES.items():
        drawn = draw(st.lists(st.none() | values, min_size=count, max_size=count))
        made[name] = pa.array(drawn, kind)
    return pa.table(made)


@given(
    rows=tables(),
    late=st.sets(st.sampled_from(sorted(VALUES))),
    names=st.permutations(["bucket", *VALUES]),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_every_reader_finds_all_columns(rows: pa.Table, late: set[str], names: list[str], cuts: list[int]) -> None:
    borders = sorted({0, rows.num_rows, *(cut for cut in cuts if cut < rows.num_rows)})
    first = rows.select([name for name in rows.column_names if name not in late])
    batches = [first.slice(begin, end - begin) for begin, end in pairwise(borders)] or [first]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(parquet, "MOST_ROWS_PER_GROUP", 8)
        path = Path(folder, "a.parquet")
        full = [name for name in rows.column_names if not rows.column(name).null_count]
        write_with_late_columns(
            path, batches, lambda: rows.select(sorted(late)), names=names, statistics=["bucket", "wide"], required=full
        )
        with pq.ParquetFile(path) as file:
            groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
            told = [file.metadata.row_group(n).column(names.index("wide")).statistics for n in range(len(groups))]
            untold = [file.metadata.row_group(n).column(names.index("small")).statistics for n in range(len(groups))]
            assert file.metadata.num_rows == rows.num_rows
            assert {field.name for field in file.schema_arrow if not field.nullable} == set(full)
        assert pa.concat_tables(groups).cast(rows.select(names).schema).equals(rows.select(names))
        assert all(one is None for one in untold)
        for group, one in zip(groups, told, strict=True):
            held = [value for value in group.column("wide").to_pylist() if value is not None]
            assert one is None if not group.num_rows else one.has_min_max == bool(held)
            assert not held or (one.min, one.max) == (min(held), max(held))
        columns = ", ".join(f'"{name}"' for name in names)
        found = duckdb.sql(f"SELECT {columns} FROM read_parquet('{path}')").to_arrow_table()
        assert found.to_pylist() == rows.select(names).to_pylist()


def test_late_columns_of_other_rows_are_refused(tmp_path: Path) -> None:
    rows = pa.table({"a": [1, 2, 3]})
    with pytest.raises(ValueError, match="2 rows, and 3 rows"):
        write_with_late_columns(
            tmp_path / "a", [rows], lambda: pa.table({"b": [1, 2]}), names=["a", "b"], statistics=[]
        )
    with pytest.raises(ValueError, match="columns"):
        write_with_late_columns(tmp_path / "a", [rows], lambda: pa.table({}), names=["a", "b"], statistics=[])
    gap = pa.table({"b": [1, None, 3]})
    with pytest.raises(ValueError, match="'b' with null values"):
        write_with_late_columns(
            tmp_path / "a", [rows], lambda: gap, names=["a", "b"], statistics=[], required=["a", "b"]
        )


@given(rows=tables())
def test_a_footer_that_is_read_and_written_is_the_same(rows: pa.Table) -> None:
    target = pa.BufferOutputStream()
    pq.write_table(rows.append_column("held", pa.array([{"x": [1.5]}] * rows.num_rows)), target, write_page_index=True)
    file = memoryview(target.getvalue())
    footer, begin = footer_of(file)
    assert footer_bytes(footer) == bytes(file[begin:])
