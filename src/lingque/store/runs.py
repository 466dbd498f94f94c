"""Runs and publications: how one piece of work becomes true in both planes (docs/adr/0008-run-ids-across-planes.md).

A run writes its files to the data plane under its deterministic id; then one control transaction records the
run and publishes the version that holds them, together with whatever else the run decided. Readers see
published versions only, so a run that died half-way is invisible, and running it again completes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Integer, String, Table, bindparam, func, insert, select

from lingque.core.clock import Instant
from lingque.core.ids import RunId
from lingque.store.schema import METADATA, InstantColumn, JsonColumn, SerialKey

runs = Table(
    "runs",
    METADATA,
    Column("run_id", String(64), primary_key=True),
    Column("run_number", Integer, nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(160), nullable=False, index=True),
    Column("finished_at", InstantColumn, nullable=False),
    Column("summary", JsonColumn, nullable=False),
)

publications = Table(
    "publications",
    METADATA,
    Column("publication_id", SerialKey, primary_key=True),
    Column("table_name", String(64), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("published_at", InstantColumn, nullable=False),
)

# Built once: every reader of the data plane asks them, and to build one takes longer than to answer it.
_NEWEST_RUN = (
    select(runs.c.run_id)
    .where(runs.c.kind == bindparam("kind"), runs.c.subject == bindparam("subject"))
    .order_by(runs.c.run_number.desc())
    .limit(1)
)
_LAST_SUBJECT = select(func.max(runs.c.subject)).where(runs.c.kind == bindparam("kind"))
_NEWEST_VERSIONS = (
    select(publications.c.table_name, publications.c.version)
    .where(
        publications.c.publication_id.in_(
            select(func.max(publications.c.publication_id)).group_by(publications.c.table_name)
        )
    )
    .order_by(publications.c.publication_id)
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished piece of work: what kind, and on what (a source's day, a snapshot's day, a plan)."""

    run_id: RunId
    kind: str
    subject: str
    finished_at: Instant
    summary: dict[str, Any]


def newest_run(connection: Connection, *, kind: str, subject: str) -> Run | None:
    """The last run of that kind on that subject, where there is one."""
    row = connection.execute(
        select(runs).where(runs.c.kind == kind, runs.c.subject == subject).order_by(runs.c.run_number.desc())
    ).first()
    return None if row is None else _run(row)


def newest_run_id(connection: Connection, *, kind: str, subject: str) -> RunId | None:
    """Which run that was, without what it noted."""
    found = connection.execute(_NEWEST_RUN, {"kind": kind, "subject": subject}).scalar()
    return None if found is None else RunId(found)


def find_run(connection: Connection, run_id: str) -> Run | None:
    """The run of that id, where there is one."""
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
    return None if row is None else _run(row)


def read_run(connection: Connection, run_id: RunId) -> Run:
    """The run of that id, which is there."""
    return _run(connection.execute(select(runs).where(runs.c.run_id == run_id)).one())


def runs_of(connection: Connection, *, kind: str, subject: str) -> list[Run]:
    """Every run of that kind on that subject, in order."""
    rows = connection.execute(
        select(runs).where(runs.c.kind == kind, runs.c.subject == subject).order_by(runs.c.run_number)
    )
    return [_run(row) for row in rows]


def _run(row: Any) -> Run:
    return Run(
        run_id=RunId(row.run_id),
        kind=row.kind,
        subject=row.subject,
        finished_at=Instant(row.finished_at),
        summary=row.summary,
    )


def subjects_of(connection: Connection, *, kind: str, beginning: str) -> list[str]:
    """On which subjects that begin so there were runs of that kind, each once, in their order."""
    begins = runs.c.subject.startswith(beginning, autoescape=True)
    found = select(runs.c.subject).where(runs.c.kind == kind, begins).distinct().order_by(runs.c.subject)
    return list(connection.execute(found).scalars())


def last_subject(connection: Connection, *, kind: str) -> str | None:
    """The last in their order of the subjects on which there were runs of that kind."""
    found: str | None = connection.execute(_LAST_SUBJECT, {"kind": kind}).scalar()
    return found


def finish_run(connection: Connection, run: Run, *, published: dict[str, int]) -> None:
    """Record the run and publish the table versions it wrote, in the caller's transaction."""
    number = connection.execute(select(func.coalesce(func.max(runs.c.run_number), 0))).scalar_one() + 1
    connection.execute(
        insert(runs).values(
            run_id=run.run_id,
            run_number=number,
            kind=run.kind,
            subject=run.subject,
            finished_at=run.finished_at,
            summary=run.summary,
        )
    )
    for table, version in published.items():
        connection.execute(
            insert(publications).values(
                table_name=table, version=version, run_id=run.run_id, published_at=run.finished_at
            )
        )


def published_versions(connection: Connection) -> dict[str, int]:
    """The newest published version of every table that has one."""
    return {row.table_name: row.version for row in connection.execute(_NEWEST_VERSIONS)}


def versions_since(connection: Connection, table: str, moment: Instant) -> list[int]:
    """The versions of the table that were published since, and the one that was current at that moment."""
    ordered = (
        select(publications.c.version, publications.c.published_at)
        .where(publications.c.table_name == table)
        .order_by(publications.c.publication_id)
    )
    rows = connection.execute(ordered).all()
    before = [row.version for row in rows if row.published_at <= moment]
    return [*before[-1:], *(row.version for row in rows if row.published_at > moment)]
