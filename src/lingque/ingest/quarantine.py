"""Rows that broke a rule: kept under seal, counted openly, opened one by one, and never without a trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from lingque.catalog.definitions import DataContract
from lingque.core.errors import NotFoundError
from lingque.core.ids import RunId
from lingque.core.reasons import Reason
from lingque.govern.contracts import AuditTrail
from lingque.ingest.files import Delivery
from lingque.ingest.tables import corrections, quarantine
from lingque.store.runs import runs

SEPARATOR = "\x1f"


class Notes(Protocol):
    """Seals text that may hold identifiers, and opens it again. The vault does."""

    def seal_note(self, text: str) -> bytes: ...

    def open_note(self, sealed: bytes) -> str: ...


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row for the quarantine. `content` may hold identifiers."""

    file: str
    row: int
    reasons: tuple[tuple[str, Reason], ...]
    content: str


@dataclass(frozen=True, kw_only=True)
class QuarantinedRow:
    """What may be known of a quarantined row without opening it. `open`: no later load has judged it anew."""

    quarantine_id: int
    source: str
    data_date: date
    file: str
    row: int
    reasons: tuple[tuple[str, Reason], ...]
    file_digest: str | None
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class QuarantineCount:
    """How many rows of a source's day broke one rule, and the lowest of their numbers."""

    source: str
    data_date: date
    column: str
    reason: Reason
    rows: int
    first_id: int
    is_open: bool


def keep_bad_rows(
    connection: Connection,
    delivery: Delivery,
    run: RunId,
    rows: Sequence[BadRow],
    *,
    holds_all: bool,
    seal: Callable[[str], bytes],
) -> None:
    """Put the rows of a run into the quarantine, in the place of those the same run put there before.

    What earlier runs of the same data date left is superseded, and where a delivery holds everything, what those of
    earlier data dates left too.
    """
    connection.execute(delete(quarantine).where(quarantine.c.run_id == run))
    same = quarantine.c.data_date <= delivery.data_date if holds_all else quarantine.c.data_date == delivery.data_date
    connection.execute(
        update(quarantine)
        .where(quarantine.c.source == delivery.source.source, same, quarantine.c.superseded_by.is_(None))
        .values(superseded_by=run)
    )
    values = [
        {
            "run_id": run,
            "source": delivery.source.source,
            "data_date": delivery.data_date,
            "file_name": bad.file,
            "row_number": bad.row,
            "reasons": [{"column": column, "reason": reason.name} for column, reason in bad.reasons],
            "sealed_row": seal(bad.content),
            "file_digest": delivery.digests.get(bad.file),
        }
        for bad in rows
    ]
    if values:
        connection.execute(insert(quarantine), values)


def reopen(connection: Connection, delivery: Delivery, run: RunId) -> None:
    """The content of that run is what lies there again: its rows are open, those of other runs on the day are not."""
    source, day = quarantine.c.source == delivery.source.source, quarantine.c.data_date == delivery.data_date
    other = (quarantine.c.run_id != run, quarantine.c.superseded_by.is_(None))
    connection.execute(update(quarantine).where(source, day, *other).values(superseded_by=run))
    connection.execute(update(quarantine).where(quarantine.c.run_id == run).values(superseded_by=None))


def counted_quarantine(
    connection: Connection, *, source: str | None = None, data_date: date | None = None, open_only: bool = True
) -> list[QuarantineCount]:
    """Rows by source, data date, column and reason; a row that broke several rules counts under each."""
    wanted = select(quarantine).order_by(quarantine.c.source, quarantine.c.data_date, quarantine.c.quarantine_id)
    if source is not None:
        wanted = wanted.where(quarantine.c.source == source)
    if data_date is not None:
        wanted = wanted.where(quarantine.c.data_date == data_date)
    if open_only:
        wanted = wanted.where(quarantine.c.superseded_by.is_(None))
    counts: Counter[tuple[str, date, str, Reason, bool]] = Counter()
    first: dict[tuple[str, date, str, Reason, bool], int] = {}
    for row in connection.execute(wanted.with_only_columns(*_PLAIN)):
        found = _row(row)
        for column, reason in found.reasons:
            group = (found.source, found.data_date, column, reason, found.is_open)
            counts[group] += 1
            first.setdefault(group, found.quarantine_id)
    return [
        QuarantineCount(
            source=group[0],
            data_date=group[1],
            column=group[2],
            reason=group[3],
            is_open=group[4],
            rows=rows,
            first_id=first[group],
        )
        for group, rows in counts.items()
    ]


def quarantined_row(connection: Connection, quarantine_id: int) -> QuarantinedRow:
    """Raises `NotFoundError` where there is none of that number."""
    row = connection.execute(select(*_PLAIN).where(quarantine.c.quarantine_id == quarantine_id)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"there is no quarantined row {quarantine_id}", next_step="'lingque quarantine list' shows the numbers"
        )
    return _row(row)


def reveal(
    connection: Connection,
    quarantine_id: int,
    contract: DataContract,
    *,
    notes: Notes,
    audit: AuditTrail,
    actor: str,
) -> dict[str, str]:
    """The row's values by column, as they were delivered. Leaves a trace in the caller's transaction.

    Where the contract has other columns than it had then, the values go by their position. Raises `NotFoundError`.
    """
    row = quarantined_row(connection, quarantine_id)
    sealed = connection.execute(
        select(quarantine.c.sealed_row).where(quarantine.c.quarantine_id == quarantine_id)
    ).scalar_one()
    audit.record(
        connection,
        actor=actor,
        act="reveal_quarantined_row",
        subject=f"{row.source}/{row.data_date.isoformat()}",
        detail={"quarantine_id": quarantine_id, "file": row.file, "row": row.row},
    )
    values = notes.open_note(sealed).split(SEPARATOR)
    names = list(contract.columns)
    if len(names) != len(values):
        names = [f"value {number}" for number in range(1, len(values) + 1)]
    return dict(zip(names, values, strict=True))


def corrected_days(connection: Connection, source: str) -> set[date]:
    """The data dates of which a row was corrected or dismissed after they were last loaded."""
    made = select(corrections.c.data_date, func.max(corrections.c.made_at).label("at")).group_by(
        corrections.c.data_date
    )
    finished = select(runs.c.subject, func.max(runs.c.finished_at).label("at")).group_by(runs.c.subject)
    days = connection.execute(made.where(corrections.c.source == source)).all()
    subjects = [f"{source}/{row.data_date.isoformat()}" for row in days]
    loaded = {row.subject: row.at for row in connection.execute(finished.where(runs.c.subject.in_(subjects)))}
    return {row.data_date for subject, row in zip(subjects, days, strict=True) if row.at >= loaded.get(subject, 0)}


_PLAIN = [column for column in quarantine.c if column.name != "sealed_row"]


def _row(row: Row[Any]) -> QuarantinedRow:
    return QuarantinedRow(
        quarantine_id=row.quarantine_id,
        source=row.source,
        data_date=row.data_date,
        file=row.file_name,
        row=row.row_number,
        reasons=tuple((broken["column"], Reason[broken["reason"]]) for broken in row.reasons),
        file_digest=row.file_digest,
        is_open=row.superseded_by is None,
    )
