"""Tables of events put in order again: many daily files become one, and files that nobody reads any more go.

Every row stays, in the order in which the table is kept; readers go on reading the files they opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from lingque.catalog.expressions.to_sql import quote
from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.errors import WarehouseError
from lingque.core.ids import run_id
from lingque.core.reasons import Refusal
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.ingest.load import order_of
from lingque.store.runs import Run, finish_run, published_versions, versions_since
from lingque.warehouse.compacting import BASE
from lingque.warehouse.tables import Slice

KIND = "compact"


@dataclass(frozen=True, kw_only=True)
class Compacted:
    """What became of a table: how many rows, in how many files before and now."""

    table: str
    rows: int
    files_before: int
    files: int


@dataclass(frozen=True, kw_only=True)
class Vacuumed:
    """How many files of a table went that no version of the last days holds."""

    table: str
    files: int


def compact_tables(services: Services, actor: Principal) -> Iterator[Compacted | Refusal]:
    """Every table of daily deliveries as one file, a table at a time; of one that is so already nothing is told.

    Killed and started again, it goes on with the table where it was. A day that is delivered again later takes the
    place of its rows as ever.
    """
    denied = refused(actor, Action.INGEST)
    if denied is not None:
        yield traced(services, denied, actor, "compact_tables", "tables")
        return
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        versions = published_versions(connection)
    for table in _daily(catalog):
        if table in versions and len(services.tables.slices(table, versions[table])) > 1:
            yield _compact(services, catalog, table, versions[table], actor)


def vacuum_tables(services: Services, actor: Principal, *, keep_days: int) -> Iterator[Vacuumed | Refusal]:
    """Delete files that no version holds which was current within the last days: whoever reads one is not disturbed,
    and what was published then can be looked at again."""
    denied = refused(actor, Action.INGEST)
    if denied is not None:
        yield traced(services, denied, actor, "vacuum_tables", "tables")
        return
    since = Instant(services.clock.now() - timedelta(days=keep_days) // timedelta(microseconds=1))
    with services.database.reading() as connection:
        kept = {table: versions_since(connection, table, since) for table in published_versions(connection)}
    for table, versions in sorted(kept.items()):
        files = services.tables.sweep(table, versions[-1], also=_there(services, table, versions[:-1]))
        with services.database.transaction() as connection:
            services.audit.record(
                connection, actor=actor.user, act="vacuum", subject=table, detail={"files": files, "days": keep_days}
            )
        yield Vacuumed(table=table, files=files)


def _daily(catalog: Catalog) -> list[str]:
    return [name for name, one in catalog.contracts.items() if one.kind == "event" and one.load != "full"]


def _there(services: Services, table: str, versions: list[int]) -> list[int]:
    """Those of the versions whose files are all there: an erasure takes older ones away for good."""
    found = []
    for version in dict.fromkeys(versions):
        try:
            if all(path.exists() for path in services.tables.files(table, version)):
                found.append(version)
        except WarehouseError:
            continue  # it was undone
    return found


def _compact(services: Services, catalog: Catalog, table: str, version: int, actor: Principal) -> Compacted:
    tables = services.tables
    before, slices = tables.files(table, version), tables.slices(table, version)
    run = run_id(KIND, table=table, published=version)
    target = Slice(table=table, name=BASE, order=order_of(catalog.contracts[table]))
    with services.session() as session:
        session.add_versions({table: version})
        file = session.write_sorted(
            f"SELECT * FROM {quote(table)}",  # noqa: S608 - the name of a contract
            target.order,
            required=tables.never_null(table, version),
        )
        rows = file.num_rows
        made = tables.commit(target, file, run_id=run, published=version, instead_of=slices)
    done = Compacted(table=table, rows=rows, files_before=len(before), files=len(tables.files(table, made)))
    summary = {"rows": rows, "files_before": done.files_before}
    finished = Run(run_id=run, kind=KIND, subject=table, finished_at=services.clock.now(), summary=summary)
    with services.database.transaction() as connection:
        finish_run(connection, finished, published={table: made})
        services.audit.record(connection, actor=actor.user, act="compact", subject=table, detail=dict(summary))
    return done
