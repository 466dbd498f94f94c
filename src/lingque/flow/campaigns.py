"""A campaign from plan to effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.expressions.tree import names_in
from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.ids import CustomerId, run_id
from lingque.core.reasons import Reason, Refusal
from lingque.decide.contracts import DECISION_ORDER, DECISION_TABLE, Decisions
from lingque.decide.log import log_of
from lingque.deliver.contracts import Content, Fates, Outgoing
from lingque.deliver.outbox import Progress, enqueue, fates_of
from lingque.engage.content import words_of
from lingque.engage.contracts import (
    AskLeave,
    Contact,
    Decide,
    Evaluate,
    Forecast,
    Plan,
    SelectAudience,
    State,
    WriteContacts,
)
from lingque.engage.planning import detectable_effect, digest_of_plan, stages_of
from lingque.engage.service import advance, cannot_become, newest_plan, save_plan, write_contacts
from lingque.flow.deciding import Decided, decide_stages
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import trace, traced
from lingque.govern.access import refused
from lingque.govern.approvals import Submission, decide_approval, not_approved
from lingque.govern.contracts import Action, Principal
from lingque.measure.contracts import Evaluation
from lingque.measure.evaluation import evaluate
from lingque.profile.contracts import SnapshotReport
from lingque.store.runs import Run, finish_run, published_versions
from lingque.warehouse.tables import Slice

STEP = 1
"""The only step of a campaign without a journey."""


@dataclass(frozen=True, kw_only=True)
class CampaignReport:
    """What a campaign did and what it changed."""

    plan: Plan
    fates: Fates
    evaluation: Evaluation


def plan_campaign(services: Services, name: str, as_of: date, actor: Principal) -> Plan | Refusal:
    """Stages and a forecast, kept to be explained and approved. Sends nothing, spends nothing."""
    denied = refused(actor, Action.PLAN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "plan_campaign", name)
    catalog = catalog_of(services)
    catalog.campaign(name)
    now = services.clock.now()
    with services.database.reading() as connection:
        snapshot = services.profile.find_snapshot(connection, as_of)
        stale = _stale(catalog, name, snapshot)
        if stale is not None:
            return traced(services, stale, actor, "plan_campaign", name)
        stages = stages_of(catalog, name, as_of=as_of, snapshot=snapshot.run_id)
        decided = decide_stages(services, connection, catalog, stages, moment=now)
    choice = next(stage for stage in stages if isinstance(stage, Decide))
    digest = digest_of_plan(catalog, name, stages)
    with services.database.transaction() as connection:
        plan = save_plan(
            connection,
            campaign=name,
            digest=digest,
            stages=stages,
            forecast=_forecast(decided, choice),
            by=actor.user,
            at=now,
        )
        services.audit.record(
            connection, actor=actor.user, act="plan_campaign", subject=name, detail={"digest": digest}
        )
    return plan


def approve_campaign(
    services: Services, name: str, actor: Principal, *, digest: str, approved: bool = True, comment: str = ""
) -> Plan | Refusal:
    """Decide on the newest plan, if it is the one that was looked at (`digest`).

    Neither its planner nor the campaign's owner may.
    """
    catalog = catalog_of(services)
    now = services.clock.now()
    with services.database.transaction() as connection:
        plan = newest_plan(connection, name)
        authors = (plan.planned_by, catalog.campaign(name).owner)
        submission = Submission(kind="campaign", subject=name, digest=plan.digest, authors=authors)
        state: State = "approved" if approved else "rejected"
        refusal = (
            refused(actor, Action.APPROVE_CAMPAIGN)
            or _another(plan, digest)
            or cannot_become(connection, plan, state)
            or decide_approval(connection, submission, actor, approved=approved, comment=comment, at=now)
        )
        if refusal is not None:
            trace(services, connection, refusal, actor, "approve_campaign", name)
            return refusal
        advance(connection, plan, state, by=actor.user, at=now)
        services.audit.record(
            connection,
            actor=actor.user,
            act="approve_campaign" if approved else "reject_campaign",
            subject=name,
            detail={"digest": plan.digest, "comment": comment},
        )
        return newest_plan(connection, name)


def run_campaign(
    services: Services, name: str, actor: Principal, *, progress: Progress = lambda _done: None
) -> Fates | Refusal:
    """Run exactly what was approved: decide, write contacts and messages, send. Started again, it goes on."""
    denied = refused(actor, Action.RUN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "run_campaign", name)
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        plan = newest_plan(connection, name)
        refusal = not_approved(connection, plan.digest)
        if refusal is None and plan.state == "planned":  # planned anew: an approval of its twin does not count
            refusal = Refusal(reason=Reason.NOT_APPROVED, detail=f"the plan of '{name}' awaits its approval")
        if refusal is None and plan.state == "approved":
            refusal = _changed(services, connection, catalog, plan)
    if refusal is not None:
        return traced(services, refusal, actor, "run_campaign", name)
    if plan.state == "approved":
        _write_wave(services, catalog, plan, actor)
    services.open_outbox().pump(progress=progress)
    with services.database.transaction() as connection:
        if newest_plan(connection, name).state == "running":
            advance(connection, plan, "done", by=actor.user, at=services.clock.now())
        return fates_of(connection, plan.wave_id)


def report_campaign(
    services: Services, name: str, actor: Principal, *, known_by: Instant | None = None
) -> CampaignReport | Refusal:
    """What was done and what it changed, from everything known by that moment (by default now)."""
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "report_campaign", name)
    catalog = catalog_of(services)
    known = services.clock.now() if known_by is None else known_by
    with services.database.reading() as connection:
        plan = newest_plan(connection, name)
        if plan.state not in ("running", "done"):
            early = Refusal(reason=Reason.WRONG_STATE, detail=f"the plan of '{name}' is {plan.state}, it has not run")
            return traced(services, early, actor, "report_campaign", name)
        fates = fates_of(connection, plan.wave_id)
        versions = published_versions(connection)
    proof: Evaluate = plan.stage(Evaluate)
    outcome = catalog.tag(proof.outcome)
    horizon = services.profile.horizon(catalog, outcome, proof.as_of)
    if known < horizon:
        day = services.calendar.day_of(horizon)
        early = Refusal(
            reason=Reason.OUTCOME_NOT_YET_KNOWN,
            detail=f"'{proof.outcome}' is known from {day} on, not before",
        )
        return traced(services, early, actor, "report_campaign", name)
    labels = services.profile.labels(catalog, outcome, proof.as_of, known_by=known)
    with services.session() as session:
        session.add_versions({DECISION_TABLE: versions[DECISION_TABLE]})
        choice: Decide = plan.stage(Decide)
        write: WriteContacts = plan.stage(WriteContacts)
        evaluation = evaluate(
            session,
            plan=plan.digest,
            labels=labels,
            outcome=proof.outcome,
            planned_hold_out=choice.hold_out,
            spent={write.channel: fates.sent * choice.contact_cost},
        )
    return CampaignReport(plan=plan, fates=fates, evaluation=evaluation)


def _write_wave(services: Services, catalog: Catalog, plan: Plan, actor: Principal) -> None:
    """Decide anew at this moment, log every decision, and queue the messages, all or nothing."""
    now = services.clock.now()
    with services.database.reading() as connection:
        decided = decide_stages(services, connection, catalog, plan.stages, moment=now)
        visible = published_versions(connection).get(DECISION_TABLE)
    log = log_of(decided.decisions, plan=plan.digest, campaign=plan.campaign, buckets=services.buckets)
    # the moment is part of the id: an attempt that died is undone, not half believed
    run = run_id("decide", plan=plan.digest, moment=now)
    target = Slice(table=DECISION_TABLE, name=f"wave-{plan.wave_id}", order=DECISION_ORDER)
    version = services.tables.commit(target, log, run_id=run, published=visible)
    outgoing = _outgoing(catalog, plan, decided.decisions)
    contacts = [Contact(wave_id=m.wave_id, customer_id=m.customer_id, offer=m.offer, step=m.step) for m in outgoing]
    write: WriteContacts = plan.stage(WriteContacts)
    with services.database.transaction() as connection:
        finished = Run(
            run_id=run,
            kind="decide",
            subject=plan.digest,
            finished_at=now,
            summary={
                "contacts": len(contacts),
                "held_out": int(np.count_nonzero(decided.decisions.held_out)),
            },
        )
        finish_run(connection, finished, published={DECISION_TABLE: version})
        write_contacts(connection, contacts, channel=write.channel, at=now)
        enqueue(connection, outgoing, clock=services.clock)
        advance(connection, plan, "running", by=actor.user, at=now)
        services.audit.record(
            connection,
            actor=actor.user,
            act="run_campaign",
            subject=plan.campaign,
            detail={"digest": plan.digest, "run_id": run, **finished.summary},
        )


def _outgoing(catalog: Catalog, plan: Plan, decisions: Decisions) -> list[Outgoing]:
    campaign = catalog.campaign(plan.campaign)
    leave: AskLeave = plan.stage(AskLeave)
    classes = dict(leave.data_classes)
    ids = decisions.requests.customer_ids
    messages: list[Outgoing] = []
    for index, judged in enumerate(decisions.judged):
        offer = judged.candidate.offer
        subject, body = words_of(offer, campaign)
        content = Content(subject=subject, body=body, language=campaign.language)
        messages.extend(
            Outgoing(
                wave_id=plan.wave_id,
                customer_id=CustomerId(customer),
                offer=offer.name,
                step=STEP,
                channel=leave.channel,
                purpose=leave.purpose,
                data_classes=classes[offer.name],
                content=content,
            )
            for customer in ids[decisions.contacted & (decisions.chosen == index)].tolist()
        )
    return messages


def _forecast(decided: Decided, choice: Decide) -> Forecast:
    decisions = decided.decisions
    contacted = int(np.count_nonzero(decisions.contacted))
    held_out = int(np.count_nonzero(decisions.held_out))
    value, conversions, cost = 0, 0.0, 0
    for index, judged in enumerate(decisions.judged):
        mine = decisions.contacted & (decisions.chosen == index)
        count = int(np.count_nonzero(mine))
        value += int(judged.value[mine].sum())
        conversions += count * judged.candidate.offer.definition.response
        cost += count * judged.candidate.cost
    rate = conversions / contacted if contacted else 0.0
    return Forecast(
        customers=decided.customers,
        audience=decisions.requests.tags.num_rows,
        refusals={reason.name: count for reason, count in decisions.count_refusals().items()},
        to_contact=contacted,
        to_hold_out=held_out,
        expected_conversions=conversions,
        expected_profit=value,
        cost=cost,
        currency=choice.currency,
        detectable_effect=detectable_effect(contacted, held_out, rate),
    )


def _stale(catalog: Catalog, name: str, snapshot: SnapshotReport) -> Refusal | None:
    """Does the snapshot hold the tags that the campaign needs, as they are defined now?"""
    campaign = catalog.campaign(name)
    needed = {campaign.segment}
    for offer in campaign.offers:
        needed |= names_in(catalog.offers[offer].eligibility)
    for tag in sorted(needed):
        if snapshot.closures.get(tag) != catalog.closures["tag", tag]:
            return Refusal(
                reason=Reason.CHANGED_SINCE_PLAN,
                detail=f"tag '{tag}' was defined anew after the snapshot as of {snapshot.as_of};"
                f" run 'lingque tags run --as-of {snapshot.as_of}'",
            )
    return None


def _another(plan: Plan, digest: str) -> Refusal | None:
    """Is the newest plan another than the one that was looked at?"""
    if plan.digest == digest:
        return None
    return Refusal(
        reason=Reason.CHANGED_SINCE_PLAN,
        detail=f"the newest plan of '{plan.campaign}' is {plan.digest[:12]}, not {digest[:12]}; look at it first",
    )


def _changed(services: Services, connection: Connection, catalog: Catalog, plan: Plan) -> Refusal | None:
    """Is what would run still what was approved?"""
    select: SelectAudience = plan.stage(SelectAudience)
    if digest_of_plan(catalog, plan.campaign, plan.stages) != plan.digest:
        return Refusal(
            reason=Reason.CHANGED_SINCE_PLAN,
            detail=f"a definition under campaign '{plan.campaign}' changed; plan it again and have it approved",
        )
    if services.profile.find_snapshot(connection, select.as_of).run_id != select.snapshot:
        return Refusal(
            reason=Reason.CHANGED_SINCE_PLAN,
            detail=f"the snapshot as of {select.as_of} was computed again; plan again and have it approved",
        )
    return None
