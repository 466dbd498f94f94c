"""Running what was approved: decide, write contacts and messages, send. Started again, it goes on where it stopped."""

from __future__ import annotations

from typing import cast

import numpy as np
from sqlalchemy import Connection

from lingque.catalog.definitions.shared import ChannelName
from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.errors import BusyError
from lingque.core.ids import CustomerId, run_id
from lingque.core.reasons import Reason, Refusal
from lingque.decide.allocation.prices import publish_prices
from lingque.decide.contracts import DECISION_ORDER, DECISION_TABLE, Phase, PlannedContact, limits_of
from lingque.decide.log import log_of
from lingque.decide.pressure.caps import Now
from lingque.decide.pressure.ledger import reserve
from lingque.decide.replay import record_of
from lingque.decide.stocks import Promise, reserve_offers
from lingque.deliver.contracts import BY_PEOPLE, Content, Fates, Outgoing
from lingque.deliver.outbox import Progress, enqueue, fates_of
from lingque.engage.content import words_of
from lingque.engage.contracts import AskLeave, Contact, Decide, Plan, SelectAudience, State, WriteContacts
from lingque.engage.life_cycle import STATE_LABELS
from lingque.engage.planning import digest_of_plan
from lingque.engage.service import advance, earlier_waves, newest_plan, write_contacts
from lingque.flow.approving import approvers_of
from lingque.flow.deciding import Decided, decide_stages
from lingque.flow.grounds import grounds_of
from lingque.flow.intake import catalog_of
from lingque.flow.messages import send_waiting
from lingque.flow.programmes import allotment_of
from lingque.flow.services import Services
from lingque.flow.tasks import Tasks
from lingque.flow.traces import traced
from lingque.govern.access import refused
from lingque.govern.approvals import not_approved
from lingque.govern.contracts import Action, Principal
from lingque.govern.scopes import beyond_reach
from lingque.store.runs import Run, finish_run, published_versions
from lingque.warehouse.tables import Slice

STEP = 1
"""The only step of a campaign without a journey."""

_BEGINS: dict[Phase, State] = {"once": "rolling_out", "pilot": "piloting", "rollout": "rolling_out"}


def run_campaign(
    services: Services, name: str, actor: Principal, *, progress: Progress = lambda _done: None
) -> Fates | Refusal:
    """Run exactly what was approved, its pilot first where it has one; or go on sending what was begun."""
    denied = refused(actor, Action.RUN_CAMPAIGN)
    if denied is not None:
        return traced(services, denied, actor, "run_campaign", name)
    catalog = catalog_of(services)
    with services.database.reading() as connection:
        plan = newest_plan(connection, name)
        refusal = beyond_reach(connection, actor, plan.organisation) or _cannot_run(services, connection, catalog, plan)
        phase = _next_phase(connection, plan)
    if refusal is not None:
        return traced(services, refusal, actor, "run_campaign", name)
    if phase is not None:
        _begin(services, catalog, plan, phase, actor)
    send_waiting(services, actor, progress=progress)
    with services.database.reading() as connection:
        return fates_of(connection, plan.wave_id)


def _cannot_run(services: Services, connection: Connection, catalog: Catalog, plan: Plan) -> Refusal | None:
    name = plan.campaign
    match plan.state:
        case "simulated" | "rejected" | "reviewed":
            return (
                not_approved(connection, plan.approval_digest, kind="review", otherwise=Reason.NOT_REVIEWED)
                or not_approved(
                    connection, plan.approval_digest, kind="campaign", approvers=approvers_of(services, plan)
                )
                # planned anew: an approval of its twin does not count
                or Refusal(reason=Reason.NOT_APPROVED, detail=f"the plan of '{name}' awaits its approval")
            )
        case "approved" | "pilot_approved":
            return _changed(services, connection, catalog, plan)
        case "piloted":
            detail = f"the pilot of '{name}' is done; look at its report, then 'lingque campaign approve {name}'"
            return Refusal(reason=Reason.PILOT_NOT_APPROVED, detail=detail)
        case "paused" | "stopped":
            return Refusal(reason=Reason.WRONG_STATE, detail=f"the plan of '{name}' is {STATE_LABELS[plan.state].en}")
        case _:
            return None


