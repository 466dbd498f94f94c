"""What a campaign did and what it changed."""

from __future__ import annotations

from dataclasses import dataclass

from lingque.core.clock import Instant
from lingque.core.reasons import Reason, Refusal
from lingque.decide.contracts import DECISION_TABLE
from lingque.deliver.contracts import Fates
from lingque.deliver.outbox import fates_of
from lingque.engage.contracts import Decide, Evaluate, Plan
from lingque.engage.life_cycle import CONTACTED
from lingque.engage.service import newest_plan
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.measure.contracts import Evaluation
from lingque.measure.evaluation import evaluate
from lingque.store.runs import published_versions


@dataclass(frozen=True, kw_only=True)
class CampaignReport:
    """What a campaign did and what it changed."""

    plan: Plan
    fates: Fates
    evaluation: Evaluation


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
        if plan.state not in CONTACTED:
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
        evaluation = evaluate(session, plan=plan.digest, labels=labels, planned_hold_out=choice.hold_out)
    return CampaignReport(plan=plan, fates=fates, evaluation=evaluation)
