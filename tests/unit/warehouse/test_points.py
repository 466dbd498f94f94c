"""The rows of single customers are those that a filter over the whole table finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lingque.core.errors import WarehouseError
from lingque.core.hashing import bucket_of
from lingque.core.ids import RunId
from lingque.warehouse.points import PointReader
from lingque.warehouse.row_copies import RowCopy, write_rows
from lingque.warehouse.tables import ROWS, DeltaTables, Slice, SortedFile

BUCKETS = 8
TABLE = "transactions"


def rows_of(day: int, customers: int = 200) -> pa.Table:
    random = np.random.default_rng(day)
    ids = random.integers(1, 400, customers)
    buckets = bucket_of(ids, buckets=BUCKETS)
    order = np.lexsort((ids, buckets))
    return pa.table(
        {
            "customer_id": ids[order],
            "bucket": buckets[order],
            "amount": random.integers(0, 100, customers),
            **({"added_later": random.random(customers)} if day > 1 else {}),
        }
    )


@pytest.fixture
def made(tmp_path: Path) -> tuple[DeltaTables, list[int]]:
    """Three days with their versions, in files of many small groups: some of one bucket, some of several."""
    tables, versions = DeltaTables(tmp_path / "tables"), list[int]()
    for day in range(3):
        path = tmp_path / f"{day}.parquet"
        pq.write_table(rows_of(day), path, row_group_size=7, write_statistics=day != 1)
        target = Slice(table=TABLE, name=f"day-{day}", order=("bucket", "customer_id"))
        published = versions[-1] if versions else None
        run = RunId(f"run-{day}")
        versions.append(tables.commit(target, SortedFile(path=path), run_id=run, published=published))
    return tables, versions


def test_single_customers_are_found_as_a_filter_finds_them(made: tuple[DeltaTables, list[int]]) -> None:
    tables, (*_, newest) = made
    reader = PointReader(tables, buckets=BUCKETS)
    files = [pq.read_table(path) for path in tables.files(TABLE, newest)]
    everything = pa.concat_tables(files, promote_options="permissive")
    for copies in (0, 3):  # from the files themselves, then from their copies
        assert reader.make_ready(TABLE, newest) == 3 if copies else True
        for customers in ([1], [7, 8, 9], [*range(1, 400, 13)], [399, 5], [10_000]):
            wanted = everything.filter(pc.is_in(everything.column("customer_id"), pa.array(customers)))
            found = reader.rows(TABLE, newest, customers)
            assert _listed(found) == _listed(wanted)
    assert reader.make_ready(TABLE, newest) == 0
    tables.sweep(TABLE, newest)
    assert [path.with_suffix(ROWS).exists() for path in tables.files(TABLE, newest)] == [True] * 3


@pytest.mark.parametrize("customers", [1, 3, 2_048, 5_000])
def test_a_copy_of_many_batches_gives_every_row_once(tmp_path: Path, customers: int) -> None:
    """Customers whose rows lie in several batches, who begin one, and whole buckets without anybody."""
    random = np.random.default_rng(customers)
    ids = random.integers(-(2**63), 2**63 - 1, customers)
    buckets = bucket_of(ids, buckets=BUCKETS)
    order = np.lexsort((ids, buckets))
    times = random.integers(0, 3, customers) * random.integers(1, 2_000 if customers < 100 else 20, customers)
    rows = pa.table({"customer_id": np.repeat(ids[order], times), "bucket": np.repeat(buckets[order], times)})
    rows = rows.append_column("number", pa.array(np.arange(rows.num_rows)))
    pq.write_table(rows, tmp_path / "file.parquet", row_group_size=4_999)
    write_rows(tmp_path / "file.parquet", tmp_path / "file.rows")
    copy = RowCopy(tmp_path / "file.rows", buckets=BUCKETS)
    found = [
        number
        for one, bucket in zip(ids[order].tolist(), buckets[order].tolist(), strict=True)
        for part in copy.rows(one, bucket)
        for number in part["number"].to_pylist()
    ]
    assert found == rows["number"].to_pylist()


def test_a_copy_that_was_cut_is_named(tmp_path: Path) -> None:
    pq.write_table(rows_of(1), tmp_path / "file.parquet")
    write_rows(tmp_path / "file.parquet", tmp_path / "file.rows")
    whole = (tmp_path / "file.rows").read_bytes()
    (tmp_path / "file.rows").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WarehouseError, match="delete the file"):
        RowCopy(tmp_path / "file.rows", buckets=BUCKETS)


def _listed(rows: pa.Table) -> list[tuple[int, int, float]]:
    return sorted((row["customer_id"], row["amount"], row.get("added_later") or 0.0) for row in rows.to_pylist())


def test_an_older_version_is_read_as_it_was(made: tuple[DeltaTables, list[int]]) -> None:
    tables, (_, second, third) = made
    reader = PointReader(tables, buckets=BUCKETS)
    ids = sorted({*rows_of(2).column("customer_id").to_pylist()})
    newest = reader.rows(TABLE, third, ids).num_rows
    before = reader.rows(TABLE, second, ids).num_rows
    assert newest == before + 200
    assert reader.rows(TABLE, third, ids).num_rows == newest
    with pytest.raises(WarehouseError, match="version 9 of table 'transactions' is not"):
        reader.rows(TABLE, 9, ids)
