"""What is asked about one customer at a time: daily tags from the rows of the newest snapshot that was made ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection

from lingque.core.clock import BusinessCalendar, Instant
from lingque.core.errors import NotFoundError
from lingque.core.hashing import Int64s
from lingque.core.ids import RunId
from lingque.profile.contracts import SNAPSHOT_RUN, SNAPSHOT_TABLE
from lingque.profile.online import OnlineFile
from lingque.profile.rows import RowsOf, RowStore
from lingque.store.database import Database
from lingque.store.runs import newest_run, published_versions, subjects_of
from lingque.warehouse.tables import DeltaTables

_ROWS_AT_ONCE = 32_768


class Answering:
    """Made by `bootstrap`. Used from several threads at once."""

    def __init__(
        self, *, file: OnlineFile, database: Database, tables: DeltaTables, calendar: BusinessCalendar
    ) -> None:
        self._file = file
        self._database = database
        self._tables = tables
        self._calendar = calendar
        self._rows = RowStore(file)

    def row_of(self, customer_id: int, moment: Instant, tags: Sequence[str]) -> Mapping[str, Any]:
        """Those tags of the customer at the moment.

        Raises `NotFoundError` for a customer whom the snapshot does not know, for a tag that it does not have and for a
        moment before the day before it; `WarehouseError` where nothing was made ready.
        """
        row = self._rows.read(customer_id, tags)
        if row is None:
            raise NotFoundError("nothing is known of that customer", next_step="check the number, or run the tags")
        if row.as_of > self._calendar.day_of(moment) + timedelta(
            days=1
        ):  # that of the coming morning may be made tonight
            raise NotFoundError(
                f"what was made ready is the snapshot as of {row.as_of}, which knows more than was known then",
                next_step="ask about now, or read the snapshot of the day with 'lingque tags'",
            )
        return row.values

    def make_ready(self, *, without: Int64s) -> RowsOf | None:
        """Make the newest published snapshot ready to be looked up, where it is not; which one that is.

        `without`: parties and customers of whom nothing is kept, whatever the tables still hold (they were erased).
        """
        with self._database.reading() as connection:
            newest = _newest(connection)
            version = published_versions(connection).get(SNAPSHOT_TABLE)
        kept = self._rows.kept() if self._file.exists else None
        if newest is None or version is None:
            return None
        run_id, as_of, names = newest
        if kept is not None and kept.run_id == run_id:
            return kept
        paths = self._tables.files_of(SNAPSHOT_TABLE, version, as_of.isoformat())
        schema = pa.unify_schemas([pq.read_schema(path) for path in paths], promote_options="permissive")
        rows = RowsOf.of(schema, names, run_id=run_id, as_of=as_of)
        self._rows.fill(rows, _batches(paths, ["customer_id", *names], without))
        return rows

    def forget(self, ids: Iterable[int]) -> int:
        """Delete what is kept of these customers; how many records there were."""
        return self._rows.forget(ids) if self._file.exists else 0


def _newest(connection: Connection) -> tuple[RunId, date, list[str]] | None:
    """The newest snapshot: its run, its day and its tags."""
    days = subjects_of(connection, kind=SNAPSHOT_RUN, beginning="")
    run = newest_run(connection, kind=SNAPSHOT_RUN, subject=days[-1]) if days else None
    if run is None:
        return None
    return run.run_id, date.fromisoformat(run.subject), list(run.summary["content"]["closures"])


def _batches(paths: Sequence[Path], columns: list[str], without: Int64s) -> Iterator[pa.Table]:
    gone = pa.array(without)
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns, use_threads=False):
                rows = pa.Table.from_batches([batch])
                yield rows.filter(pc.invert(pc.is_in(rows.column("customer_id"), gone)))
