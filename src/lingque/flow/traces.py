"""What is refused, and what is done about a request, leaves a trace."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from lingque.core.reasons import Refusal
from lingque.flow.services import Services
from lingque.govern.contracts import Principal
from lingque.govern.rights.requests import RightsRequest


def traced(services: Services, refusal: Refusal, actor: Principal, act: str, subject: str) -> Refusal:
    """The refusal, with a trace of its own."""
    with services.database.transaction() as connection:
        trace(services, connection, refusal, actor, act, subject)
    return refusal


def trace(
    services: Services, connection: Connection, refusal: Refusal, actor: Principal, act: str, subject: str
) -> None:
    """Record the refusal in the caller's transaction."""
    services.audit.record(
        connection,
        actor=actor.user,
        act=f"refused_{act}",
        subject=subject,
        detail={"reason": refusal.reason.name, "detail": refusal.detail},
    )


def trace_request(
    services: Services,
    connection: Connection,
    actor: Principal,
    act: str,
    request: RightsRequest,
    detail: Mapping[str, object],
) -> None:
    """Record what was done about a customer's request, in the caller's transaction."""
    services.audit.record(
        connection,
        actor=actor.user,
        act=act,
        subject=f"customer {request.customer_id}",
        detail={"request": request.request_id, **detail},
    )
