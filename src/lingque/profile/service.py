"""Snapshots and labels."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lingque.catalog.expressions.types import Kind
from lingque.catalog.model import AggregateTag, Catalog, DerivedTag, Tag
from lingque.core.clock import BusinessCalendar, Clock, Instant
from lingque.core.errors import NotFoundError, WarehouseError
from lingque.core.hashing import bucket_of
from lingque.core.ids import run_id
from lingque.govern.contracts import AuditTrail
from lingque.profile.contracts import SNAPSHOT_RUN, SNAPSHOT_TABLE, Coverage, SnapshotReport
from lingque.profile.tag_sql import PointInTime, aggregates_sql, layered_sql, overflow_sql, typed_sql
from lingque.store.database import Database
from lingque.store.runs import Run, finish_run, newest_run, published_versions
from lingque.warehouse.engine import Session
from lingque.warehouse.statements import statements
from lingque.warehouse.tables import DeltaTables, Slice

SQL = statements("lingque.profile")
LinksAsOf = Callable[[Connection, Instant], pa.Table]


class Profile:
    """Made by `bootstrap`. `links_as_of` says which parties make up a customer at a moment (`ingest` knows)."""

    def __init__(
        self,
        *,
        database: Database,
        tables: DeltaTables,
        links_as_of: LinksAsOf,
        audit: AuditTrail,
        clock: Clock,
        calendar: BusinessCalendar,
        buckets: int,
        session: Callable[[], Session],
    ) -> None:
        self._database = database
        self._tables = tables
        self._links_as_of = links_as_of
        self._audit = audit
        self._clock = clock
        self._calendar = calendar
        self._buckets = buckets
        self._session = session

    def snapshot(self, catalog: Catalog, as_of: date, *, actor: str) -> SnapshotReport:
        """Compute and publish every tag that does not look forward, as of the beginning of that day.

        The same definitions over the same data are reported and not computed twice.
        """
        tags = [tag for tag in catalog.tags.values() if not tag.looks_forward]
        closures = {tag.name: catalog.closures["tag", tag.name] for tag in tags}
        moment = self._calendar.start_of(as_of)
        with self._database.reading() as connection:
            versions = _inputs(catalog, published_versions(connection))
            before = newest_run(connection, kind=SNAPSHOT_RUN, subject=as_of.isoformat())
            links = self._links_as_of(connection, moment)
            visible = published_versions(connection).get(SNAPSHOT_TABLE)
        content = {"closures": closures, "versions": versions, "links": links.to_pylist()}
        if before is not None and before.summary["content"] == content:
            return _report(before, as_of, already_done=True)

        rows = self._compute(catalog, tags, PointInTime(as_of=as_of, moment=moment, known_by=moment), versions, links)
        rows = self._cluster(rows, as_of)
        run = run_id(SNAPSHOT_RUN, as_of=as_of.isoformat(), content=content, after=before.run_id if before else None)
        target = Slice(table=SNAPSHOT_TABLE, name=as_of.isoformat(), order=("bucket", "customer_id"))
        version = self._tables.commit(target, rows, run_id=run, published=visible)
        summary = {
            "content": content,
            "customers": rows.num_rows,
            "coverage": {tag.name: dataclasses.asdict(_coverage(rows, tag)) for tag in tags},
        }
        finished = Run(
            run_id=run,
            kind=SNAPSHOT_RUN,
            subject=as_of.isoformat(),
            finished_at=self._clock.now(),
            summary=summary,
        )
        with self._database.transaction() as connection:
            finish_run(connection, finished, published={SNAPSHOT_TABLE: version})
            self._audit.record(
                connection, actor=actor, act="run_tags", subject=as_of.isoformat(), detail={"run_id": run}
            )
        return _report(finished, as_of, already_done=False)

    def find_snapshot(self, connection: Connection, as_of: date) -> SnapshotReport:
        """The newest snapshot of that day. Raises `NotFoundError` where there is none."""
        run = newest_run(connection, kind=SNAPSHOT_RUN, subject=as_of.isoformat())
        if run is None:
            raise NotFoundError(
                f"there is no snapshot as of {as_of}", next_step=f"run 'lingque tags run --as-of {as_of}'"
            )
        return _report(run, as_of, already_done=True)

    def tags_of(self, connection: Connection, as_of: date) -> pa.Table:
        """The published snapshot of that day: `customer_id`, `bucket`, `as_of` and every tag."""
        self.find_snapshot(connection, as_of)
        with self._session() as session:
            session.add_versions({SNAPSHOT_TABLE: published_versions(connection)[SNAPSHOT_TABLE]})
            return session.ask(SQL["snapshot"].sql, {"as_of": as_of})

    def labels(self, catalog: Catalog, tag: Tag, as_of: date, *, known_by: Instant) -> pa.Table:
        """`customer_id` and the label, from everything known by that moment. For measuring and learning only."""
        needed = _closure_of(catalog, tag)
        with self._database.reading() as connection:
            versions = _inputs(catalog, published_versions(connection))
            moment = self._calendar.start_of(as_of)
            links = self._links_as_of(connection, moment)
        at = PointInTime(as_of=as_of, moment=moment, known_by=known_by)
        return self._compute(catalog, needed, at, versions, links).select(["customer_id", tag.name])

    def horizon(self, catalog: Catalog, tag: Tag, as_of: date) -> Instant:
        """When the last event that the label speaks of is known."""
        return max(
            self._calendar.start_of(one.window.bounds(as_of)[1] + timedelta(days=one.contract.known_after_days - 1))
            for one in _closure_of(catalog, tag)
            if isinstance(one, AggregateTag) and one.window is not None
        )

    def _compute(
        self,
        catalog: Catalog,
        tags: Iterable[Tag],
        at: PointInTime,
        versions: dict[str, int],
        links: pa.Table,
    ) -> pa.Table:
        listed = list(tags)
        groups: dict[str, list[AggregateTag]] = defaultdict(list)
        for tag in listed:
            if isinstance(tag, AggregateTag):
                groups[tag.contract.contract].append(tag)
        derived = [tag for tag in listed if isinstance(tag, DerivedTag)]
        with self._session() as session:
            self._prepare(session, catalog, at, versions, links, list(groups))
            for table, members in groups.items():
                session.add_relation(f"of_{table}", aggregates_sql(table, members, at, self._calendar))
                _refuse_overflow(session.ask(overflow_sql(table, members)).to_pylist()[0])
            session.add_relation("aggregated", typed_sql("population", groups))
            try:
                return session.ask(layered_sql("aggregated", derived))
            except duckdb.OutOfRangeException as error:
                names = ", ".join(tag.name for tag in derived)
                raise WarehouseError(
                    f"a value of one of the derived tags {names} does not fit into 64 bits",
                    next_step="look for a multiplication of large amounts in them",
                ) from error

    def _prepare(
        self,
        session: Session,
        catalog: Catalog,
        at: PointInTime,
        versions: dict[str, int],
        links: pa.Table,
        needed: list[str],
    ) -> None:
        party = catalog.contract_of_kind("party")
        if party is None or party.contract not in versions:
            raise NotFoundError("no customers have been ingested yet", next_step="run 'lingque ingest' first")
        session.add_versions(versions)
        for table in (party.contract, *needed):
            if not session.has(table):
                raise NotFoundError(
                    f"table '{table}' holds no rows yet",
                    next_step="run 'lingque ingest', or take the tags on it away",
                )
        session.add_arrow("links", links)
        session.add_relation("parties", f'SELECT * FROM "{party.contract}"')
        session.add_relation("population", SQL["population"].sql, {"moment": at.moment})

    def _cluster(self, rows: pa.Table, as_of: date) -> pa.Table:
        customers = rows.column("customer_id").to_numpy()
        rows = rows.append_column("bucket", pa.array(bucket_of(customers, buckets=self._buckets), pa.int32()))
        rows = rows.append_column("as_of", pa.array([as_of] * rows.num_rows, pa.date32()))
        return rows.take(
            pc.sort_indices(rows, [("bucket", "ascending"), ("customer_id", "ascending")])
        ).combine_chunks()


def _inputs(catalog: Catalog, published: dict[str, int]) -> dict[str, int]:
    return {table: version for table, version in published.items() if table in catalog.contracts}


def _closure_of(catalog: Catalog, tag: Tag) -> list[Tag]:
    """The tag and all it is built on, inputs first."""
    needed = {tag.name}
    for other in reversed(list(catalog.tags.values())):
        if other.name in needed and isinstance(other, DerivedTag):
            needed |= other.inputs
    return [other for name, other in catalog.tags.items() if name in needed]


def _refuse_overflow(counts: dict[str, Any]) -> None:
    for tag, customers in counts.items():
        if customers:
            raise WarehouseError(
                f"tag '{tag}' does not fit into 64 bits for {customers} customer(s)",
                next_step="look for wrong amounts in its table, or shorten its window",
            )


def _coverage(rows: pa.Table, tag: Tag) -> Coverage:
    values = rows.column(tag.name)
    true = int(pc.sum(values).as_py() or 0) if tag.type.kind is Kind.BOOLEAN else None
    return Coverage(known=len(values) - values.null_count, true=true)


def _report(run: Run, as_of: date, *, already_done: bool) -> SnapshotReport:
    return SnapshotReport(
        as_of=as_of,
        run_id=run.run_id,
        customers=run.summary["customers"],
        coverage={name: Coverage(**entry) for name, entry in run.summary["coverage"].items()},
        closures=run.summary["content"]["closures"],
        already_done=already_done,
    )
