"""What was corrected in quarantined rows, or dismissed from them: stored facts, laid over the delivery when it is
loaded again.

A correction names a row by source, data date, file, row number and the file's content. Nothing is patched in the data
plane: the corrections are part of the delivery's content, so the day is loaded once more, as a whole, and a row that
is still bad goes to the quarantine again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from sqlalchemy import Connection, insert, select

from lingque.catalog.definitions import DataContract
from lingque.catalog.expressions.to_sql import quote
from lingque.core.clock import Instant
from lingque.core.errors import ConflictError, NotFoundError, nearest
from lingque.core.hashing import digest_of
from lingque.govern.contracts import AuditTrail
from lingque.ingest.files import Delivery
from lingque.ingest.quarantine import Notes, QuarantinedRow, quarantined_row
from lingque.ingest.tables import corrections
from lingque.warehouse.engine import Session

RELATION = "_corrections"


@dataclass(frozen=True, kw_only=True)
class CorrectedRow:
    """A row of the delivery: the values that stand in place of those delivered, or that it is left out."""

    file: str
    row: int
    values: Mapping[str, str] = field(repr=False)
    dismissed: bool


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """All corrections of one delivery. `digest` changes with every correction; empty where there is none."""

    rows: tuple[CorrectedRow, ...] = ()
    digest: str = ""

    def laid_over(self, session: Session, mapping: str) -> tuple[str, int]:
        """The mapping with the corrections in it, and how many of its rows were dismissed.

        `mapping` is a SELECT with `_file` and `_row`; without corrections it comes back as it is.
        """
        if not self.rows:
            return mapping, 0
        session.add_arrow(RELATION, self._relation())
        join = f"FROM ({mapping}) AS mapped LEFT JOIN {RELATION} AS laid USING (_file, _row)"
        count = f"SELECT count(*) AS n {join} WHERE laid.dismissed"
        dismissed: int = session.ask(count).column("n")[0].as_py() if any(row.dismissed for row in self.rows) else 0
        replaced = ", ".join(
            f"CASE WHEN laid.{quote('has ' + name)} THEN laid.{quote('is ' + name)} "
            f"ELSE CAST(mapped.{quote(name)} AS VARCHAR) END AS {quote(name)}"
            for name in self._columns
        )
        columns = f"mapped.* REPLACE ({replaced})" if replaced else "mapped.*"
        return f"SELECT {columns} {join} WHERE laid.dismissed IS NOT TRUE", dismissed

    @property
    def _columns(self) -> list[str]:
        return sorted({name for row in self.rows for name in row.values})

    def _relation(self) -> pa.Table:
        columns: dict[str, pa.Array] = {
            "_file": pa.array([row.file for row in self.rows], pa.string()),
            "_row": pa.array([row.row for row in self.rows], pa.int64()),
            "dismissed": pa.array([row.dismissed for row in self.rows], pa.bool_()),
        }
        for name in self._columns:
            columns[f"has {name}"] = pa.array([name in row.values for row in self.rows], pa.bool_())
            columns[f"is {name}"] = pa.array([row.values.get(name) for row in self.rows], pa.string())
        return pa.table(columns)


NO_CORRECTIONS = Overlay()


def overlay_of(connection: Connection, delivery: Delivery, notes: Notes) -> Overlay:
    """The corrections that hold for the files of this delivery; of two on one value, the later one."""
    found = connection.execute(
        select(corrections)
        .where(corrections.c.source == delivery.source.source, corrections.c.data_date == delivery.data_date)
        .order_by(corrections.c.correction_id)
    ).all()
    holding = [row for row in found if delivery.digests.get(row.file_name) == row.file_digest]
    if not holding:
        return NO_CORRECTIONS
    values: dict[tuple[str, int], dict[str, str]] = {}
    dismissed: dict[tuple[str, int], bool] = {}
    for row in holding:
        place = (row.file_name, row.row_number)
        dismissed[place] = row.sealed_values is None
        changed = {} if row.sealed_values is None else json.loads(notes.open_note(row.sealed_values))
        values[place] = values.get(place, {}) | changed
    return Overlay(
        rows=tuple(
            CorrectedRow(file=place[0], row=place[1], values=values[place], dismissed=dismissed[place])
            for place in values
        ),
        digest=digest_of([row.correction_id for row in holding]),
    )


def correct(
    connection: Connection,
    quarantine_id: int,
    contract: DataContract,
    values: Mapping[str, str],
    *,
    notes: Notes,
    audit: AuditTrail,
    actor: str,
    at: Instant,
) -> QuarantinedRow:
    """State what stands in place of what was delivered; an empty text is no value. The next load judges the row anew.

    Raises `NotFoundError` for a row or column that is not there, `ConflictError` where the row was judged anew already.
    """
    row = _open_row(connection, quarantine_id)
    for name in values:
        if name not in contract.columns:
            raise NotFoundError(
                f"contract '{contract.contract}' has no column '{name}'",
                next_step=nearest(name, list(contract.columns)),
            )
    sealed = notes.seal_note(json.dumps(dict(values), ensure_ascii=False))
    _record(connection, row, sealed, "", actor, at)
    _trace(connection, audit, row, actor, "correct_quarantined_row", {"columns": sorted(values)})
    return row


def dismiss(
    connection: Connection, quarantine_id: int, *, comment: str, audit: AuditTrail, actor: str, at: Instant
) -> QuarantinedRow:
    """Leave the row out for good: the next load counts it as dismissed. Raises as `correct` does."""
    row = _open_row(connection, quarantine_id)
    _record(connection, row, None, comment, actor, at)
    _trace(connection, audit, row, actor, "dismiss_quarantined_row", {"comment": comment})
    return row


def _open_row(connection: Connection, quarantine_id: int) -> QuarantinedRow:
    row = quarantined_row(connection, quarantine_id)
    if not row.is_open or row.file_digest is None:
        raise ConflictError(
            f"quarantined row {quarantine_id} is not open any more: a later load has judged its data anew",
            next_step="'lingque quarantine list' shows the open ones",
        )
    return row


def _record(
    connection: Connection, row: QuarantinedRow, sealed: bytes | None, comment: str, actor: str, at: Instant
) -> None:
    connection.execute(
        insert(corrections).values(
            source=row.source,
            data_date=row.data_date,
            file_name=row.file,
            row_number=row.row,
            file_digest=row.file_digest,
            sealed_values=sealed,
            comment=comment,
            made_by=actor,
            made_at=at,
        )
    )


def _trace(
    connection: Connection, audit: AuditTrail, row: QuarantinedRow, actor: str, act: str, detail: dict[str, object]
) -> None:
    place = {"quarantine_id": row.quarantine_id, "file": row.file, "row": row.row}
    subject = f"{row.source}/{row.data_date.isoformat()}"
    audit.record(connection, actor=actor, act=act, subject=subject, detail={**place, **detail})