def _next_phase(connection: Connection, plan: Plan) -> Phase | None:
    """The phase that begins now; None where one is under way, or all is done."""
    if plan.state == "pilot_approved":
        return "rollout"
    if plan.state != "approved":
        return None
    # a campaign that comes again was tried out in its first wave
    tried = any(wave.state in ("rolled_out", "evaluated", "closed") for wave in earlier_waves(connection, plan))
    return "pilot" if plan.pilot is not None and not tried else "once"


def _begin(services: Services, catalog: Catalog, plan: Plan, phase: Phase, actor: Principal) -> None:
    """Decide anew at this moment, log every decision, reserve and queue every contact, all or nothing."""
    now = services.clock.now()
    with services.database.reading() as connection:
        given = None if plan.share is None else allotment_of(services, connection, plan.digest)
        decided = decide_stages(services, connection, catalog, plan.stages, moment=now, phase=phase, allotment=given)
        visible = published_versions(connection).get(DECISION_TABLE)
    log = log_of(decided.decisions, plan=plan.digest, campaign=plan.campaign, phase=phase, buckets=services.buckets)
    # the moment is part of the id: an attempt that died is undone, not half believed
    run = run_id("decide", plan=plan.digest, phase=phase, moment=now)
    target = Slice(table=DECISION_TABLE, name=f"wave-{plan.wave_id}-{phase}", order=DECISION_ORDER)
    version = services.tables.commit(target, log, run_id=run, published=visible)
    outgoing = _outgoing(catalog, plan, decided)
    contacts = [
        Contact(wave_id=m.wave_id, customer_id=m.customer_id, offer=m.offer, step=m.step, channel=m.channel)
        for m in outgoing
    ]
    told = {
        "phase": phase,
        "contacts": len(contacts),
        "held_out": int(np.count_nonzero(decided.decisions.held_out)),
        "waterfall": [(step.value, count) for step, count in decided.decisions.waterfall()],
    }
    # what a replay needs besides the rows of the log
    beside = {"campaign": plan.campaign, "wave": plan.wave_id, "record": record_of(decided.decisions)}
    finished = Run(run_id=run, kind="decide", subject=plan.digest, finished_at=now, summary=told | beside)
    with services.database.transaction() as connection:
        finish_run(connection, finished, published={DECISION_TABLE: version})
        write_contacts(connection, contacts, at=now)
        _reserve(services, connection, catalog, plan, outgoing, now)
        enqueue(connection, outgoing, clock=services.clock)
        _publish_prices(connection, plan, decided, now)
        advance(connection, plan, _BEGINS[phase], by=actor.user, at=now)
        services.audit.record(
            connection,
            actor=actor.user,
            act="run_campaign",
            subject=plan.campaign,
            detail={"digest": plan.digest, "run_id": run, **told},
        )


def _publish_prices(connection: Connection, plan: Plan, decided: Decided, now: Instant) -> None:
    """What the last unit of each limit was worth, for those who decide on the campaign's offers until the next wave."""
    certificate, together = decided.decisions.certificate, plan.forecast.together
    rows = {limit.name: limit.price for limit in (certificate.limits if certificate is not None else ())}
    if together is not None:
        rows = {}
        for one in together.limits:
            # a channel costs what it is worth to all, and what the campaign's own limit adds
            if one.limit in ("channel", "stock", "offer_budget") and one.campaign in ("", plan.campaign):
                name = f"{one.limit}:{one.subject}"
                rows[name] = rows.get(name, 0.0) + one.price
    if rows:
        publish_prices(connection, plan.campaign, rows=rows, source=plan.digest, at=now)


