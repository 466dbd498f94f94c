"""What is asked about one customer at a time, in microseconds.

Daily tags come from the row of the newest snapshot, live tags are computed from the customer's events. Both were made
ready from published tables (`make_ready`), and what they know is what was published then: `freshness` says when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.catalog.repository import load_catalog
from lingque.core.clock import BusinessCalendar, Clock, Instant
from lingque.core.errors import NotFoundError
from lingque.core.hashing import Int64s, digest_of
from lingque.core.ids import RunId
from lingque.profile.aggregating import Kernels
from lingque.profile.contracts import SNAPSHOT_RUN, SNAPSHOT_TABLE, Freshness, TableFreshness
from lingque.profile.fact_store import FactStore
from lingque.profile.filling import Filling, Progress, Published, nobody_is_told
from lingque.profile.kernel.segments import Links
from lingque.profile.live import MARGIN, LiveTags
from lingque.profile.online import OnlineFile
from lingque.profile.rows import RowsOf, RowStore
from lingque.store.database import Database
from lingque.store.runs import newest_run, published_versions, subjects_of
from lingque.warehouse.tables import DeltaTables

_ROWS_AT_ONCE = 32_768
_LIVE = b"live"
_DAY = 86_400_000_000
_AGAIN = "run 'lingque tags live fill'"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What is published, and whose parties are whose at a moment and ever were (`ingest` knows)."""

    database: Database
    tables: DeltaTables
    links_as_of: Callable[[Connection, Instant], pa.Table]
    once_linked: Callable[[Connection], Int64s]
    buckets: int


