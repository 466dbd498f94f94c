"""The audit trail: written in the transaction of the act, sealed in blocks afterwards (`lingque.govern.sealing`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from lingque.core.clock import Clock, Instant
from lingque.govern.contracts import AuditEntry
from lingque.govern.tables import audit, audit_blocks

MOST_LISTED = 1_000


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An entry as it stands in the trail; one that is not `sealed` is not protected yet."""

    number: int
    at: Instant
    actor: str
    act: str
    subject: str
    detail: Mapping[str, Any]
    sealed: bool


def entries_after(connection: Connection, number: int, *, most: int) -> list[Recorded]:
    """At most so many entries (and at most `MOST_LISTED`) after that one, in order."""
    sealed_to = connection.execute(select(func.coalesce(func.max(audit_blocks.c.last_id), 0))).scalar_one()
    rows = select(audit).where(audit.c.audit_id > number).order_by(audit.c.audit_id).limit(min(most, MOST_LISTED))
    return [
        Recorded(
            number=row.audit_id,
            at=Instant(row.at),
            actor=row.actor,
            act=row.act,
            subject=row.subject,
            detail=row.detail,
            sealed=row.audit_id <= sealed_to,
        )
        for row in connection.execute(rows)
    ]


class Audit:
    """Appends; offers no way to change or delete. Writers do not wait for each other: sealing comes later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def record(self, connection: Connection, *, actor: str, act: str, subject: str, detail: dict[str, object]) -> None:
        """`subject` and `detail` hold ids and reasons, never personal data."""
        self.record_all(connection, [AuditEntry(actor=actor, act=act, subject=subject, detail=detail)])

    def record_all(self, connection: Connection, entries: Sequence[AuditEntry]) -> None:
        """Many entries of one moment, in order."""
        if not entries:
            return
        at = self._clock.now()
        connection.execute(
            insert(audit),
            [
                {"at": at, "actor": one.actor, "act": one.act, "subject": one.subject, "detail": dict(one.detail)}
                for one in entries
            ],
        )
