"""Consents that a bank's file brings: they wait for a second person where the bank asks for one.

What gives consent is staged; it counts for nothing until somebody else than who loaded the file has looked at how many
statements there are of which sort, and approved exactly those. What withdraws never waits (PIPL art. 15).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any, Literal

from sqlalchemy import Connection, case, delete, func, insert, select, update

from lingque.core.clock import Clock, Instant
from lingque.core.errors import ConflictError, NotFoundError
from lingque.core.hashing import canonical_json
from lingque.core.ids import PartyId
from lingque.core.labels import Label
from lingque.core.reasons import Reason, Refusal
from lingque.core.registries import DataClass, Purpose
from lingque.govern.contracts import AuditTrail, ConsentEntry, ConsentRegister
from lingque.govern.tables import consent_imports, consents, staged_consents, subjects
from lingque.store.chunks import chunks

ROWS_AT_ONCE = 20_000
ImportState = Literal["waiting", "approved", "rejected"]


class Standing(StrEnum):
    """What a staged statement would change, as the register stands now."""

    FIRST = "first"
    AGAIN = "again_after_withdrawal"
    RENEWED = "renewed"
    OVERTAKEN = "overtaken"

    @property
    def label(self) -> Label:
        return _STANDING_LABELS[self]


_STANDING_LABELS = {
    Standing.FIRST: Label(zh="首次同意", en="says yes for the first time"),
    Standing.AGAIN: Label(zh="撤回后再次同意", en="says yes again after a withdrawal"),
    Standing.RENEWED: Label(zh="续期或更改范围", en="has said yes already"),
    Standing.OVERTAKEN: Label(zh="已有更新的表态，不生效", en="has said something newer: without effect"),
}


@dataclass(frozen=True, kw_only=True)
class ConsentImport:
    """A delivery's statements that wait, or what became of them. `recorded` is how many were taken into the register:
    whoever was erased meanwhile is left out."""

    import_id: int
    subject: str
    digest: str
    statements: int
    state: ImportState
    submitted_by: str
    submitted_at: Instant
    decided_at: Instant | None
    recorded: int | None


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How many statements of an import are of one sort."""

    purpose: Purpose
    channel: str
    standing: Standing
    statements: int


class ConsentImports:
    """Made by `bootstrap`. `asks`: what gives consent waits for an approval; otherwise it is recorded at once."""

    def __init__(self, register: ConsentRegister, audit: AuditTrail, clock: Clock, *, asks: bool) -> None:
        self._register = register
        self._audit = audit
        self._clock = clock
        self._asks = asks

    def import_consents(
        self, connection: Connection, entries: Iterable[ConsentEntry], *, subject: str, by: str
    ) -> None:
        """Take what a delivery (`subject`) says, loaded `by` somebody. Statements already known stay as they are."""
        listed = list(entries)
        if not self._asks:
            self._register.record_consents(connection, listed)
            return
        self._register.record_consents(connection, [one for one in listed if one.action == "withdraw"])
        given = list({one.origin: one for one in listed if one.action == "give"}.values())
        known = _known(connection, [one.origin for one in given])
        new = [one for one in given if one.origin not in known]
        if new:
            self._stage(connection, new, subject=subject, by=by)

    def _stage(self, connection: Connection, entries: Sequence[ConsentEntry], *, subject: str, by: str) -> None:
        rows = [_row(position, entry) for position, entry in enumerate(entries)]
        digest = _digest(subject, rows)
        made = connection.execute(
            insert(consent_imports).values(
                subject=subject,
                digest=digest,
                statements=len(rows),
                state="waiting",
                submitted_by=by,
                submitted_at=self._clock.now(),
            )
        )
        (number,) = made.inserted_primary_key or (0,)
        for part in chunks(rows, ROWS_AT_ONCE):
            connection.execute(insert(staged_consents), [{"import_id": number, **row} for row in part])
        detail: dict[str, object] = {"import": int(number), "digest": digest, "statements": len(rows)}
        self._audit.record(connection, actor=by, act="stage_consents", subject=subject, detail=detail)

    def altered(self, connection: Connection, waiting: ConsentImport) -> Refusal | None:
        """Are the rows that wait other ones than those that were staged?"""
        rows = chain.from_iterable(_pages(connection, waiting.import_id))
        if _digest(waiting.subject, rows) == waiting.digest:
            return None
        detail = f"the statements of import {waiting.import_id} are not those that were staged; reject it"
        return Refusal(reason=Reason.CHANGED_SINCE_PLAN, detail=detail)

    def record(self, connection: Connection, waiting: ConsentImport) -> int:
        """Take what was staged into the register; how many statements, without those of who was erased meanwhile."""
        recorded = 0
        for part in _pages(connection, waiting.import_id):
            there = _there(connection, {row["party_id"] for row in part})
            entries = [_entry(row) for row in part if row["party_id"] in there]
            recorded += self._register.record_consents(connection, entries)
        return recorded

    def end(
        self, connection: Connection, waiting: ConsentImport, state: ImportState, *, recorded: int
    ) -> ConsentImport:
        """Say what became of it; the staged rows go."""
        number = waiting.import_id
        connection.execute(delete(staged_consents).where(staged_consents.c.import_id == number))
        connection.execute(
            update(consent_imports)
            .where(consent_imports.c.import_id == number)
            .values(state=state, decided_at=self._clock.now(), recorded=recorded)
        )
        return find_import(connection, number)


