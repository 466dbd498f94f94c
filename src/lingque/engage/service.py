"""Plans, their states, and contacts in the control database."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, insert, select

from lingque.core.clock import Instant
from lingque.core.errors import NotFoundError, nearest
from lingque.core.hashing import Int64s
from lingque.engage.contracts import (
    ChannelLimit,
    Contact,
    Forecast,
    HoursLimit,
    OfferLimit,
    Plan,
    SharedLimit,
    ShortUnit,
    Stage,
    State,
    Together,
)
from lingque.engage.life_cycle import SENDING, cannot_become
from lingque.engage.planning import stages_from_json, stages_to_json
from lingque.engage.tables import campaign_plans, campaign_states, contacts

_ASKED_SINGLY = 1_000
"""Beyond so many customers contacts are counted for everybody."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step in the life of a plan."""

    state: State
    by: str
    at: Instant
    comment: str


def save_plan(
    connection: Connection,
    *,
    campaign: str,
    digest: str,
    approval_digest: str,
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
            approval_digest=approval_digest,
            stages=stages_to_json(stages),
            forecast=dataclasses.asdict(forecast),
            planned_by=by,
            planned_at=at,
        )
        .returning(campaign_plans.c.wave_id)
    ).scalar_one()
    _write_state(connection, wave_id, "simulated", by, at, "")
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


def waves_of(connection: Connection, campaign: str) -> list[Plan]:
    """Every plan of the campaign, newest first."""
    rows = connection.execute(
        select(campaign_plans).where(campaign_plans.c.campaign == campaign).order_by(campaign_plans.c.wave_id.desc())
    )
    return [_plan(connection, row) for row in rows]


def campaigns_of(connection: Connection, digests: Collection[str]) -> dict[str, str]:
    """Which campaign each of these plans is one of; a digest that no plan has is left out."""
    rows = select(campaign_plans.c.digest, campaign_plans.c.campaign).where(campaign_plans.c.digest.in_(digests))
    return {row.digest: row.campaign for row in connection.execute(rows)}


def plan_of(connection: Connection, campaign: str, wave_id: int | None) -> Plan:
    """That wave of the campaign, or (None) its last plan. Raises `NotFoundError`."""
    if wave_id is None:
        return newest_plan(connection, campaign)
    row = connection.execute(
        select(campaign_plans).where(campaign_plans.c.wave_id == wave_id, campaign_plans.c.campaign == campaign)
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"campaign '{campaign}' has no wave {wave_id}", next_step=f"see 'lingque campaign waves {campaign}'"
        )
    return _plan(connection, row)


def earlier_waves(connection: Connection, plan: Plan) -> list[Plan]:
    """Waves before this one under the same approval, newest first."""
    return [
        wave
        for wave in waves_of(connection, plan.campaign)
        if wave.approval_digest == plan.approval_digest and wave.wave_id < plan.wave_id
    ]


def advance(connection: Connection, plan: Plan, to: State, *, by: str, at: Instant, comment: str = "") -> Plan:
    """Move the plan on and return it. A caller that did not ask `cannot_become` first gets a `ValueError`."""
    now = dataclasses.replace(plan, state=state_of_wave(connection, plan.wave_id))
    refusal = cannot_become(now, to)
    if refusal is not None:
        raise ValueError(refusal.detail)
    _write_state(connection, plan.wave_id, to, by, at, comment)
    return dataclasses.replace(plan, state=to)


def history_of(connection: Connection, wave_id: int) -> list[Step]:
    """Every state the plan was in, in order."""
    rows = connection.execute(
        select(campaign_states).where(campaign_states.c.wave_id == wave_id).order_by(campaign_states.c.state_id)
    )
    return [Step(state=row.state, by=row.actor, at=Instant(row.at), comment=row.comment) for row in rows]


def state_of_wave(connection: Connection, wave_id: int) -> State:
    """The state it is in now."""
    state: State = connection.execute(
        select(campaign_states.c.state)
        .where(campaign_states.c.wave_id == wave_id)
        .order_by(campaign_states.c.state_id.desc())
        .limit(1)
    ).scalar_one()
    return state


