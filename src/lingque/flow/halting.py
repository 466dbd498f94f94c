"""Pausing, going on, stopping, closing. None of these waits for the workspace: a stop works while messages go out."""

from __future__ import annotations

from lingque.core.reasons import Reason, Refusal
from lingque.engage.contracts import Plan, State
from lingque.engage.life_cycle import cannot_become, state_before_pause
from lingque.engage.service import advance, history_of, newest_plan
from lingque.flow.services import Services
from lingque.flow.traces import trace
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal


def pause_campaign(services: Services, name: str, actor: Principal, *, comment: str = "") -> Plan | Refusal:
    """From the next message on nothing of the wave goes out, until it is resumed."""
    return _move(services, name, "pause", actor, comment)


def resume_campaign(services: Services, name: str, actor: Principal, *, comment: str = "") -> Plan | Refusal:
    """Go on where it was paused; `run_campaign` then sends what is left."""
    return _move(services, name, "resume", actor, comment)


def stop_campaign(services: Services, name: str, actor: Principal, *, comment: str = "") -> Plan | Refusal:
    """For good: what is queued or waits for a person is cancelled, what was sent can still be measured."""
    return _move(services, name, "stop", actor, comment)


def close_campaign(services: Services, name: str, actor: Principal, *, comment: str = "") -> Plan | Refusal:
    """Nothing can be done with the plan any more but read it."""
    return _move(services, name, "close", actor, comment)


_NEEDS = {
    "pause": Action.HALT_CAMPAIGN,
    "resume": Action.RUN_CAMPAIGN,
    "stop": Action.HALT_CAMPAIGN,
    "close": Action.RUN_CAMPAIGN,
}


def _move(services: Services, name: str, what: str, actor: Principal, comment: str) -> Plan | Refusal:
    with services.database.transaction() as connection:
        plan = newest_plan(connection, name)
        state: State
        match what:
            case "pause":
                state = "paused"
            case "stop":
                state = "stopped"
            case "close":
                state = "closed"
            case _:
                state = "rolling_out"
                if plan.state == "paused":
                    state = state_before_pause([step.state for step in history_of(connection, plan.wave_id)])
        refusal = refused(actor, _NEEDS[what]) or cannot_become(plan, state)
        if refusal is not None:
            trace(services, connection, refusal, actor, f"{what}_campaign", name)
            return refusal
        moved = advance(connection, plan, state, by=actor.user, at=services.clock.now(), comment=comment)
        cancelled = 0
        if what == "stop":
            cancelled = services.open_outbox().cancel(connection, plan.wave_id, Reason.CAMPAIGN_STOPPED)
        services.audit.record(
            connection,
            actor=actor.user,
            act=f"{what}_campaign",
            subject=name,
            detail={"digest": plan.digest, "comment": comment, "cancelled": cancelled},
        )
        return moved
