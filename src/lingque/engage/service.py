"""Plans, their states, and contacts in the control database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select

from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError, nearest
from lingque.core.reasons import Reason, Refusal
from lingque.engage.contracts import Contact, Forecast, Plan, Stage, State
from lingque.engage.planning import stages_from_json, stages_to_json
from lingque.engage.tables import campaign_plans, campaign_states, contacts

FOLLOWS: dict[State, frozenset[State]] = {
    "planned": frozenset({"approved", "rejected"}),
    "approved": frozenset({"running"}),
    "rejected": frozenset({"approved", "rejected"}),
    "running": frozenset({"done"}),
    "done": frozenset(),
}
"""The life-cycle of a plan: which states may follow which."""


def save_plan(
    connection: Connection,
    *,
    campaign: str,
    digest: str,
    stages: tuple[Stage, ...],
    forecast: Forecast,
    by: str,
    at: Instant,
) -> Plan:
    """Keep the plan. Planning again what was planned last gives the plan that is there, with its state."""
    newest = find_plan(connection, campaign)
    if newest is not None and newest.digest == digest:
        return newest
    wave_id: int = connection.execute(
        insert(campaign_plans)
        .values(
            campaign=campaign,
            digest=digest,
            stages=stages_to_json(stages),
            forecast=dataclasses.asdict(forecast),
            planned_by=by,
            planned_at=at,
        )
        .returning(campaign_plans.c.wave_id)
    ).scalar_one()
    _write_state(connection, wave_id, "planned", by, at)
    return newest_plan(connection, campaign)


def find_plan(connection: Connection, campaign: str) -> Plan | None:
    """The last plan of the campaign, where there is one."""
    row = connection.execute(
        select(campaign_plans).where(campaign_plans.c.campaign == campaign).order_by(campaign_plans.c.wave_id.desc())
    ).first()
    return None if row is None else _plan(connection, row)


def newest_plan(connection: Connection, campaign: str) -> Plan:
    """The last plan of the campaign. Raises `NotFoundError` where there is none."""
    plan = find_plan(connection, campaign)
    if plan is None:
        known = list(connection.execute(select(campaign_plans.c.campaign).distinct()).scalars())
        raise NotFoundError(
            f"campaign '{campaign}' has no plan",
            next_step=f"run 'lingque campaign plan {campaign}'; planned so far: {nearest(campaign, known)}",
        )
    return plan


def cannot_become(connection: Connection, plan: Plan, to: State) -> Refusal | None:
    """Why the plan's present state does not lead there; nothing where it does."""
    now = _state(connection, plan.wave_id)
    if to in FOLLOWS[now]:
        return None
    return Refusal(reason=Reason.WRONG_STATE, detail=f"the plan of '{plan.campaign}' is {now}, it cannot be {to}")


def advance(connection: Connection, plan: Plan, to: State, *, by: str, at: Instant) -> None:
    """Move the plan on. A caller that did not ask `cannot_become` first gets a `ValueError`."""
    refusal = cannot_become(connection, plan, to)
    if refusal is not None:
        raise ValueError(refusal.detail)
    _write_state(connection, plan.wave_id, to, by, at)


def write_contacts(connection: Connection, entries: Iterable[Contact], *, at: Instant) -> int:
    """Write contacts and return how many. A contact that is there already breaks the transaction: that is a fault."""
    listed = list(entries)
    numbers = {offer: number for number, offer in enumerate(sorted({entry.offer for entry in listed}))}
    rows: list[dict[str, Any]] = [
        {
            "wave_id": entry.wave_id,
            "customer_id": entry.customer_id,
            "offer_number": numbers[entry.offer],
            "step": entry.step,
            "offer": entry.offer,
            "channel": entry.channel,
            "written_at": at,
        }
        for entry in sorted(listed, key=lambda entry: (entry.customer_id, entry.offer))
    ]
    if rows:
        connection.execute(insert(contacts), rows)
    return len(rows)


def _plan(connection: Connection, row: Any) -> Plan:
    return Plan(
        campaign=row.campaign,
        digest=row.digest,
        stages=stages_from_json(row.stages),
        forecast=Forecast(**row.forecast),
        planned_by=row.planned_by,
        planned_at=Instant(row.planned_at),
        state=_state(connection, row.wave_id),
        wave_id=row.wave_id,
    )


def _state(connection: Connection, wave_id: int) -> State:
    state: State = connection.execute(
        select(campaign_states.c.state)
        .where(campaign_states.c.wave_id == wave_id)
        .order_by(campaign_states.c.state_id.desc())
        .limit(1)
    ).scalar_one()
    return state


def _write_state(connection: Connection, wave_id: int, state: State, by: str, at: Instant) -> None:
    connection.execute(insert(campaign_states).values(wave_id=wave_id, state=state, actor=by, at=at))
