"""A copy of a Parquet file from which single customers' rows are read: small batches, found by their first row.

Parquet is made to be read whole: to find twenty rows a group of a million is decoded, column by column. The copy is an
Arrow file of batches of five hundred rows in the same order, so one batch is decoded, or two. It lies beside the file,
is named for it and goes with it, and can always be made again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lingque.core.errors import WarehouseError
from lingque.core.hashing import Int64s, bucket_of
from lingque.warehouse.whole_files import made_whole

ROWS_PER_BATCH = 512
"""Decoding fewer takes little less time; smaller batches are compressed worse."""
_FIRSTS = b"lingque.firsts"
"""Of the schema's metadata: the customer of each batch's first row, 8 bytes each."""
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
_ONE_THREAD = pa.ipc.IpcReadOptions(use_threads=False)


def write_rows(file: Path, target: Path) -> None:
    """Make the copy of a Parquet file that stands in the order (bucket, customer).

    Whoever reads `target` finds it whole or not at all. Raises `WarehouseError` where the disk is full.
    """
    with made_whole(target) as half, pq.ParquetFile(file) as opened:
        schema = opened.schema_arrow.remove_metadata()
        firsts = np.concatenate([np.zeros(0, np.int64), *_firsts(opened)])
        with pa.ipc.new_file(half, schema.with_metadata({_FIRSTS: firsts.tobytes()}), options=_OPTIONS) as made:
            for number in range(opened.num_row_groups):
                group = opened.read_row_group(number, use_threads=False).combine_chunks()
                made.write_table(group, ROWS_PER_BATCH)


def _firsts(file: pq.ParquetFile) -> Iterator[Int64s]:
    for number in range(file.num_row_groups):
        yield file.read_row_group(number, columns=["customer_id"]).column(0).to_numpy()[::ROWS_PER_BATCH]


class RowCopy:
    """An opened copy, mapped into memory. Used from several threads."""

    def __init__(self, path: Path, *, buckets: int) -> None:
        try:
            self._file = pa.ipc.open_file(pa.memory_map(str(path)), options=_ONE_THREAD)
            self._firsts: Int64s = np.frombuffer(self._file.schema.metadata[_FIRSTS], np.int64)
            if len(self._firsts) != self._file.num_record_batches:
                raise ValueError("it is not whole")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WarehouseError(
                f"the copy {path} cannot be read: {error}", next_step="delete the file; it is made again when needed"
            ) from error
        self._of_first = bucket_of(self._firsts, buckets=buckets)
        self._lock = Lock()

    def rows(self, customer_id: int, bucket: int) -> list[pa.Table]:
        """The rows of the customer, who is in that bucket, in the order of the file."""
        found = []
        for number in self._batches(customer_id, bucket):
            with self._lock:
                batch = self._file.get_batch(number)
            keys = batch.column("customer_id").to_numpy()
            (at,) = np.nonzero(keys == customer_id)
            if len(at):  # they stand together
                found.append(pa.Table.from_batches([batch.slice(at[0], len(at))]).replace_schema_metadata())
        return found

    def _batches(self, customer_id: int, bucket: int) -> range:
        """Those that may hold the customer: within one bucket customers ascend."""
        low, high = self._of_first.searchsorted(bucket), self._of_first.searchsorted(bucket, "right")
        within = self._firsts[low:high]
        first, after = within.searchsorted(customer_id), within.searchsorted(customer_id, "right")
        return range(max(int(low + first) - 1, 0), int(low + after))
