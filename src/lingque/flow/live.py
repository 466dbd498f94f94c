"""What is known of one customer right now: made ready by one who may, looked at by those who answer for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lingque.core.clock import Instant
from lingque.core.ids import CustomerId
from lingque.core.reasons import Refusal
from lingque.flow.intake import make_ready
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import outside_scope
from lingque.profile.contracts import Freshness
from lingque.profile.filling import Progress


@dataclass(frozen=True, kw_only=True)
class LiveTagsOf:
    """A customer's live tags at a moment, and what was known when they were worked out."""

    customer_id: CustomerId
    at: Instant
    values: Mapping[str, Any]
    freshness: Freshness


def fill_live(services: Services, actor: Principal, told: Progress) -> Freshness | Refusal:
    """Bring what answers about one customer at a time up to what is published; `told` how far it is."""
    denied = refused(actor, Action.RUN_TAGS)
    if denied is not None:
        return traced(services, denied, actor, "fill_live", "live tags")
    make_ready(services, told)
    return services.profile.answering.freshness()


def show_live(
    services: Services, customer_id: CustomerId, actor: Principal, *, at: Instant | None = None
) -> LiveTagsOf | Refusal:
    """The customer's live tags now, or at that moment. The trail says who looked.

    Raises `NotFoundError` for nobody's number, for a moment before what is kept, and where nothing was made ready.
    """
    with services.database.reading() as connection:
        refusal = refused(actor, Action.READ_CUSTOMER) or outside_scope(connection, actor, customer_id, services.homes)
    if refusal is not None:
        return traced(services, refusal, actor, "show_live", "a customer")
    moment = services.clock.now() if at is None else at
    answering = services.profile.answering
    found = LiveTagsOf(
        customer_id=customer_id,
        at=moment,
        values=answering.live_values(customer_id, moment),
        freshness=answering.freshness(),
    )
    with services.database.transaction() as connection:
        services.audit.record(
            connection, actor=actor.user, act="show_live", subject=f"customer {customer_id}", detail={}
        )
    return found
