"""Planning a campaign: stages and a forecast, kept to be explained, reviewed and approved."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection

from lingque.core.clock import Instant, shift
from lingque.core.reasons import Reason, Refusal
from lingque.engage.contracts import Decide, Plan, State
from lingque.engage.planning import approval_digest_of, digest_of_plan, stages_of
from lingque.engage.schedule import is_due
from lingque.engage.service import advance, earlier_waves, history_of, overlap, save_plan
from lingque.flow.approving import approvers_of
from lingque.flow.deciding import decide_stages
from lingque.flow.forecasting import forecast_of, stale
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.approvals import newest_decision, not_approved
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import beyond_reach

OVERLAP_DAYS = 30
"""How far back a plan looks for contacts of other campaigns."""


def plan_campaign(services: Services, name: str, as_of: date, actor: Principal) -> Plan | Refusal:
    """Stages and a forecast, kept to be explained and approved. Sends nothing, spends nothing."""
    denied = refused(actor, Action.PLAN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "plan_campaign", name)
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        beyond = beyond_reach(connection, actor, catalog.campaign(name).organisation)
    if beyond is not None:
        return traced(services, beyond, actor, "plan_campaign", name)
    schedule = catalog.campaign(name).schedule
    if schedule is not None and not is_due(schedule, as_of):
        early = Refusal(
            reason=Reason.NOT_DUE,
            detail=f"{as_of} is no day of '{name}': every {schedule.every}, {schedule.first} until {schedule.until}",
        )
        return traced(services, early, actor, "plan_campaign", name)
    now = services.clock.now()
    with services.database.reading() as connection:
        snapshot = services.profile.find_snapshot(connection, as_of)
        old = stale(catalog, name, snapshot)
        if old is not None:
            return traced(services, old, actor, "plan_campaign", name)
        stages = stages_of(catalog, name, as_of=as_of, snapshot=snapshot.run_id)
        decided = decide_stages(services, connection, catalog, stages, moment=now)
        contacted = decided.decisions.requests.customer_ids[decided.decisions.contacted]
        since = services.calendar.start_of(shift(services.calendar.day_of(now), count=-OVERLAP_DAYS, unit="day"))
        others = overlap(connection, contacted, other_than=name, since=since)
    choice = next(stage for stage in stages if isinstance(stage, Decide))
    digest = digest_of_plan(catalog, name, stages)
    with services.database.transaction() as connection:
        plan = save_plan(
            connection,
            campaign=name,
            digest=digest,
            approval_digest=approval_digest_of(catalog, name, stages),
            stages=stages,
            forecast=forecast_of(decided, choice, others),
            by=actor.user,
            at=now,
        )
        plan = _under_standing_approval(services, connection, plan, at=now) if schedule is not None else plan
        services.audit.record(
            connection, actor=actor.user, act="plan_campaign", subject=name, detail={"digest": digest}
        )
    return plan


def _under_standing_approval(services: Services, connection: Connection, plan: Plan, *, at: Instant) -> Plan:
    """A wave of a campaign that comes again runs under the approval of its definition, for as long as that holds.

    It holds where the wave before it ran under it: a stop ends it, until people have approved a wave again.
    """
    before = next(iter(earlier_waves(connection, plan)), None)
    lived = set() if before is None else {step.state for step in history_of(connection, before.wave_id)}
    if "approved" not in lived or "stopped" in lived:
        return plan
    steps: tuple[tuple[str, State], ...] = (("review", "reviewed"), ("campaign", "approved"))
    decisions = [newest_decision(connection, kind=kind, digest=plan.approval_digest) for kind, _ in steps]
    approvers = approvers_of(services, plan)  # a wave may be larger than the one that was approved
    if (
        plan.state != "simulated"
        or not_approved(connection, plan.approval_digest, kind="review")
        or not_approved(connection, plan.approval_digest, kind="campaign", approvers=approvers)
    ):
        return plan
    for decision, (_, state) in zip(decisions, steps, strict=True):
        by = decision.by if decision is not None else ""
        plan = advance(connection, plan, state, by=by, at=at, comment="standing approval")
    return plan
