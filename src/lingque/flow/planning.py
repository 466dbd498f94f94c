"""Planning a campaign: stages and a forecast, kept to be explained, reviewed and approved.

A campaign of a programme is planned with all others of it, in one allocation; each gets a plan of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa
from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.core.clock import Instant, shift
from lingque.core.ids import run_id
from lingque.core.reasons import Reason, Refusal
from lingque.decide.contracts import ALLOTMENT_TABLE
from lingque.engage.contracts import Decide, Forecast, Plan, Stage, State
from lingque.engage.planning import approval_digest_of, digest_of_plan, stages_of
from lingque.engage.schedule import is_due
from lingque.engage.service import advance, earlier_waves, find_plan, history_of, overlap, save_plan
from lingque.flow.approving import approvers_of
from lingque.flow.deciding import Decided, decide_stages
from lingque.flow.forecasting import forecast_of, stale
from lingque.flow.intake import catalog_of
from lingque.flow.programmes import allotment_rows, allotment_slice, share_among
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.approvals import newest_decision, not_approved
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import beyond_reach
from lingque.store.runs import Run, finish_run, published_versions

OVERLAP_DAYS = 30
"""How far back a plan looks for contacts of other campaigns."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A plan before it is kept. `given`: with what it is to consider whom, where it was planned with others."""

    stages: tuple[Stage, ...]
    digest: str
    decided: Decided
    forecast: Forecast
    given: pa.Table | None = None


def planned_with(catalog: Catalog, name: str) -> tuple[str, ...]:
    """The campaigns of its programme, itself among them; itself alone where it is in none. Raises `NotFoundError`."""
    catalog.campaign(name)
    programme = catalog.programme_of(name)
    return (name,) if programme is None else tuple(programme.campaigns)


def plan_campaign(services: Services, name: str, as_of: date, actor: Principal) -> Plan | Refusal:
    """Stages and a forecast, kept to be explained and approved; of all campaigns of its programme, where it is in one.
    Sends nothing, spends nothing."""
    denied = refused(actor, Action.PLAN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "plan_campaign", name)
    catalog = catalog_of(services)
    names = planned_with(catalog, name)
    refusal = _cannot_plan(services, catalog, names, as_of, actor)
    if refusal is not None:
        return traced(services, refusal, actor, "plan_campaign", name)
    now = services.clock.now()
    with services.database.reading() as connection:
        if len(names) > 1:
            there = _planned_already(services, connection, catalog, names, as_of)
            if there is not None:
                return there[name]
        found = outlooks_of(services, connection, catalog, name, as_of, moment=now)
        if isinstance(found, Refusal):
            return traced(services, found, actor, "plan_campaign", name)
        since = services.calendar.start_of(shift(services.calendar.day_of(now), count=-OVERLAP_DAYS, unit="day"))
        overlaps = {
            one: overlap(connection, _contacted(outlook), other_than=one, since=since) for one, outlook in found.items()
        }
    return _keep(services, catalog, found, overlaps, as_of, actor, at=now)[name]


def outlooks_of(
    services: Services, connection: Connection, catalog: Catalog, name: str, as_of: date, *, moment: Instant
) -> dict[str, Outlook] | Refusal:
    """What planning it would come to, for each campaign that is planned with it. Writes nothing."""
    stages = _stages(services, connection, catalog, planned_with(catalog, name), as_of)
    programme = catalog.programme_of(name)
    if programme is None:
        decided = decide_stages(services, connection, catalog, stages[name], moment=moment)
        return {name: _outlook(catalog, name, stages[name], decided)}
    parts = share_among(services, connection, catalog, programme, stages, moment=moment)
    if isinstance(parts, Refusal):
        return parts
    found: dict[str, Outlook] = {}
    for one, part in parts.items():
        outlook = _outlook(catalog, one, stages[one], part.decided)
        # its own certificate says nothing: all that it may choose was chosen already
        forecast = replace(
            outlook.forecast, together=part.together, best_possible=None, limits=(), offer_limits=(), hours=()
        )
        found[one] = replace(outlook, forecast=forecast, given=part.given)
    return found


