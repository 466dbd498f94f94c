"""Receipts come in as files or as statements, whoever makes them: a gateway, a work-list system, a person with a
spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from lingque.core.clock import Instant, instant_of
from lingque.core.errors import SourceError
from lingque.core.reasons import Reason, Refusal
from lingque.deliver.receipts import OUTCOMES, RowProblem, Statement
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.store.chunks import chunks

REQUIRED = ("key", "outcome", "at")
ROWS_AT_ONCE = 500

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True, kw_only=True)
class ReceiptReport:
    """What receipts came to: rows read, new ones, ones taken before, and what somebody has to look at.

    `file` is the file's name, or what else they came from.
    """

    file: str
    read: int
    counted: int
    repeated: int
    outcomes: Mapping[str, int]
    problems: tuple[RowProblem, ...]


def read_receipts(services: Services, file: Path, actor: Principal) -> ReceiptReport | Refusal:
    """Take a CSV of `key,outcome,at[,note]`; read twice it counts once.

    Bad rows are reported by number (the first below the heading is 1) and do not stop the good ones. A time without an
    offset is one of the business time zone. Raises `SourceError` where the file itself cannot be read.
    """
    denied = refused(actor, Action.INGEST)
    if denied is not None:
        return traced(services, denied, actor, "read_receipts", file.name[:100])
    return _taken(services, list(_rows(file, services.calendar.time_zone)), actor, origin=file.name)


def take_receipts(
    services: Services, statements: Sequence[Statement], actor: Principal, *, origin: str
) -> ReceiptReport | Refusal:
    """Take statements that did not come as a file; said twice they count once. `origin` names where they came from."""
    denied = refused(actor, Action.INGEST)
    if denied is not None:
        return traced(services, denied, actor, "read_receipts", origin[:100])
    return _taken(services, statements, actor, origin=origin)


def _taken(
    services: Services, rows: Sequence[Statement | RowProblem], actor: Principal, *, origin: str
) -> ReceiptReport:
    statements = [row for row in rows if isinstance(row, Statement)]
    problems = [row for row in rows if isinstance(row, RowProblem)]
    counted = repeated = 0
    for part in chunks(statements, ROWS_AT_ONCE):
        with services.database.transaction() as connection:
            taken = services.receipts.take(connection, part, origin=origin)
            counted, repeated = counted + taken.counted, repeated + taken.repeated
            problems.extend(taken.problems)
    with services.database.transaction() as connection:
        services.audit.record(
            connection,
            actor=actor.user,
            act="read_receipts",
            subject=origin[:100],
            detail={"read": len(rows), "counted": counted, "repeated": repeated, "problems": len(problems)},
        )
    return ReceiptReport(
        file=origin,
        read=len(rows),
        counted=counted,
        repeated=repeated,
        outcomes=dict(sorted(Counter(statement.outcome for statement in statements).items())),
        problems=tuple(sorted(problems, key=lambda problem: problem.row)),
    )


def _rows(file: Path, zone: ZoneInfo) -> Iterator[Statement | RowProblem]:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{file} cannot be read ({error.strerror})", next_step="name the file that the receiver delivered"
        ) from error
    # a row that is not UTF-8 must not lose those around it
    reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig", errors="surrogateescape"), newline=""))
    missing = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
    if missing:
        raise SourceError(
            f"{file.name} has no column {', '.join(missing)}",
            next_step="its first line must be key,outcome,at or key,outcome,at,note; nothing of it was taken",
        )
    try:
        for number, row in enumerate(reader, start=1):
            yield _row(number, row, zone)
    except csv.Error as error:
        raise SourceError(
            f"{file.name} is not CSV near line {reader.line_num} ({error})", next_step="mend it; nothing was taken"
        ) from error


def _row(number: int, row: Mapping[str, str | None], zone: ZoneInfo) -> Statement | RowProblem:
    values = {name: (row[name] or "").strip() for name in (*REQUIRED, "note") if name in row}
    for name, value in values.items():
        if not value and name in REQUIRED:
            return RowProblem(row=number, field=name, reason=Reason.MISSING_VALUE)
        if not value.isprintable() and name != "note":
            return RowProblem(row=number, field=name, reason=Reason.VALUE_NOT_ALLOWED)
    outcome = next((known for known in OUTCOMES if known == values["outcome"]), None)
    if outcome is None:
        return RowProblem(row=number, field="outcome", reason=Reason.VALUE_NOT_ALLOWED)
    at = _moment(values["at"], zone)
    if at is None:
        return RowProblem(row=number, field="at", reason=Reason.NOT_A_TIMESTAMP)
    note = values.get("note", "").encode("utf-8", errors="replace").decode()
    return Statement(row=number, key=values["key"], outcome=outcome, at=at, note=note)


def _moment(text: str, zone: ZoneInfo) -> Instant | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant_of(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone))
