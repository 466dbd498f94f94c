"""Planning a campaign: stages and a forecast, kept to be explained, reviewed and approved."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.core.clock import Instant, shift
from lingque.core.reasons import Reason, Refusal
from lingque.decide.allocation.problem import Limit
from lingque.engage.contracts import ChannelLimit, Decide, Forecast, OfferLimit, Plan, State
from lingque.engage.planning import Z_95, approval_digest_of, detectable_effect, digest_of_plan, stages_of
from lingque.engage.schedule import is_due
from lingque.engage.service import advance, earlier_waves, history_of, overlap, save_plan
from lingque.flow.approving import approvers_of
from lingque.flow.deciding import Decided, decide_stages
from lingque.flow.intake import catalog_of
from lingque.flow.services import Services
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.approvals import newest_decision, not_approved
from lingque.govern.contracts import Action, Principal
from lingque.profile.contracts import SnapshotReport

OVERLAP_DAYS = 30
"""How far back a plan looks for contacts of other campaigns."""


def plan_campaign(services: Services, name: str, as_of: date, actor: Principal) -> Plan | Refusal:
    """Stages and a forecast, kept to be explained and approved. Sends nothing, spends nothing."""
    denied = refused(actor, Action.PLAN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "plan_campaign", name)
    catalog = catalog_of(services)
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
        stale = _stale(catalog, name, snapshot)
        if stale is not None:
            return traced(services, stale, actor, "plan_campaign", name)
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
            forecast=_forecast(decided, choice, others),
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


def _forecast(decided: Decided, choice: Decide, others: dict[str, int]) -> Forecast:
    """Sums over those who would be contacted; the intervals are normal approximations of sums of independent draws."""
    decisions = decided.decisions
    certificate = decisions.certificate
    contacted = int(np.count_nonzero(decisions.contacted))
    held_out = int(np.count_nonzero(decisions.held_out))
    value, cost, conversions, spread, money_spread = 0, 0, 0.0, 0.0, 0.0
    by_channel: Counter[str] = Counter()
    for index, judged in enumerate(decisions.judged):
        mine = decisions.contacted & (decisions.chosen == index)
        count, candidate = int(np.count_nonzero(mine)), judged.candidate
        p = judged.worth.response[mine]
        value += int(judged.value[mine].sum())
        cost += count * candidate.cost
        conversions += float(p.sum())
        chance = np.abs(p) * (1 - np.abs(p))  # an uplift may be less than nothing
        spread += float(chance.sum())
        money_spread += float(chance.sum()) * candidate.margin**2
        by_channel[candidate.channel] += count
    half, money_half = Z_95 * math.sqrt(spread), round(Z_95 * math.sqrt(money_spread))
    rate = conversions / contacted if contacted else 0.0
    return Forecast(
        customers=decided.customers,
        audience=len(decisions.requests),
        refusals={reason.name: count for reason, count in decisions.count_refusals().items()},
        to_contact=contacted,
        to_hold_out=held_out,
        expected_conversions=conversions,
        expected_profit=value,
        cost=cost,
        currency=choice.currency,
        detectable_effect=detectable_effect(contacted, held_out, rate),
        waterfall=tuple((step.value, count) for step, count in decisions.waterfall()),
        by_channel={channel: count for channel, count in by_channel.items() if count},
        overlap=others,
        conversions_interval=(max(conversions - half, 0.0), conversions + half),
        profit_interval=(value - money_half, value + money_half),
        best_possible=None if certificate is None else max(math.floor(certificate.bound + 0.5), value),
        limits=tuple(
            ChannelLimit(
                channel=limit.subject,
                capacity=round(limit.amount),
                contacts=round(limit.used),
                price=round(limit.price),
            )
            for limit in (certificate.limits if certificate is not None else ())
            if limit.limit is Limit.CHANNEL
        ),
        offer_limits=tuple(
            OfferLimit(
                offer=limit.subject,
                limit="stock" if limit.limit is Limit.STOCK else "budget",
                amount=round(limit.amount),
                used=round(limit.used),
                price=limit.price,
            )
            for limit in (certificate.limits if certificate is not None else ())
            if limit.limit is not Limit.CHANNEL
        ),
    )


def _stale(catalog: Catalog, name: str, snapshot: SnapshotReport) -> Refusal | None:
    """Does the snapshot hold the tags that the campaign needs, as they are defined now?"""
    campaign = catalog.campaign(name)
    needed = {campaign.segment}
    for use in campaign.channels.values():
        needed |= {use.fatigue.tag} if use.fatigue is not None and use.fatigue.tag is not None else set()
    for offer in campaign.offers:
        needed |= catalog.offers[offer].chosen_by | catalog.offers[offer].definition.suited_by
    for tag in sorted(needed):
        if snapshot.closures.get(tag) != catalog.closures["tag", tag]:
            return Refusal(
                reason=Reason.CHANGED_SINCE_PLAN,
                detail=f"tag '{tag}' was defined anew after the snapshot as of {snapshot.as_of};"
                f" run 'lingque tags run --as-of {snapshot.as_of}'",
            )
    return None
