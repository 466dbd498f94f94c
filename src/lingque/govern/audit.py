"""The audit trail: written in the transaction of the act."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from lingque.core.clock import Clock
from lingque.govern.tables import audit


class Audit:
    """Appends; offers no way to change or delete."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def record(self, connection: Connection, *, actor: str, act: str, subject: str, detail: dict[str, object]) -> None:
        """`subject` and `detail` hold ids and reasons, never personal data."""
        connection.execute(
            insert(audit).values(at=self._clock.now(), actor=actor, act=act, subject=subject, detail=detail)
        )