class Answering:
    """Made by `bootstrap`. Used from several threads at once."""

    def __init__(
        self, *, file: OnlineFile, sources: Sources, calendar: BusinessCalendar, clock: Clock, kernels: Kernels
    ) -> None:
        self._file = file
        self._sources = sources
        self._calendar = calendar
        self._clock = clock
        self._kernels = kernels
        self._rows = RowStore(file)
        self._facts = FactStore(file)
        self._lock = Lock()
        self._live: tuple[bytes, LiveTags] | None = None

    def row_of(self, customer_id: int, moment: Instant, tags: Sequence[str]) -> Mapping[str, Any]:
        """Those tags of the customer at the moment: live ones as of it, the others of the newest snapshot. Money in
        minor units, days as `date`, none as None. A customer since that snapshot has no daily tag yet.

        Raises `NotFoundError` for somebody who is not known, for a tag that the snapshot does not have, for a moment
        before what is kept, and where nothing was made ready or live tags were defined anew since.
        """
        found = self.rows_of([customer_id], moment, tags)
        if customer_id not in found:
            raise NotFoundError("nothing is known of that customer", next_step="check the number, or run the tags")
        return found[customer_id]

    def rows_of(self, customers: Iterable[int], moment: Instant, tags: Sequence[str]) -> dict[int, Mapping[str, Any]]:
        """The same of those of a few customers who are known. Of many, a snapshot is the way."""
        listed, live = list(customers), self._live_tags()
        wanted = [name for name in tags if name not in live.by_name]
        asks_live = len(wanted) < len(tags)
        names = list(dict.fromkeys([*wanted, *live.daily])) if asks_live else wanted
        rows = self._rows.read_all(listed, names)
        for as_of in {row.as_of for row in rows.values()}:
            self._check_day(as_of, moment)
        found: dict[int, Mapping[str, Any]] = {}
        for customer in listed:
            row = rows.get(customer)
            if row is not None:
                found[customer] = row.values
            elif any(self._facts.read(one.table, customer) for one in live.layouts):
                found[customer] = dict.fromkeys(names)
        if found and asks_live:
            self._check_kept(live, moment)
            return {customer: self._with_live(live, customer, moment, tags, row) for customer, row in found.items()}
        return found

    def _with_live(
        self, live: LiveTags, customer: int, moment: Instant, tags: Sequence[str], daily: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        with self._lock:
            found = live.values(customer, moment, daily=daily)
        return {name: found[name] if name in found else daily[name] for name in tags}

    def daily_values(self, run_id: RunId, customer_id: int) -> Mapping[str, Any] | None:
        """Every tag of the customer in the snapshot of that run; None where another one is ready, or none, or the
        customer is not in it."""
        kept = self._rows.kept() if self._file.exists else None
        if kept is None or kept.run_id != run_id:
            return None
        row = self._rows.read(customer_id, [name for name, _ in kept.tags])
        return None if row is None else row.values

    def live_values(self, customer_id: int, moment: Instant) -> Mapping[str, Any]:
        """Every live tag of the customer at the moment. Raises as `row_of`."""
        return self.row_of(customer_id, moment, self._live_tags().names)

    def freshness(self) -> Freshness:
        """What is known here, and since when there is more."""
        with self._sources.database.reading() as connection:
            newest = _newest(connection)
            versions = published_versions(connection)
        rows = self._rows.kept() if self._file.exists else None
        filled = self._facts.filled() if self._file.exists else None
        return Freshness(
            as_of=None if rows is None else rows.as_of,
            is_newest_snapshot=rows is not None and newest is not None and rows.run_id == newest[0],
            filled_at=None if filled is None else filled.filled_at,
            tables=()
            if filled is None
            else tuple(
                TableFreshness(
                    table=one.table,
                    kept_days=one.kept_days,
                    newest=filled.newest[one.table],
                    is_newest=versions.get(one.table) == filled.versions.get(one.table),
                )
                for one in filled.layouts
            ),
        )

    def make_ready(self, *, without: Int64s, told: Progress = nobody_is_told) -> None:
        """Bring both up to what is published. Killed and called again it goes on.

        `without`: parties and customers of whom nothing is kept, whatever the tables still hold (they were erased).
        Raises `ConfigurationError` for a tag that cannot be live.
        """
        with self._sources.database.reading() as connection:
            catalog = load_catalog(connection)
            published = self._published(connection, catalog, without)
            newest = _newest(connection)
            snapshots = published_versions(connection).get(SNAPSHOT_TABLE)
        live = LiveTags(catalog, self._facts, calendar=self._calendar, kernels=self._kernels)
        now = self._clock.now()
        if live.names or self._file.exists:
            filling = Filling(store=self._facts, buckets=self._sources.buckets)
            filling.fill(live.layouts, published, now, told)
            live.prepare(now)
        if newest is not None and snapshots is not None:
            self._keep_rows(newest, snapshots, without)
        note = digest_of({name: catalog.closures["tag", name] for name in live.names}).encode()
        with self._file.writing() as writing:
            writing.note(_LIVE, note)
        self._live = (note, live)

    def forget(self, ids: Iterable[int]) -> int:
        """Delete what is kept of these customers; how many records there were."""
        if not self._file.exists:
            return 0
        gone = list(ids)
        return self._rows.forget(gone) + self._facts.forget(gone)

    def _keep_rows(self, newest: tuple[RunId, date, list[str]], version: int, without: Int64s) -> None:
        run_id, as_of, names = newest
        paths = self._sources.tables.files_of(SNAPSHOT_TABLE, version, as_of.isoformat())
        if not paths:  # it is of nobody, or was purged
            self._rows.clear()
            return
        kept = self._rows.kept()
        if kept is not None and kept.run_id == run_id:
            return
        schema = pa.unify_schemas([pq.read_schema(path) for path in paths], promote_options="permissive")
        rows = RowsOf.of(schema, names, run_id=run_id, as_of=as_of)
        self._rows.fill(rows, _batches(paths, ["customer_id", *names], without))

    def _published(self, connection: Connection, catalog: Catalog, without: Int64s) -> Published:
        tables = self._sources.tables
        versions = published_versions(connection)
        events = [name for name, one in catalog.contracts.items() if one.kind == "event"]
        links = self._sources.links_as_of(connection, self._clock.now())
        return Published(
            files={
                name: {str(path.relative_to(tables.root / name)): path for path in tables.files(name, versions[name])}
                if name in versions
                else {}
                for name in events
            },
            versions=versions,
            links=Links.of(
                links.column("party_id").to_numpy(),
                links.column("customer_id").to_numpy(),
                once=self._sources.once_linked(connection),
            ),
            without=without,
            folder=tables.root,
        )

    def _live_tags(self) -> LiveTags:
        """The live tags by the definitions with which they were last made ready."""
        if not self._file.exists:
            raise NotFoundError("nothing was made ready to be looked up", next_step=_AGAIN)
        with self._file.reading() as reading:
            note = reading.state(_LIVE)
        if note is None:
            raise NotFoundError("nothing was made ready to be looked up", next_step=_AGAIN)
        known = self._live
        if known is not None and known[0] == note:
            return known[1]
        with self._sources.database.reading() as connection:
            catalog = load_catalog(connection)
        live = LiveTags(catalog, self._facts, calendar=self._calendar, kernels=self._kernels)
        self._live = (note, live)
        return live

    def _check_day(self, as_of: date, moment: Instant) -> None:
        tomorrow = self._calendar.day_of(moment) + timedelta(days=1)  # whose snapshot may be made tonight
        if as_of > tomorrow:
            raise NotFoundError(
                f"what was made ready is the snapshot as of {as_of}, which knows more than was known then",
                next_step="ask about now, or read the snapshot of the day with 'lingque tags'",
            )

    def _check_kept(self, live: LiveTags, moment: Instant) -> None:
        filled = self._facts.filled()
        if filled is None or filled.layouts != tuple(live.layouts):
            raise NotFoundError("live tags were defined anew since their events were kept", next_step=_AGAIN)
        for one in filled.layouts:
            first = Instant(filled.since[one.table] + one.keeps - (MARGIN - 1) * _DAY)
            if moment < first:
                raise NotFoundError(
                    f"events of '{one.table}' are kept to ask from {self._calendar.day_of(first)} on",
                    next_step="ask about now, or read the snapshot of the day with 'lingque tags'",
                )


def _newest(connection: Connection) -> tuple[RunId, date, list[str]] | None:
    """The newest snapshot: its run, its day and its tags."""
    days = subjects_of(connection, kind=SNAPSHOT_RUN, beginning="")
    run = newest_run(connection, kind=SNAPSHOT_RUN, subject=days[-1]) if days else None
    if run is None:
        return None
    return run.run_id, date.fromisoformat(run.subject), list(run.summary["content"]["closures"])


def _batches(paths: Sequence[Path], columns: list[str], without: Int64s) -> Iterator[pa.Table]:
    gone = pa.array(np.asarray(without, np.int64))
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns, use_threads=False):
                rows = pa.Table.from_batches([batch])
                yield rows.filter(pc.invert(pc.is_in(rows.column("customer_id"), gone)))