def plans_in(connection: Connection, states: Collection[State]) -> list[Plan]:
    """Every plan, of whatever campaign, that is in one of these states, oldest first."""
    newest = select(func.max(campaign_states.c.state_id)).group_by(campaign_states.c.wave_id)
    rows = connection.execute(
        select(campaign_plans)
        .join(campaign_states, campaign_states.c.wave_id == campaign_plans.c.wave_id)
        .where(campaign_states.c.state_id.in_(newest), campaign_states.c.state.in_(list(states)))
        .order_by(campaign_plans.c.wave_id)
    )
    return [_plan(connection, row) for row in rows]


def may_send(connection: Connection, wave_id: int) -> bool:
    """May messages of the wave go out at this moment? Asked again for each, so that a stop stops."""
    return state_of_wave(connection, wave_id) in SENDING


def overlap(connection: Connection, customer_ids: Int64s, *, other_than: str, since: Instant) -> dict[str, int]:
    """How many of these customers other campaigns contacted since then, by campaign, most first."""
    wanted = set(customer_ids.tolist())
    rows = connection.execute(
        select(campaign_plans.c.campaign, contacts.c.customer_id)
        .join(campaign_plans, campaign_plans.c.wave_id == contacts.c.wave_id)
        .where(contacts.c.written_at >= since, campaign_plans.c.campaign != other_than)
        .distinct()
    )
    counts = Counter(row.campaign for row in rows if row.customer_id in wanted)
    return dict(counts.most_common())


def contacts_since(connection: Connection, customer_ids: Int64s, *, channel: str, since: Instant) -> Int64s:
    """(n,) contacts written on that channel since then, to each customer."""
    written = select(contacts.c.customer_id, func.count()).where(
        contacts.c.channel == channel, contacts.c.written_at >= since
    )
    if len(customer_ids) <= _ASKED_SINGLY:
        written = written.where(contacts.c.customer_id.in_(customer_ids.tolist()))
    rows = connection.execute(written.group_by(contacts.c.customer_id)).all()
    counts = np.zeros(len(customer_ids), dtype=np.int64)
    if rows:
        of = np.array(sorted(tuple(row) for row in rows), dtype=np.int64)
        at = np.searchsorted(of[:, 0], customer_ids)
        found = of[np.minimum(at, len(of) - 1), 0] == customer_ids
        counts[found] = of[at[found], 1]
    return counts


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
        approval_digest=row.approval_digest,
        stages=stages_from_json(row.stages),
        forecast=_forecast(row.forecast),
        planned_by=row.planned_by,
        planned_at=Instant(row.planned_at),
        state=state_of_wave(connection, row.wave_id),
        wave_id=row.wave_id,
    )


def _forecast(content: dict[str, Any]) -> Forecast:
    """JSON knows lists only."""
    tuples = {
        key: tuple(content[key]) for key in ("conversions_interval", "profit_interval") if content.get(key) is not None
    }
    waterfall = tuple((str(step), int(count)) for step, count in content.get("waterfall", ()))
    limits: dict[str, Any] = {
        "limits": tuple(ChannelLimit(**limit) for limit in content.get("limits", ())),
        "offer_limits": tuple(OfferLimit(**limit) for limit in content.get("offer_limits", ())),
        "hours": _hours(content),
    }
    shared = content.get("together")
    if shared is not None:
        found = tuple(SharedLimit(**limit) for limit in shared["limits"])
        limits["together"] = Together(**{**shared, "limits": found, "hours": _hours(shared)})
    return Forecast(**{**content, **tuples, **limits, "waterfall": waterfall})


def _hours(content: dict[str, Any]) -> tuple[HoursLimit, ...]:
    return tuple(
        HoursLimit(**{**one, "short": tuple(ShortUnit(**unit) for unit in one["short"])})
        for one in content.get("hours", ())
    )


def _write_state(connection: Connection, wave_id: int, state: State, by: str, at: Instant, comment: str) -> None:
    connection.execute(insert(campaign_states).values(wave_id=wave_id, state=state, actor=by, at=at, comment=comment))
