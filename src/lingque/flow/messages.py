"""Messages that wait are sent, and what became of them is told, to whoever may know."""

from __future__ import annotations

from lingque.core.reasons import Refusal
from lingque.deliver.contracts import Fates, Pumped
from lingque.deliver.outbox import Progress, fates_of
from lingque.deliver.waiting import AllowedWave
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal


def send_messages(
    services: Services,
    actor: Principal,
    *,
    progress: Progress = lambda _done: None,
    allowed_wave: AllowedWave = lambda _connection, _wave: True,
) -> Pumped | Refusal:
    """Pump the outbox once. Raises `ChannelError` where a channel cannot be used; what is queued stays queued."""
    denied = refused(actor, Action.RUN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "send_messages", "outbox")
    return services.open_outbox().pump(progress=progress, allowed_wave=allowed_wave)


def status_of_messages(services: Services, wave_id: int, actor: Principal) -> Fates | Refusal:
    """What became of the wave's messages so far."""
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "read_messages", f"wave {wave_id}")
    with services.database.reading() as connection:
        return fates_of(connection, wave_id)
