"""Messages that wait are sent, and what became of them is told, to whoever may know."""

from __future__ import annotations

from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Fates, Pumped
from lingque.deliver.outbox import Progress, fates_of
from lingque.engage.life_cycle import WHEN_ALL_HAS_LEFT
from lingque.engage.service import advance, may_send, plans_in
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import beyond_reach


def send_messages(
    services: Services,
    actor: Principal,
    *,
    progress: Progress = lambda _done: None,
) -> Pumped | Refusal:
    """Pump the outbox once. Raises `ChannelError` where a channel cannot be used; what is queued stays queued."""
    with services.database.reading() as connection:
        # what waits is of every campaign, not of one's own only
        denied = refused(actor, Action.RUN_CAMPAIGN) or beyond_reach(connection, actor, "")
    if denied is not None:
        return traced(services, denied, actor, "send_messages", "outbox")
    return send_waiting(services, actor, progress=progress)


def send_waiting(services: Services, actor: Principal, *, progress: Progress) -> Pumped:
    """Send what waits of waves that may send; what a crash put back into the queue of a stopped one is cancelled.

    A wave whose last message has left moves on, whichever command sent it.
    """
    outbox = services.open_outbox()
    with services.database.transaction() as connection:
        for plan in plans_in(connection, ["stopped"]):
            outbox.cancel(connection, plan.wave_id, Reason.CAMPAIGN_STOPPED)
    pumped = outbox.pump(progress=progress, allowed_wave=may_send)
    with services.database.transaction() as connection:
        for plan in plans_in(connection, WHEN_ALL_HAS_LEFT):
            if not fates_of(connection, plan.wave_id).waiting:
                advance(connection, plan, WHEN_ALL_HAS_LEFT[plan.state], by=actor.user, at=services.clock.now())
    return pumped


def status_of_messages(services: Services, wave_id: int, actor: Principal) -> Fates | Refusal:
    """What became of the wave's messages so far."""
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "read_messages", f"wave {wave_id}")
    with services.database.reading() as connection:
        return fates_of(connection, wave_id)
