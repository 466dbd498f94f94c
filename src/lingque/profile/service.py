"""Snapshots and labels."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from lingque.catalog.model import AggregateTag, Catalog, ListTag, ManualTag, ModelTag, Tag, is_never_null
from lingque.core.clock import BusinessCalendar, Clock, Instant
from lingque.core.errors import ConfigurationError, NotFoundError
from lingque.core.hashing import Int64s, bucket_of, distinct
from lingque.core.ids import run_id
from lingque.core.reasons import Reason
from lingque.govern.contracts import AuditTrail
from lingque.profile.aggregating import SQL, Aggregation, Kernels
from lingque.profile.answering import Answering
from lingque.profile.computing import Computation, Inputs
from lingque.profile.contracts import (
    SNAPSHOT_RUN,
    SNAPSHOT_TABLE,
    Coverage,
    Distribution,
    ListMembers,
    Note,
    Scorer,
    SnapshotReport,
)
from lingque.profile.counting import Counts, stability_index
from lingque.profile.manual import given
from lingque.profile.tag_sql import PointInTime
from lingque.store.database import Database
from lingque.store.runs import (
    Run,
    finish_run,
    last_subject,
    newest_run,
    newest_run_id,
    published_versions,
    read_run,
    subjects_of,
)
from lingque.warehouse.engine import Session
from lingque.warehouse.tables import DeltaTables, Slice

LinksAsOf = Callable[[Connection, Instant], pa.Table]
OnceLinked = Callable[[Connection], Int64s]


class Profile:
    """Made by `bootstrap`. `links_as_of` says which parties make up a customer at a moment, `once_linked` which ever
    were linked (`ingest` knows), `lists` who is on a list (`govern`), `scorer` what the models say (`predict`). Without
    `kernels` tags are computed by SQL."""

    def __init__(
        self,
        *,
        database: Database,
        tables: DeltaTables,
        links_as_of: LinksAsOf,
        once_linked: OnceLinked,
        audit: AuditTrail,
        clock: Clock,
        calendar: BusinessCalendar,
        buckets: int,
        session: Callable[[], Session],
        lists: ListMembers | None = None,
        scorer: Scorer | None = None,
        kernels: Kernels | None = None,
        answering: Answering | None = None,
    ) -> None:
        self._database = database
        self._tables = tables
        self._links_as_of = links_as_of
        self._once_linked = once_linked
        self._audit = audit
        self._clock = clock
        self._calendar = calendar
        self._buckets = buckets
        self._session = session
        self._lists = lists
        self._scorer = scorer
        self._kernels = kernels
        self._answering = answering
        self._days: tuple[int, Collection[str]] | None = None
        self._noted: SnapshotReport | None = None

    @property
    def answering(self) -> Answering:
        """What answers about one customer at a time. Raises `ConfigurationError` where nothing does."""
        if self._answering is None:
            raise ConfigurationError("nothing is kept here to answer about one customer", next_step="open a workspace")
        return self._answering

    def row_of(self, customer_id: int, moment: Instant, tags: Sequence[str]) -> Mapping[str, Any]:
        """Those tags of the customer at the moment, in microseconds; see `Answering.row_of`."""
        return self.answering.row_of(customer_id, moment, tags)

    def rows_of(self, customers: Iterable[int], moment: Instant, tags: Sequence[str]) -> dict[int, Mapping[str, Any]]:
        """The same of those of a few customers who are known; see `Answering.rows_of`."""
        return self.answering.rows_of(customers, moment, tags)

    def live_values(self, customer_id: int, moment: Instant) -> Mapping[str, Any]:
        """Every live tag of the customer at the moment; see `Answering.live_values`."""
        return self.answering.live_values(customer_id, moment)

    def snapshot(self, catalog: Catalog, as_of: date, *, actor: str) -> SnapshotReport:
        """Compute and publish every tag that does not look forward, as of the beginning of that day.

        The same definitions over the same data, lists and models are reported and not computed twice.
        """
        tags = [tag for tag in catalog.tags.values() if not tag.looks_forward]
        closures = {tag.name: catalog.closures["tag", tag.name] for tag in tags}
        at = self._morning(as_of)
        with self._database.reading() as connection:
            inputs = self._inputs(connection, catalog, tags, at.moment)
            before = newest_run(connection, kind=SNAPSHOT_RUN, subject=as_of.isoformat())
            visible = published_versions(connection).get(SNAPSHOT_TABLE)
            earlier = self._comparable(connection, as_of, closures)
        content = self._content(tags, closures, inputs)
        if (
            before is not None
            and before.summary["content"] == content
            and self._is_there(before.summary["customers"], as_of, visible)
        ):
            return _report(before, as_of, already_done=True)

        run = run_id(SNAPSHOT_RUN, as_of=as_of.isoformat(), content=content, after=before.run_id if before else None)
        target = Slice(table=SNAPSHOT_TABLE, name=as_of.isoformat(), order=("bucket", "customer_id"))
        counts = Counts(tags, earlier)
        with self._session() as session:
            computation = self._computation(session, catalog, at)
            file = session.write_batches(
                self._placed(counts.over(computation.batches(tags, inputs)), as_of),
                lambda: counts.late(computation.late()),
                names=["customer_id", *(tag.name for tag in tags), "bucket", "as_of"],
                order=target.order,
                required=["customer_id", "bucket", "as_of", *(tag.name for tag in tags if is_never_null(tag))],
            )
            version = self._tables.commit(target, file, run_id=run, published=visible)
        distributions = counts.distributions()
        drift = {
            name: stability_index(earlier[name], spread) for name, spread in distributions.items() if name in earlier
        }
        summary = {
            "content": content,
            "customers": counts.customers,
            "distributions": {name: dataclasses.asdict(spread) for name, spread in distributions.items()},
            "drift": drift,
            "coverage": {name: dataclasses.asdict(entry) for name, entry in counts.coverage().items()},
            "notes": [
                {"tag": note.tag, "reason": note.reason.name, "detail": note.detail} for note in computation.notes
            ],
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

    def _comparable(self, connection: Connection, as_of: date, closures: dict[str, str]) -> dict[str, Distribution]:
        """The distributions of the snapshot before that day, of tags that were defined alike."""
        days = [day for day in subjects_of(connection, kind=SNAPSHOT_RUN, beginning="") if day < as_of.isoformat()]
        if not days:
            return {}
        report = self.recorded(connection, date.fromisoformat(days[-1]))
        return {
            name: spread
            for name, spread in report.distributions.items()
            if report.closures.get(name) == closures.get(name)
        }

    def find_snapshot(self, connection: Connection, as_of: date) -> SnapshotReport:
        """The newest snapshot of that day. Raises `NotFoundError` where there is none, or none any more."""
        report = self.recorded(connection, as_of)
        version = published_versions(connection).get(SNAPSHOT_TABLE)
        if not self._is_there(report.customers, as_of, version):
            raise NotFoundError(
                f"the snapshot as of {as_of} was purged by the rules of retention",
                next_step=f"run 'lingque tags run --as-of {as_of}' to compute it again",
            )
        return report

    def _is_there(self, customers: int, as_of: date, version: int | None) -> bool:
        """Are the rows of that day's snapshot still kept? One of nobody has none."""
        if not customers or version is None:
            return not customers
        known = self._days
        if known is None or known[0] != version:  # a version never changes, and its log takes long to read
            known = self._days = (version, frozenset(self._tables.slices(SNAPSHOT_TABLE, version)))
        return as_of.isoformat() in known[1]

    def recorded(self, connection: Connection, as_of: date) -> SnapshotReport:
        """What was noted of the newest snapshot of that day, also where its rows are kept no more. Raises
        `NotFoundError` where there never was one."""
        of_run = newest_run_id(connection, kind=SNAPSHOT_RUN, subject=as_of.isoformat())
        if of_run is None:
            raise NotFoundError(
                f"there is no snapshot as of {as_of}", next_step=f"run 'lingque tags run --as-of {as_of}'"
            )
        known = self._noted
        if known is None or known.run_id != of_run:  # a run never changes, and of many tags it takes long to read
            known = self._noted = _report(read_run(connection, of_run), as_of, already_done=True)
        return known

    def newest_day(self, connection: Connection) -> date | None:
        """The day of the newest snapshot, where there is one."""
        day = last_subject(connection, kind=SNAPSHOT_RUN)
        return None if day is None else date.fromisoformat(day)

    def tags_of(self, connection: Connection, as_of: date) -> pa.Table:
        """The published snapshot of that day: `customer_id`, `bucket`, `as_of` and every tag."""
        return self._published(connection, "snapshot", as_of)

    def values_of(self, connection: Connection, as_of: date, customer_id: int) -> dict[str, Any]:
        """Every tag of one customer in the published snapshot of that day. Raises `NotFoundError` where it has none."""
        report = self.find_snapshot(connection, as_of)
        ready = self.answering.daily_values(report.run_id, customer_id)
        if ready is not None:
            return dict(ready)
        bucket = int(bucket_of(np.array([customer_id], dtype=np.int64), buckets=self._buckets)[0])
        found = self._published(connection, "customer", as_of, bucket=bucket, customer_id=customer_id).to_pylist()
        if not found:
            raise NotFoundError(
                f"customer {customer_id} is not in the snapshot as of {as_of}",
                next_step="choose a day on which the customer was one",
            )
        return {name: value for name, value in found[0].items() if name in report.closures}

    def labels(self, catalog: Catalog, tag: Tag, as_of: date, *, known_by: Instant) -> pa.Table:
        """`customer_id` and the label, from everything known by that moment. For measuring and learning only."""
        morning = self._morning(as_of)
        return self._values(catalog, [tag.name], dataclasses.replace(morning, known_by=known_by))

    def features_and_label(
        self,
        catalog: Catalog,
        *,
        features: Sequence[str],
        population: str | None,
        target: str,
        as_of: date,
        known_by: Instant,
    ) -> pa.Table:
        """What a model learns from: `customer_id`, the features, the population (if named) and the target.

        One row per customer of that day, ordered by `customer_id`, in the population or not. Features and population
        are exactly what a snapshot of that morning would hold; the target is what is known of it by `known_by`.
        Nothing is published.
        """
        morning = self._morning(as_of)
        names = list(dict.fromkeys([*features, *([population] if population else [])]))
        known = self._values(catalog, names, morning)
        label = self._values(catalog, [target], dataclasses.replace(morning, known_by=known_by))
        # both are of the customers of that morning, in the same order
        return known.append_column(target, label.column(target))

    def horizon(self, catalog: Catalog, tag: Tag, as_of: date) -> Instant:
        """When the last event that the label speaks of is known."""
        return max(
            self._calendar.start_of(one.window.bounds(as_of)[1] + timedelta(days=one.contract.known_after_days - 1))
            for one in _closure_of(catalog, [tag.name])
            if isinstance(one, AggregateTag) and one.window is not None
        )

    def _morning(self, as_of: date) -> PointInTime:
        moment = self._calendar.start_of(as_of)
        return PointInTime(as_of=as_of, moment=moment, known_by=moment)

    def _values(self, catalog: Catalog, names: Sequence[str], at: PointInTime) -> pa.Table:
        """`customer_id` and these tags, ordered by `customer_id`."""
        needed = _closure_of(catalog, names)
        with self._database.reading() as connection:
            inputs = self._inputs(connection, catalog, needed, at.moment)
        with self._session() as session:
            rows = self._computation(session, catalog, at).run(needed, inputs)
        return rows.select(["customer_id", *names]).sort_by("customer_id").combine_chunks()

    def _inputs(self, connection: Connection, catalog: Catalog, tags: Sequence[Tag], moment: Instant) -> Inputs:
        versions = published_versions(connection)
        names = dict.fromkeys(tag.list.list for tag in tags if isinstance(tag, ListTag))
        links = self._links_as_of(connection, moment)
        customers = dict(
            zip(links.column("party_id").to_pylist(), links.column("customer_id").to_pylist(), strict=True)
        )
        manual = [tag for tag in tags if isinstance(tag, ManualTag)]
        return Inputs(
            versions={table: version for table, version in versions.items() if table in catalog.contracts},
            links=links,
            given={tag.name: given(connection, tag, customers, at=moment) for tag in manual},
            once_linked=self._once_linked(connection),
            members={name: self._members(connection, name, moment) for name in names},
        )

    def _members(self, connection: Connection, name: str, moment: Instant) -> Int64s:
        if self._lists is None:
            raise ConfigurationError(
                f"list '{name}' cannot be read: nobody keeps customer lists here",
                next_step="take the tags on it away",
            )
        return distinct(self._lists.members(connection, name, at=moment))

    def _content(self, tags: Iterable[Tag], closures: dict[str, str], inputs: Inputs) -> dict[str, Any]:
        """All that a snapshot's values depend on: equal content, equal values."""
        models = sorted({tag.model.model for tag in tags if isinstance(tag, ModelTag)})
        return {
            "closures": closures,
            "versions": dict(inputs.versions),
            "links": inputs.links.to_pylist(),
            "given": {name: one.digest() for name, one in inputs.given.items()},
            "lists": {name: hashlib.sha256(ids.tobytes()).hexdigest() for name, ids in inputs.members.items()},
            "models": {name: self._scorer.version(name) if self._scorer else "" for name in models},
        }

    def _computation(self, session: Session, catalog: Catalog, at: PointInTime) -> Computation:
        aggregation = Aggregation(
            session=session,
            tables=self._tables,
            buckets=self._buckets,
            at=at,
            calendar=self._calendar,
            kernels=self._kernels,
        )
        return Computation(session=session, catalog=catalog, aggregation=aggregation, scorer=self._scorer)

    def _published(self, connection: Connection, statement: str, as_of: date, **parameters: int) -> pa.Table:
        self.find_snapshot(connection, as_of)
        with self._session() as session:
            session.add_versions({SNAPSHOT_TABLE: published_versions(connection)[SNAPSHOT_TABLE]})
            return session.ask(SQL[statement].sql, {"as_of": as_of, **parameters})

    def _placed(self, batches: Iterable[pa.Table], as_of: date) -> Iterator[pa.Table]:
        """With the columns by which the table is clustered; the batches come in its order."""
        for rows in batches:
            buckets = bucket_of(rows.column("customer_id").to_numpy(), buckets=self._buckets)
            day = pa.array(np.full(rows.num_rows, (as_of - date(1970, 1, 1)).days, np.int32)).cast(pa.date32())
            yield rows.append_column("bucket", pa.array(buckets, pa.int32())).append_column("as_of", day)


