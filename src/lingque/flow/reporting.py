"""What a campaign did and what it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import reduce
from typing import Any

import pyarrow as pa

from lingque.catalog.model import Catalog, Tag
from lingque.core.clock import Instant
from lingque.core.ids import run_id
from lingque.core.reasons import Reason, Refusal
from lingque.decide.contracts import DECISION_TABLE
from lingque.deliver.contracts import Fates
from lingque.deliver.outbox import fates_of, spent
from lingque.engage.contracts import Decide, Evaluate, Plan
from lingque.engage.life_cycle import CONTACTED, cannot_become
from lingque.engage.service import Step, advance, history_of, plan_of
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import beyond_reach
from lingque.ingest.lateness import loaded_days
from lingque.measure.contracts import Effect, Evaluation, Phase
from lingque.measure.evaluation import evaluate
from lingque.profile.service import needed_until
from lingque.store.runs import Run, finish_run, newest_run, published_versions, runs_of


@dataclass(frozen=True, kw_only=True)
class CampaignReport:
    """What a campaign did and what it changed.

    `waterfall` is who was left after each step of the decision, as it ran; `spent` what the contacts that were really
    made cost, in minor units by channel; `known_by` the moment whose knowledge it speaks from.
    """

    plan: Plan
    history: tuple[Step, ...]
    waterfall: tuple[tuple[str, int], ...]
    fates: Fates
    spent: Mapping[str, int]
    evaluation: Evaluation
    known_by: Instant
    phase: Phase | None = None


def report_campaign(
    services: Services,
    name: str,
    actor: Principal,
    *,
    known_by: Instant | None = None,
    phase: Phase | None = None,
    wave: int | None = None,
) -> CampaignReport | Refusal:
    """What a wave (by default the newest) did and what it changed, from everything known by that moment (now).

    Until its outcome is known the report tells what was done, and why there is no effect yet to tell.
    """
    denied = refused(actor, Action.READ_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "report_campaign", name)
    catalog = catalog_of(services)
    known = services.clock.now() if known_by is None else known_by
    with services.database.reading() as connection:
        plan = plan_of(connection, name, wave)
        if plan.state not in CONTACTED:
            early = Refusal(reason=Reason.WRONG_STATE, detail=f"the plan of '{name}' is {plan.state}, it has not run")
            return traced(services, early, actor, "report_campaign", name)
        choice: Decide = plan.stage(Decide)
        costs = {use.channel: use.contact_cost for use in choice.channels}
        fates, money = fates_of(connection, plan.wave_id), spent(connection, plan.wave_id, costs)
        history = tuple(history_of(connection, plan.wave_id))
        decided = [
            run.summary
            for run in runs_of(connection, kind="decide", subject=plan.digest)
            if phase is None or run.summary.get("phase") == phase
        ]
        versions = published_versions(connection)
    return CampaignReport(
        plan=plan,
        history=history,
        waterfall=_added_up(decided),
        fates=fates,
        spent=money,
        evaluation=_evaluation(services, catalog, plan, versions, money, known, phase),
        known_by=known,
        phase=phase,
    )


def evaluate_campaign(
    services: Services, name: str, actor: Principal, *, wave: int | None = None
) -> CampaignReport | Refusal:
    """Record what a wave (by default the newest) changed, as known now: the step before it is closed.

    Refused until the outcome is known, or where the effect cannot be judged.
    """
    denied = refused(actor, Action.RUN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "evaluate_campaign", name)
    report = report_campaign(services, name, actor, wave=wave)
    if isinstance(report, Refusal):
        return report
    with services.database.reading() as connection:
        beyond = beyond_reach(connection, actor, report.plan.organisation)
    if beyond is not None:
        return traced(services, beyond, actor, "evaluate_campaign", name)
    effect = report.evaluation.effect
    refusal = effect if isinstance(effect, Refusal) else cannot_become(report.plan, "evaluated")
    if refusal is not None:
        return traced(services, refusal, actor, "evaluate_campaign", name)
    now = services.clock.now()
    with services.database.transaction() as connection:
        summary = {"effect": _summary(report.evaluation.effect), "spent": dict(report.spent)}
        before = newest_run(connection, kind="evaluate", subject=report.plan.digest)
        run = run_id("evaluate", plan=report.plan.digest, moment=now, after=before.run_id if before else None)
        finished = Run(run_id=run, kind="evaluate", subject=report.plan.digest, finished_at=now, summary=summary)
        finish_run(connection, finished, published={})
        plan = advance(connection, report.plan, "evaluated", by=actor.user, at=now)
        history = tuple(history_of(connection, plan.wave_id))
        services.audit.record(
            connection, actor=actor.user, act="evaluate_campaign", subject=name, detail={"run_id": run, **summary}
        )
    return replace(report, plan=plan, history=history)


def _evaluation(
    services: Services,
    catalog: Catalog,
    plan: Plan,
    versions: Mapping[str, int],
    money: Mapping[str, int],
    known: Instant,
    phase: Phase | None,
) -> Evaluation:
    proof: Evaluate = plan.stage(Evaluate)
    choice: Decide = plan.stage(Decide)
    outcomes = [catalog.tag(name) for name in (proof.outcome, *proof.also)]
    horizon = max(services.profile.horizon(catalog, tag, proof.as_of) for tag in outcomes)
    if known < horizon:
        day = services.calendar.day_of(horizon)
        detail = f"'{proof.outcome}' is known from {day} on, not before"
        return _not_yet(detail)
    missing = not_delivered(services, catalog, outcomes, proof.as_of)
    if missing:
        return _not_yet(f"'{proof.outcome}' needs files that were not loaded yet: {missing}")
    tables = [services.profile.labels(catalog, tag, proof.as_of, known_by=known) for tag in outcomes]
    with services.session() as session:
        session.add_versions({DECISION_TABLE: versions[DECISION_TABLE]})
        return evaluate(
            session,
            plan=plan.digest,
            labels=reduce(_joined, tables),
            outcome=proof.outcome,
            planned_hold_out=choice.hold_out,
            spent=money,
            phase=phase,
        )


def _not_yet(detail: str) -> Evaluation:
    early = Refusal(reason=Reason.OUTCOME_NOT_YET_KNOWN, detail=detail)
    return Evaluation(effect=early, further={}, profit=None, parts=(), refusals={})


def not_delivered(services: Services, catalog: Catalog, outcomes: Sequence[Tag], as_of: date) -> str:
    """What an outcome stands on and was not loaded up to its last day: that nothing was seen does not mean none."""
    needed = needed_until(catalog, outcomes, as_of)
    fills = {source.contract: name for name, source in catalog.sources.items()}
    with services.database.reading() as connection:
        loaded = loaded_days(connection, [fills[contract] for contract in needed if contract in fills])
    short = [
        f"{fills[contract]} up to {last}"
        for contract, last in needed.items()
        if contract in fills and max(loaded[fills[contract]], default=date.min) < last
    ]
    return ", ".join(sorted(short))


def _joined(left: pa.Table, right: pa.Table) -> pa.Table:
    return left.join(right, keys="customer_id", join_type="left outer")


def _added_up(summaries: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, int], ...]:
    """The waterfalls of several phases as one: their customers are different ones."""
    total: dict[str, int] = {}
    for summary in summaries:
        for step, count in summary.get("waterfall", ()):
            total[step] = total.get(step, 0) + count
    return tuple(total.items())


def _summary(effect: Effect | Refusal) -> dict[str, float | int | str]:
    if isinstance(effect, Refusal):
        return {"reason": effect.reason.name}
    return {
        "contacted": effect.contacted.units,
        "held_out": effect.held_out.units,
        "difference": effect.difference,
        "low": effect.low,
        "high": effect.high,
    }
