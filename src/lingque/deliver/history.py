"""The messages of one customer, for whoever tells their story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from lingque.core.clock import Instant
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason
from lingque.deliver.contracts import Status
from lingque.deliver.tables import deliveries


@dataclass(frozen=True, kw_only=True)
class MessageFate:
    """Where a message stands, and since when."""

    channel: str
    offer: str
    status: Status
    reason: Reason | None
    at: Instant


def messages_to(connection: Connection, wave_id: int, customer_id: CustomerId) -> tuple[MessageFate, ...]:
    """Every message of the wave to that customer, in the order in which they were queued."""
    rows = connection.execute(
        select(deliveries)
        .where(deliveries.c.wave_id == wave_id, deliveries.c.customer_id == customer_id)
        .order_by(deliveries.c.delivery_id)
    )
    return tuple(_fate(row) for row in rows)


def newest_messages_to(connection: Connection, customer_ids: Sequence[int], *, most: int) -> tuple[MessageFate, ...]:
    """The newest messages of all campaigns to a customer, the newest first; a customer may have had several ids."""
    rows = connection.execute(
        select(deliveries)
        .where(deliveries.c.customer_id.in_(customer_ids))
        .order_by(deliveries.c.delivery_id.desc())
        .limit(most)
    )
    return tuple(_fate(row) for row in rows)


def _fate(row: Any) -> MessageFate:
    return MessageFate(
        channel=row.channel,
        offer=row.offer,
        status=row.status,
        reason=None if row.reason is None else Reason(row.reason),
        at=Instant(row.changed_at),
    )
