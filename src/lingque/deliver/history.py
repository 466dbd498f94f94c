"""The messages of one customer, for whoever tells their story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from lingque.core.clock import Instant
from lingque.core.ids import CustomerId
from lingque.core.reasons import Reason
from lingque.deliver.contracts import Status
from lingque.deliver.moves import FREED
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


@dataclass(frozen=True, kw_only=True)
class Made:
    """The newest contact with an offer that was made, may have been made, or still will be."""

    customer_id: int
    offer: str
    at: Instant


def offers_made(connection: Connection, customer_ids: Sequence[int] | None, offers: Sequence[str]) -> list[Made]:
    """Per customer and offer; of everybody, if no customers are named."""
    made = select(deliveries.c.customer_id, deliveries.c.offer, func.max(deliveries.c.queued_at).label("at")).where(
        deliveries.c.offer.in_(offers), deliveries.c.status.not_in(sorted(FREED))
    )
    if customer_ids is not None:
        made = made.where(deliveries.c.customer_id.in_(customer_ids))
    rows = connection.execute(made.group_by(deliveries.c.customer_id, deliveries.c.offer))
    return [Made(customer_id=row.customer_id, offer=row.offer, at=Instant(row.at)) for row in rows]
