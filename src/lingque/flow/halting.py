"""Pausing, going on, stopping, closing. None of these waits for the workspace: a stop works while messages go out.

Each moves every wave of the campaign that can be moved so: of one that comes again, a stop ends all that is under way.
"""

from __future__ import annotations

from sqlalchemy import Connection

from lingque.core.reasons import Reason, Refusal
from lingque.engage.contracts import Plan, State
from lingque.engage.life_cycle import FOLLOWS, cannot_become, state_before_pause
from lingque.engage.service import advance, history_of, newest_plan, waves_of
from lingque.flow.services import Services
from lingque.flow.traces import trace
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import beyond_reach


def pause_campaign(services: Services, name: str, actor: Principal, *, comment: str = "") -> Plan | Refusal:
    """From the next message on nothing of the campaign goes out, and no new wave begins, until it is resumed."""
    return _move(services, name, "pause", actor, comment)


def resume_campaign(services: Services, name: str, actor: Principal, *, comment: str = "") -> Plan | Refusal:
    """Go on where it was paused; `run_campaign` then sends what is left."""
    return _move(services, name, "resume", actor, comment)


def stop_campaign(services: Services, name: str, actor: Principal, *, comment: str = "") -> Plan | Refusal:
    """For good: what is queued or waits for a person is cancelled, what was sent can still be measured.

    The approval ends with it: whatever is planned afterwards has to be reviewed and approved anew.
    """
    return _move(services, name, "stop", actor, comment)


def close_campaign(services: Services, name: str, actor: Principal, *, comment: str = "") -> Plan | Refusal:
    """Nothing can be done with what was evaluated or stopped any more but read it."""
    return _move(services, name, "close", actor, comment)


_NEEDS = {
    "pause": Action.HALT_CAMPAIGN,
    "resume": Action.RUN_CAMPAIGN,
    "stop": Action.HALT_CAMPAIGN,
    "close": Action.RUN_CAMPAIGN,
}
_LEADS_TO: dict[str, State] = {"pause": "paused", "resume": "rolling_out", "stop": "stopped", "close": "closed"}


def _move(services: Services, name: str, what: str, actor: Principal, comment: str) -> Plan | Refusal:
    with services.database.transaction() as connection:
        movable = [wave for wave in waves_of(connection, name) if _can(wave, what)]
        reach = {wave.organisation for wave in waves_of(connection, name)}
        refusal = refused(actor, _NEEDS[what]) or next(
            (beyond for one in sorted(reach) if (beyond := beyond_reach(connection, actor, one))), None
        )
        if refusal is None and not movable:
            refusal = cannot_become(newest_plan(connection, name), _LEADS_TO[what])
        if refusal is not None:
            trace(services, connection, refusal, actor, f"{what}_campaign", name)
            return refusal
        moved = [_moved(services, connection, wave, what, actor, comment) for wave in movable]
        return moved[0]


def _can(wave: Plan, what: str) -> bool:
    return wave.state == "paused" if what == "resume" else _LEADS_TO[what] in FOLLOWS[wave.state]


def _moved(services: Services, connection: Connection, wave: Plan, what: str, actor: Principal, comment: str) -> Plan:
    state = _LEADS_TO[what]
    if what == "resume":
        state = state_before_pause([step.state for step in history_of(connection, wave.wave_id)])
    moved = advance(connection, wave, state, by=actor.user, at=services.clock.now(), comment=comment)
    cancelled = 0
    if what == "stop":
        cancelled = services.open_outbox().cancel(connection, wave.wave_id, Reason.CAMPAIGN_STOPPED)
    services.audit.record(
        connection,
        actor=actor.user,
        act=f"{what}_campaign",
        subject=wave.campaign,
        detail={"digest": wave.digest, "wave": wave.wave_id, "comment": comment, "cancelled": cancelled},
    )
    return moved
