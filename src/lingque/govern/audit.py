"""The audit trail: written in the transaction of the act, sealed in blocks afterwards (`lingque.govern.sealing`)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from lingque.core.clock import Clock
from lingque.govern.contracts import AuditEntry
from lingque.govern.tables import audit


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