def _reserve(
    services: Services, connection: Connection, catalog: Catalog, plan: Plan, outgoing: list[Outgoing], now: Instant
) -> None:
    """Caps, stock and budgets were looked at when it was decided; with what others reserved since then these contacts
    may exceed them."""
    planned = [
        PlannedContact(
            wave_id=m.wave_id,
            customer_id=m.customer_id,
            step=m.step,
            channel=m.channel,
            purpose=m.purpose,
            topic=catalog.offers[m.offer].definition.topic,
        )
        for m in outgoing
    ]
    present = Now(instant=now, calendar=services.calendar)
    refused: list[object] = [
        *reserve(connection, planned, caps=catalog.caps.values(), now=present),
        *_reserve_offers(connection, catalog, plan, outgoing, now),
    ]
    if refused:
        raise BusyError(
            f"for {len(refused)} of the contacts another campaign took the room while this one decided",
            next_step="run the same command again: it decides anew, and nothing was sent",
        )


def _reserve_offers(
    connection: Connection, catalog: Catalog, plan: Plan, outgoing: list[Outgoing], now: Instant
) -> list[Promise]:
    """The pieces and the money that these contacts promise, where offers are limited."""
    choice: Decide = plan.stage(Decide)
    limits = {name: limits_of(catalog.offers[name]) for name, _ in choice.offers}
    of_contact = {use.channel: use.contact_cost for use in choice.channels}
    of_conversion = {name: _cost_of(catalog, name) for name in limits}
    promises = [
        Promise(
            wave_id=m.wave_id,
            customer_id=m.customer_id,
            step=m.step,
            offer=m.offer,
            money=of_contact[m.channel] + of_conversion[m.offer],
        )
        for m in outgoing
    ]
    return reserve_offers(connection, promises, limits=limits, now=now)


def _cost_of(catalog: Catalog, offer: str) -> int:
    definition = catalog.offers[offer].definition
    return definition.minor(definition.cost)


def _outgoing(catalog: Catalog, plan: Plan, decided: Decided) -> list[Outgoing]:
    decisions = decided.decisions
    campaign = catalog.campaign(plan.campaign)
    leave: AskLeave = plan.stage(AskLeave)
    classes = dict(leave.data_classes)
    write: WriteContacts = plan.stage(WriteContacts)
    segment = plan.stage(SelectAudience).segment
    grounds = {name: grounds_of(catalog, segment, catalog.offers[name]) for name in classes}
    tasks = Tasks(catalog, plan, decided.audience)
    ids = decisions.requests.customer_ids
    messages: list[Outgoing] = []
    for index, judged in enumerate(decisions.judged):
        offer = judged.candidate.offer
        channel = cast(ChannelName, judged.candidate.channel)
        subject, body = words_of(offer, campaign, channel=channel)
        content = Content(subject=subject, body=body, language=campaign.language)
        messages.extend(
            Outgoing(
                wave_id=plan.wave_id,
                customer_id=CustomerId(customer),
                offer=offer.name,
                step=STEP,
                channel=channel,
                purpose=leave.purpose,
                data_classes=classes[offer.name],
                grounds=grounds[offer.name],
                content=content,
                route=tasks.route(customer) if channel in BY_PEOPLE else "",
                label=offer.label.in_language(campaign.language) if channel in BY_PEOPLE else "",
                why=tasks.why(customer) if channel in BY_PEOPLE else "",
                due=write.due if channel in BY_PEOPLE else None,
            )
            for customer in ids[decisions.contacted & (decisions.chosen == index)].tolist()
        )
    return messages


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
    if plan.share is not None and not allotment_of(services, connection, plan.digest).num_rows:
        return Refusal(
            reason=Reason.CHANGED_SINCE_PLAN,
            detail="nobody was given to it, or that is not kept any more; plan again over another day",
        )
    return None
