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
    ) -> None:
        """Give the message of this row (as it was read) its new status; `batch_id` None takes it out of its batch."""
        connection.execute(
            update(deliveries)
            .where(deliveries.c.delivery_id == work.delivery_id)
            .values(
                status=status,
                attempts=work.attempts if attempts is None else attempts,
                reason=None if reason is None else int(reason),
                note=note,
                batch_id=batch_id,
                changed_at=self.clock.now(),
            )
        )
        if status in COUNTED and work.status not in COUNTED:
            self.ledger.commit(connection, work.wave_id, work.customer_id, work.step)
        if status in FREED and work.status not in FREED:
            self.ledger.release(connection, work.wave_id, work.customer_id, work.step)

    def withdraw(self, connection: Connection, work: Any, status: Status, reason: Reason) -> None:
        """End a message that may stand in a batch already: the receiver of the batch is told by the next pump."""
        self.move(connection, work, status, reason=reason, batch_id=work.batch_id)
        if work.batch_id is not None:
            connection.execute(update(batches).where(batches.c.batch_id == work.batch_id).values(to_recall=True))