def _outlook(catalog: Catalog, name: str, stages: tuple[Stage, ...], decided: Decided) -> Outlook:
    choice = next(stage for stage in stages if isinstance(stage, Decide))
    return Outlook(
        stages=stages,
        digest=digest_of_plan(catalog, name, stages),
        decided=decided,
        forecast=forecast_of(decided, choice, {}),
    )


def _stages(
    services: Services, connection: Connection, catalog: Catalog, names: tuple[str, ...], as_of: date
) -> dict[str, tuple[Stage, ...]]:
    snapshot = services.profile.find_snapshot(connection, as_of)
    return {name: stages_of(catalog, name, as_of=as_of, snapshot=snapshot.run_id) for name in names}


def _cannot_plan(
    services: Services, catalog: Catalog, names: tuple[str, ...], as_of: date, actor: Principal
) -> Refusal | None:
    with services.database.reading() as connection:
        for name in names:
            beyond = beyond_reach(connection, actor, catalog.campaign(name).organisation)
            if beyond is not None:
                return beyond
            schedule = catalog.campaign(name).schedule
            if schedule is not None and not is_due(schedule, as_of):
                return Refusal(
                    reason=Reason.NOT_DUE,
                    detail=f"{as_of} is no day of '{name}': every {schedule.every}, {schedule.first} until"
                    f" {schedule.until}",
                )
        snapshot = services.profile.find_snapshot(connection, as_of)
    return next((old for name in names if (old := stale(catalog, name, snapshot)) is not None), None)


def _planned_already(
    services: Services, connection: Connection, catalog: Catalog, names: tuple[str, ...], as_of: date
) -> dict[str, Plan] | None:
    """Their newest plans, if those are what planning would make: sharing out again what one of them may have begun to
    use would give it to somebody else."""
    plans: dict[str, Plan] = {}
    for name, stages in _stages(services, connection, catalog, names, as_of).items():
        plan = find_plan(connection, name)
        if plan is None or plan.digest != digest_of_plan(catalog, name, stages):
            return None
        plans[name] = plan
    return plans


def _contacted(outlook: Outlook) -> pa.Array:
    decisions = outlook.decided.decisions
    return decisions.requests.customer_ids[decisions.contacted]


def _keep(
    services: Services,
    catalog: Catalog,
    found: Mapping[str, Outlook],
    overlaps: Mapping[str, dict[str, int]],
    as_of: date,
    actor: Principal,
    *,
    at: Instant,
) -> dict[str, Plan]:
    """All of them or none, and before them what was given to whom."""
    finished = _keep_allotments(services, catalog, found, as_of, at=at)
    plans: dict[str, Plan] = {}
    with services.database.transaction() as connection:
        if finished is not None:
            run, version = finished
            finish_run(connection, run, published={ALLOTMENT_TABLE: version})
        for name, outlook in found.items():
            plan = save_plan(
                connection,
                campaign=name,
                digest=outlook.digest,
                approval_digest=approval_digest_of(catalog, name, outlook.stages),
                stages=outlook.stages,
                forecast=replace(outlook.forecast, overlap=overlaps[name]),
                by=actor.user,
                at=at,
            )
            if catalog.campaign(name).schedule is not None:
                plan = _under_standing_approval(services, connection, plan, at=at)
            plans[name] = plan
            services.audit.record(
                connection, actor=actor.user, act="plan_campaign", subject=name, detail={"digest": outlook.digest}
            )
    return plans


def _keep_allotments(
    services: Services, catalog: Catalog, found: Mapping[str, Outlook], as_of: date, *, at: Instant
) -> tuple[Run, int] | None:
    """Written, and not yet published."""
    given = {one.digest: one.given for one in found.values() if one.given is not None}
    programme = catalog.programme_of(next(iter(found)))
    if programme is None or not given:
        return None
    with services.database.reading() as connection:
        visible = published_versions(connection).get(ALLOTMENT_TABLE)
    run = run_id("allot", plans=sorted(given), moment=at)
    rows = allotment_rows(given, as_of, buckets=services.buckets)
    target = allotment_slice(programme.programme, as_of)
    version = services.tables.commit(target, rows, run_id=run, published=visible)
    summary = {
        "campaigns": list(found),
        "customers": {name: one.given.num_rows for name, one in found.items() if one.given is not None},
    }
    finished = Run(run_id=run, kind="allot", subject=programme.programme, finished_at=at, summary=summary)
    return finished, version


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
