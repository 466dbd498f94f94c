"""Files as they are written: what can be left unread, and that nothing is lost."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingque.warehouse import parquet
from lingque.warehouse.parquet import write_parquet


def table(count: int, *, buckets: int = 3) -> pa.Table:
    numbers = np.arange(count, dtype=np.int64)
    held = {"party_id": numbers * 7, "note": pa.array([f"n{number % 5}" for number in numbers])}
    return pa.table(
        {
            "bucket": (numbers * buckets // max(count, 1)).astype(np.int32), "event_time": numbers * 1_000_003,
            "ratio": np.sqrt(numbers), "known": pa.array([number % 3 == 0 or None for number in numbers]),
            "day": pa.array([date(2026, 1, 1)] * count), "text": pa.array([None if n % 2 else "b" for n in numbers]),
            "reasons": pa.array([[number % 7] * (number % 3) for number in numbers], pa.list_(pa.int16())),
            "_held": pa.StructArray.from_arrays([pa.array(one) for one in held.values()], list(held)),
        }
    )  # fmt: skip


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    rows = table(10_000)
    write_parquet(tmp_path / "a.parquet", [rows.slice(0, 1), rows.slice(1)], required=["bucket", "event_time"])
    again = pq.read_table(tmp_path / "a.parquet")
    assert again.cast(rows.schema).equals(rows)
    assert [field.nullable for field in again.schema][:3] == [False, False, True]
    group = pq.read_metadata(tmp_path / "a.parquet").row_group(0)
    columns = {group.column(place).path_in_schema: group.column(place) for place in range(group.num_columns)}
    assert "DELTA_BINARY_PACKED" in columns["event_time"].encodings
    assert "DELTA_BINARY_PACKED" in columns["reasons.list.element"].encodings  # though they repeat: they are small
    assert "RLE_DICTIONARY" in columns["text"].encodings
    assert {name for name, column in columns.items() if column.compression == "UNCOMPRESSED"} == {
        "event_time", "_held.party_id", "bucket", "reasons.list.element",
    }  # fmt: skip


def test_texts_that_repeat_stand_by_a_dictionary_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_ROWS_PER_GROUP", 1_000)
    drawn = np.random.default_rng(1).integers(0, 300, 3_000)
    texts = [None if number < 3 else f"商户-{number * 7 % 300}" for number in drawn]
    rows = pa.table({"merchant": pa.array(texts), "number": pa.array([f"n{place}" for place in range(3_000)])})
    path = tmp_path / "a.parquet"
    write_parquet(path, [rows], required=["number"])
    assert pq.read_schema(path).types == [pa.string(), pa.string()]
    assert pq.read_table(path).cast(rows.schema).equals(rows)
    with pq.ParquetFile(path, read_dictionary=["merchant", "number"]) as file:
        groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
    assert len(groups) == 3
    for number, group in enumerate(groups):
        known = sorted({text for text in texts[number * 1_000 : (number + 1) * 1_000] if text is not None})
        assert group.column("merchant").chunk(0).dictionary.to_pylist() == known
    assert groups[0].column("number").chunk(0).dictionary.to_pylist()[:3] == ["n0", "n1", "n2"]  # each is another


def test_no_rows_are_a_file_too(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [table(0)])
    assert pq.read_table(tmp_path / "a.parquet").schema.names == table(0).schema.names


def test_a_group_ends_with_a_bucket_where_that_leaves_it_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_ROWS_PER_GROUP", 1_000)
    write_parquet(tmp_path / "a.parquet", [table(2_100)])  # seven hundred rows in each bucket
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [700, 700, 700]
    write_parquet(tmp_path / "c.parquet", [table(4_200)])  # each bucket is longer than a group, and not twice as long
    metadata = pq.read_metadata(tmp_path / "c.parquet")
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [1_400] * 3
    write_parquet(tmp_path / "d.parquet", [table(6_300)])  # more than twice as long
    metadata = pq.read_metadata(tmp_path / "d.parquet")
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [1_000, 1_100] * 3
    write_parquet(tmp_path / "b.parquet", [table(3_600, buckets=1)])
    metadata = pq.read_metadata(tmp_path / "b.parquet")
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [1_000, 1_000, 1_600]


@given(
    pieces=st.lists(st.integers(0, 30), min_size=1, max_size=8),
    buckets=st.lists(st.integers(0, 5), min_size=240, max_size=240).map(sorted),
)
def test_groups_hold_every_row_once_and_divide_no_bucket_that_fits(pieces: list[int], buckets: list[int]) -> None:
    rows = pa.table({"bucket": buckets[: sum(pieces)], "row": range(sum(pieces))})
    ends = np.cumsum(pieces)
    batches = [rows.slice(end - count, count) for end, count in zip(ends, pieces, strict=True)]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(parquet, "MOST_ROWS_PER_GROUP", 10)
        path = Path(folder, "a.parquet")
        write_parquet(path, batches)
        with pq.ParquetFile(path) as file:
            groups = [file.read_row_group(number) for number in range(file.num_row_groups)]
    assert pa.concat_tables(groups).equals(rows)
    for before, after in pairwise(groups):
        bucket = before.column("bucket")[-1].as_py()
        if bucket == after.column("bucket")[0].as_py():
            assert buckets[: sum(pieces)].count(bucket) > 10
    assert max(group.num_rows for group in groups) <= 20


def test_a_required_column_that_is_null_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="text"):
        write_parquet(tmp_path / "a.parquet", [table(10)], required=["text"])
