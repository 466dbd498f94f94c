"""Messages that wait are sent, and what became of them is told, to whoever may know."""

from __future__ import annotations

from lingque.core.reasons import Reason, Refusal
from lingque.deliver.contracts import Fates, Pumped
from lingque.deliver.outbox import Progress, fates_of
from lingque.engage.service import may_send, stopped_waves
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal


def send_messages(
    services: Services,
    actor: Principal,
    *,
    progress: Progress = lambda _done: None,
) -> Pumped | Refusal:
    """Pump the outbox once. Raises `ChannelError` where a channel cannot be used; what is queued stays queued."""
    denied = refused(actor, Action.RUN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "send_messages", "outbox")
    return send_waiting(services, progress=progress)


def send_waiting(services: Services, *, progress: Progress) -> Pumped:
    """Send what waits of waves that may send; what a crash put back into the queue of a stopped one is cancelled."""
    outbox = services.open_outbox()
    with services.database.transaction() as connection:
        for wave in stopped_waves(connection):
            outbox.cancel(connection, wave, Reason.CAMPAIGN_STOPPED)
    return outbox.pump(progress=progress, allowed_wave=may_send)


def status_of_messages(services: Services, wave_id: int, actor: Principal) -> Fates | Refusal:
    """What became of the wave's messages so far."""
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "read_messages", f"wave {wave_id}")
    with services.database.reading() as connection:
        return fates_of(connection, wave_id)