def needed_until(catalog: Catalog, tags: Iterable[Tag], as_of: date) -> dict[str, date]:
    """Per table that labels look at after `as_of`: the last day they look at."""
    needed: dict[str, date] = {}
    for one in _closure_of(catalog, [tag.name for tag in tags]):
        if isinstance(one, AggregateTag) and one.window is not None and one.window.forward:
            last = one.window.bounds(as_of)[1] - timedelta(days=1)
            needed[one.contract.contract] = max(last, needed.get(one.contract.contract, last))
    return needed


def _closure_of(catalog: Catalog, names: Iterable[str]) -> list[Tag]:
    """The tags and all they are built on, inputs first."""
    needed = {catalog.tag(name).name for name in names}
    for other in reversed(list(catalog.tags.values())):
        if other.name in needed and not isinstance(other, AggregateTag):
            needed |= other.inputs
    return [other for name, other in catalog.tags.items() if name in needed]


def _report(run: Run, as_of: date, *, already_done: bool) -> SnapshotReport:
    return SnapshotReport(
        as_of=as_of,
        run_id=run.run_id,
        customers=run.summary["customers"],
        coverage={name: Coverage(**entry) for name, entry in run.summary["coverage"].items()},
        closures=run.summary["content"]["closures"],
        distributions={
            name: Distribution(**{field: tuple(entry[field]) for field in ("edges", "values", "shares")})
            for name, entry in run.summary.get("distributions", {}).items()  # the first releases counted none
        },
        drift=run.summary.get("drift", {}),
        notes=tuple(
            Note(tag=note["tag"], reason=Reason[note["reason"]], detail=note["detail"])
            for note in run.summary.get("notes", [])  # snapshots of the first release have none
        ),
        already_done=already_done,
    )