def all_imports(connection: Connection, *, everything: bool = False) -> list[ConsentImport]:
    """Those that wait, or all there were, the oldest first."""
    rows = select(consent_imports).order_by(consent_imports.c.import_id)
    if not everything:
        rows = rows.where(consent_imports.c.state == "waiting")
    return [_import(row) for row in connection.execute(rows)]


def find_import(connection: Connection, number: int) -> ConsentImport:
    """Raises `NotFoundError` where there is none."""
    row = connection.execute(select(consent_imports).where(consent_imports.c.import_id == number)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no import {number}", next_step="'lingque consents list' shows those that wait")
    return _import(row)


def waiting_import(connection: Connection, number: int) -> ConsentImport:
    """Raises `ConflictError` for one that was decided on already."""
    found = find_import(connection, number)
    if found.state != "waiting":
        raise ConflictError(f"import {number} is {found.state} already", next_step="a corrected file makes a new one")
    return found


def counted(connection: Connection, number: int) -> list[Counted]:
    """How many statements of which sort wait in this import."""
    staged, said, newer = staged_consents, consents, consents.alias()
    newest = (
        select(newer.c.consent_id)
        .where(
            newer.c.party_id == staged.c.party_id,
            newer.c.purpose == staged.c.purpose,
            newer.c.channel == staged.c.channel,
        )
        .order_by(newer.c.acted_at.desc(), newer.c.consent_id.desc())
        .limit(1)
        .correlate(staged)
        .scalar_subquery()
    )
    standing = case(
        (said.c.consent_id.is_(None), Standing.FIRST.value),
        (said.c.acted_at > staged.c.acted_at, Standing.OVERTAKEN.value),
        (said.c.given, Standing.RENEWED.value),
        else_=Standing.AGAIN.value,
    ).label("standing")
    sorts = (
        select(staged.c.purpose, staged.c.channel, standing)
        .select_from(staged.outerjoin(said, said.c.consent_id == newest))
        .where(staged.c.import_id == number)
        .subquery()
    )
    found = select(sorts, func.count().label("statements")).group_by(*sorts.c).order_by(*sorts.c)
    return [
        Counted(
            purpose=Purpose(row.purpose),
            channel=row.channel,
            standing=Standing(row.standing),
            statements=row.statements,
        )
        for row in connection.execute(found)
    ]


def _known(connection: Connection, origins: Sequence[str]) -> set[str]:
    """Which of these statements are in the register, or wait already."""
    found: set[str] = set()
    for part in chunks(origins):
        for table in (consents, staged_consents):
            found |= set(connection.execute(select(table.c.origin).where(table.c.origin.in_(part))).scalars())
    return found


def _there(connection: Connection, parties: set[int]) -> set[int]:
    found: set[int] = set()
    for part in chunks(sorted(parties)):
        found |= set(connection.execute(select(subjects.c.party_id).where(subjects.c.party_id.in_(part))).scalars())
    return found


def _row(position: int, entry: ConsentEntry) -> dict[str, Any]:
    return {
        "position": position,
        "party_id": int(entry.party_id),
        "purpose": int(entry.purpose),
        "channel": entry.channel,
        "data_classes": int(entry.data_classes),
        "by_guardian": entry.by_guardian,
        "acted_at": int(entry.acted_at),
        "expires_at": None if entry.expires_at is None else int(entry.expires_at),
        "wording_version": entry.wording_version,
        "evidence": entry.evidence,
        "origin": entry.origin,
    }


def _pages(connection: Connection, number: int) -> Iterator[list[dict[str, Any]]]:
    """The staged rows in order, some at a time: a bank's first import is of everybody."""
    columns = [column for column in staged_consents.c if column.name != "import_id"]
    wanted = select(*columns).where(staged_consents.c.import_id == number).order_by(staged_consents.c.position)
    after = -1
    while rows := connection.execute(wanted.where(staged_consents.c.position > after).limit(ROWS_AT_ONCE)).all():
        yield [dict(row._mapping) for row in rows]
        after = rows[-1].position


def _entry(row: dict[str, Any]) -> ConsentEntry:
    return ConsentEntry(
        party_id=PartyId(row["party_id"]),
        purpose=Purpose(row["purpose"]),
        channel=row["channel"],
        data_classes=DataClass(row["data_classes"]),
        action="give",
        acted_at=Instant(row["acted_at"]),
        wording_version=row["wording_version"],
        evidence=row["evidence"],
        origin=row["origin"],
        expires_at=None if row["expires_at"] is None else Instant(row["expires_at"]),
        by_guardian=row["by_guardian"],
    )


def _digest(subject: str, rows: Iterable[dict[str, Any]]) -> str:
    whole = hashlib.sha256(subject.encode())
    for row in rows:
        whole.update(canonical_json(row).encode() + b"\n")
    return whole.hexdigest()


def _import(row: Any) -> ConsentImport:
    return ConsentImport(
        import_id=row.import_id,
        subject=row.subject,
        digest=row.digest,
        statements=row.statements,
        state=row.state,
        submitted_by=row.submitted_by,
        submitted_at=Instant(row.submitted_at),
        decided_at=None if row.decided_at is None else Instant(row.decided_at),
        recorded=row.recorded,
    )
