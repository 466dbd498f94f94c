"""A refusal leaves a trace, as an act does."""

from __future__ import annotations

from sqlalchemy import Connection

from lingque.core.reasons import Refusal
from lingque.flow.services import Services
from lingque.govern.contracts import Principal


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
