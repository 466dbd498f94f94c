"""How a message's status changes: with its place in the contact ledger, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, update

from lingque.core.clock import Clock
from lingque.core.reasons import Reason
from lingque.deliver.contracts import REACHED, ContactLedger, Status
from lingque.deliver.tables import batches, deliveries

COUNTED: frozenset[Status] = REACHED | {"handed_over", "unknown"}
"""Contacts that were made, or may have been, for nobody can say that they were not. A task that is assigned has its
place reserved, and is counted when it is done."""

FREED: frozenset[Status] = frozenset({"declined", "expired", "failed", "refused", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class Moves:
    """The one place where the status of a message changes after it was queued."""

    ledger: ContactLedger
    clock: Clock

    def move(
        self,
        connection: Connection,
        work: Any,
        status: Status,
        *,
        reason: Reason | None = None,
        note: str = "",
        attempts: int | None = None,
        batch_id: str | None = None,
        was: Status | None = None,
    ) -> bool:
        """Give the message of this row its new status; `batch_id` None takes it out of its batch.

        False, and nothing changed, where its status is not `was` any more (None: the one it was read with).
        """
        before = was or work.status
        changed = connection.execute(
            update(deliveries)
            .where(deliveries.c.delivery_id == work.delivery_id, deliveries.c.status == before)
            .values(
                status=status,
                attempts=work.attempts if attempts is None else attempts,
                reason=None if reason is None else int(reason),
                note=note,
                batch_id=batch_id,
                changed_at=self.clock.now(),
            )
        )
        if not changed.rowcount:
            return False
        if status in COUNTED and before not in COUNTED:
            self.ledger.commit(connection, work.wave_id, work.customer_id, work.step)
        if status in FREED and before not in FREED:
            self.ledger.release(connection, work.wave_id, work.customer_id, work.step)
        return True

    def withdraw(self, connection: Connection, work: Any, status: Status, reason: Reason) -> bool:
        """End a message that may stand in a batch already: the receiver of the batch is told by the next pump."""
        if not self.move(connection, work, status, reason=reason, batch_id=work.batch_id):
            return False
        if work.batch_id is not None:
            connection.execute(update(batches).where(batches.c.batch_id == work.batch_id).values(to_recall=True))
        return True
