"""The facts of live tags, filled from the published tables and kept in step with them.

Files of a table never change, so which files are in says everything: what a late delivery, a day that was sent again, a
correction or a compaction changed are files that came and files that went. Those are taken in and given up, for the
customers who stand in them. Where a file that went can no longer be read, everything is made anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lingque.catalog.expressions.types import Kind
from lingque.core.clock import Instant
from lingque.core.hashing import Int64s, distinct
from lingque.profile.fact_store import FactStore, Filled
from lingque.profile.facts import ARROW, OWN, Layout
from lingque.profile.kernel.files import Buckets, TableFiles, ranges
from lingque.profile.kernel.segments import Links

CUSTOMERS_AT_ONCE = 10_000
"""Whose records are read and written in one transaction: some 100 MB with five hundred events each."""

Progress = Callable[[int, int], None]
"""Told how many steps are done, and of how many."""


def nobody_is_told(done: int, steps: int) -> None:
    """Of work that is over in a moment."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the store is to be filled with: per table its files by name and its version; whose parties are whose; what
    was erased and is left out, though its files may still hold it."""

    files: Mapping[str, Mapping[str, Path]]
    versions: Mapping[str, int]
    links: Links
    without: Int64s
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Filling:
    """`buckets`: how many buckets the tables have."""

    store: FactStore
    buckets: int

    def fill(self, layouts: Sequence[Layout], published: Published, now: Instant, told: Progress) -> Filled:
        """Bring the store up to what is published. Killed and started again it comes to the same end."""
        wanted = self._wanted(tuple(layouts), published, now)
        filled = self.store.filled()
        if filled is None or filled.layouts != wanted.layouts or not _can_follow(filled, published):
            return self._anew(wanted, filled, published, told)
        return self._follow(filled, wanted, published, told)

    def _wanted(self, layouts: tuple[Layout, ...], published: Published, now: Instant) -> Filled:
        newest = {one.table: _newest(list(published.files[one.table].values()), now) for one in layouts}
        since = {one.table: Instant((newest[one.table] or now) - one.keeps) for one in layouts}
        parts = {one.table: {name: n for n, name in enumerate(sorted(published.files[one.table]))} for one in layouts}
        return Filled(
            place=0,
            layouts=layouts,
            links=_digest(published.links),
            filled_at=now,
            parts=parts,
            since=since,
            newest=newest,
            versions={table: version for table, version in published.versions.items() if table in parts},
        )

    def _anew(self, wanted: Filled, filled: Filled | None, published: Published, told: Progress) -> Filled:
        """Everything from the tables, beside what is in use; from where it was when it died."""
        wanted = dataclasses.replace(wanted, place=0 if filled is None else 1 - filled.place)
        begun = self.store.building()
        if begun is None or _what(begun) != _what(wanted):
            self.store.begin(wanted, published.links)
            begun = wanted
        tables = {one.table: self._files(one, wanted.parts[one.table], published) for one in wanted.layouts}
        steps = [
            (one, buckets)
            for one in wanted.layouts
            for buckets in self._ranges([file for file, _ in tables[one.table]])
        ]
        for number, (layout, buckets) in enumerate(steps):
            told(number, len(steps))
            if number < begun.done:
                continue
            rows = _rows(layout, tables[layout.table], buckets, published)
            begun = dataclasses.replace(begun, done=number + 1)
            self.store.add(begun, layout.table, rows)
        self.store.finish(begun)
        told(len(steps), len(steps))
        return begun

    def _follow(self, filled: Filled, wanted: Filled, published: Published, told: Progress) -> Filled:
        if filled.links != wanted.links:
            filled = dataclasses.replace(filled, links=wanted.links)
            self.store.relink(filled, published.links)
        # an event that is no longer kept does not come back when the newest one is taken away
        since = {table: max(moment, filled.since[table]) for table, moment in wanted.since.items()}
        filled = dataclasses.replace(filled, since=since)
        for layout in filled.layouts:
            filled = self._follow_table(filled, layout, published, told)
        filled = dataclasses.replace(filled, filled_at=wanted.filled_at, newest=wanted.newest, versions=wanted.versions)
        self.store.note(filled)
        return filled

    def _follow_table(self, filled: Filled, layout: Layout, published: Published, told: Progress) -> Filled:
        table = layout.table
        inside, doubtful = dict(filled.parts[table]), dict(filled.doubtful.get(table, {}))
        files = published.files[table]
        gone = {name: part for name, part in (inside | doubtful).items() if name not in files}
        number = max([-1, *inside.values(), *doubtful.values()]) + 1
        come: dict[str, int] = {}
        for name in sorted(files):
            if name in doubtful or name not in inside:
                come[name] = doubtful.get(name, number + len(come))
        if not gone and not come:
            return filled
        kept = {name: part for name, part in inside.items() if name not in gone and name not in come}
        filled = dataclasses.replace(
            filled, parts={**filled.parts, table: kept}, doubtful={**filled.doubtful, table: gone | come}
        )
        self.store.note(filled)
        new, old = self._files(layout, come, published), self._files(layout, gone, published)
        wanted = self._ranges([file for file, _ in [*new, *old]])
        for step, buckets in enumerate(wanted):
            told(step, len(wanted))
            rows = _rows(layout, new, buckets, published)
            came, gave = rows.column("customer_id").to_numpy(), _customers(old, buckets, published.links)
            customers = distinct(np.concatenate([came, gave]))
            for first in range(0, len(customers), CUSTOMERS_AT_ONCE):
                some = customers[first : first + CUSTOMERS_AT_ONCE]
                theirs = rows.filter(pc.is_in(rows.column("customer_id"), value_set=pa.array(some)))
                self.store.follow(filled, table, theirs, some, instead_of={*gone.values(), *come.values()})
        told(len(wanted), len(wanted))
        filled = dataclasses.replace(
            filled, parts={**filled.parts, table: kept | come}, doubtful={**filled.doubtful, table: {}}
        )
        self.store.note(filled)
        return filled

    def _ranges(self, files: Sequence[TableFiles]) -> list[Buckets]:
        """A row is in memory twice, as it was read and in a record, until the record is written."""
        largest = max(files, key=lambda file: file.rows, default=None)
        return ranges(
            self.buckets,
            rows=2 * sum(file.rows for file in files),
            customers=0,
            borders=() if largest is None else largest.borders,
        )

    def _files(self, layout: Layout, parts: Mapping[str, int], published: Published) -> list[tuple[TableFiles, int]]:
        """Each file by itself, so that its rows are known to be its own."""
        texts = [name for name, kind in layout.columns if kind is Kind.TEXT]
        found: list[tuple[TableFiles, int]] = []
        for name, part in parts.items():
            path = published.folder / layout.table / name
            file = TableFiles(layout.table, [path], texts=texts, buckets=self.buckets)
            if len(published.links.parties):
                file.bring_home(published.links, _read(layout))
            found.append((file, part))
        return found


def _what(filled: Filled) -> tuple[Any, ...]:
    return filled.place, filled.layouts, filled.links, filled.parts


def _can_follow(filled: Filled, published: Published) -> bool:
    """Is every file that went still there to be read?"""
    return all(
        name in published.files[table] or (published.folder / table / name).exists()
        for noted in (filled.parts, filled.doubtful)
        for table, names in noted.items()
        for name in names
    )


def _read(layout: Layout) -> list[str]:
    own = [name for name in OWN if name not in ("customer_id", "part")]
    return [*own, *(name for name, _ in layout.columns if name not in own)]


def _rows(layout: Layout, files: Sequence[tuple[TableFiles, int]], buckets: Buckets, published: Published) -> pa.Table:
    """The rows of these files in those buckets, each with its customer and its part."""
    found = [layout.schema.empty_table()]
    for file, part in files:
        rows = file.read(buckets, _read(layout)).rows
        party = rows.column("party_id").to_numpy()
        customers = published.links.customers_of(party)
        made: dict[str, Any] = {
            "customer_id": pa.array(customers, pa.int64()), "part": pa.array(np.full(len(party), part), pa.int64()),
        }  # fmt: skip
        for name in ("party_id", "event_time", "known_at", "row_key"):
            made[name] = rows.column(name).cast(pa.int64())
        for name, kind in layout.columns:
            there = name in rows.column_names
            made[name] = rows.column(name).cast(ARROW[kind]) if there else pa.nulls(len(party), ARROW[kind])
        erased = np.isin(party, published.without) | np.isin(customers, published.without)
        table = pa.table({name: made[name] for name in layout.schema.names}, layout.schema)
        found.append(table.filter(pa.array(~erased)) if bool(erased.any()) else table)
    return pa.concat_tables(found)


def _customers(files: Sequence[tuple[TableFiles, int]], buckets: Buckets, links: Links) -> Int64s:
    """Who has rows in these files."""
    found = [np.empty(0, np.int64)]
    for file, _ in files:
        rows = file.read(buckets, ["party_id"]).rows
        parties = rows.column("party_id").to_numpy()  # of a party one row stands behind the other
        found.append(links.customers_of(np.append(parties[:1], parties[1:][parties[1:] != parties[:-1]])))
    return distinct(np.concatenate(found))


def _newest(paths: Sequence[Path], now: Instant) -> Instant | None:
    """The latest event up to now, as the statistics of the files say; None where there is no row."""
    latest: list[int] = []
    for path in paths:
        metadata = pq.read_metadata(path)
        place = metadata.schema.to_arrow_schema().names.index("event_time")
        for number in range(metadata.num_row_groups):
            statistics = metadata.row_group(number).column(place).statistics
            latest.append(int(statistics.max) if statistics is not None and statistics.has_min_max else now)
    return Instant(min(now, max(latest))) if latest else None


def _digest(links: Links) -> str:
    return hashlib.sha256(links.parties.tobytes() + b"/" + links.customers.tobytes()).hexdigest()
