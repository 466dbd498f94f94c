"""A plan's stages up to the decision: audience, leave, choice. Writes nothing; planning and running both call it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lingque.catalog.definitions import CapDefinition
from lingque.catalog.model import Catalog, Offer
from lingque.core.clock import Instant
from lingque.core.hashing import draw
from lingque.core.money import Money
from lingque.decide.contracts import Candidate, Context, Decisions, Phase, Requests
from lingque.decide.decision import decide
from lingque.decide.pressure import capped
from lingque.engage.contracts import AskLeave, ChannelPlan, Decide, RunPilot, SelectAudience, Stage, WriteContacts
from lingque.flow.grounds import grounds_of
from lingque.flow.organising import within_organisation
from lingque.flow.services import Services
from lingque.govern.contracts import Flags, PermitAsk

MADE_BY_PEOPLE = frozenset({"rm_call"})
"""Channels on which somebody of the bank makes the contact."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The decisions, and out of how many customers the audience was chosen."""

    decisions: Decisions
    customers: int


def decide_stages(
    services: Services,
    connection: Connection,
    catalog: Catalog,
    stages: tuple[Stage, ...],
    *,
    moment: Instant,
    phase: Phase = "once",
) -> Decided:
    """Carry out `SelectAudience`, `AskLeave` and `Decide` over the published snapshot, as of that moment.

    A pilot takes a share of the audience, and the same share of every channel's capacity; the roll-out takes the rest.
    """
    select = next(stage for stage in stages if isinstance(stage, SelectAudience))
    leave = next(stage for stage in stages if isinstance(stage, AskLeave))
    choice = next(stage for stage in stages if isinstance(stage, Decide))

    pilot = next((stage for stage in stages if isinstance(stage, RunPilot)), None)
    write = next(stage for stage in stages if isinstance(stage, WriteContacts))

    tags = within_organisation(
        services, connection, services.profile.tags_of(connection, select.as_of), select.organisation
    )
    audience = _of_phase(_audience(tags, select.segment), pilot, phase)
    requests = Requests(clock="planned", as_of=select.as_of, tags=audience)
    asked = _Asked(
        services=services,
        connection=connection,
        requests=requests,
        catalog=catalog,
        segment=select.segment,
        leave=leave,
        moment=moment,
    )
    caps = tuple(catalog.caps.values())
    channels = {use.channel: _channel(asked, use, caps, write.route_by) for use in choice.channels}
    candidates = [
        _candidate(asked, catalog.offers[name], channels[use.channel], choice.currency)
        for name, _ in choice.offers
        for use in choice.channels
        if use.channel in catalog.offers[name].definition.creatives
    ]
    context = Context(
        moment=moment,
        # offers are valid on business days; a plan over a past snapshot is judged on the snapshot's day
        today=select.as_of,
        hold_out=choice.hold_out,
        salt=choice.salt,
        capacity={
            use.channel: _capacity_of_phase(use.capacity, pilot, phase)
            for use in choice.channels
            if use.capacity is not None
        },
    )
    decisions = decide(requests, candidates, context, session=services.session)
    return Decided(decisions=decisions, customers=tags.num_rows)


def _audience(tags: pa.Table, segment: str) -> pa.Table:
    return tags.filter(pc.fill_null(tags.column(segment), False))


def _of_phase(audience: pa.Table, pilot: RunPilot | None, phase: Phase) -> pa.Table:
    if pilot is None or phase == "once":
        return audience
    first = draw(audience.column("customer_id").to_numpy(), salt=pilot.salt) < pilot.share
    return audience.filter(pa.array(first if phase == "pilot" else ~first))


def _capacity_of_phase(capacity: int, pilot: RunPilot | None, phase: Phase) -> int:
    if pilot is None or phase == "once":
        return capacity
    first = int(capacity * pilot.share)
    return first if phase == "pilot" else capacity - first


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What every question about the audience is asked with."""

    services: Services
    connection: Connection
    requests: Requests
    catalog: Catalog
    segment: str
    leave: AskLeave
    moment: Instant


@dataclass(frozen=True, kw_only=True)
class _Channel:
    """A channel, and which customers of the audience it can and may reach once more."""

    plan: ChannelPlan
    reachable: Flags
    capped: Flags


def _channel(asked: _Asked, plan: ChannelPlan, caps: Iterable[CapDefinition], route_by: str | None) -> _Channel:
    ids = asked.requests.customer_ids
    reachable = asked.services.addresses.reachable(asked.connection, ids, channel=plan.channel)
    if plan.channel in MADE_BY_PEOPLE and route_by is not None:
        # who looks after nobody's customer cannot be told to call
        reachable &= pc.is_valid(asked.requests.tags.column(route_by)).to_numpy()
    return _Channel(
        plan=plan,
        reachable=reachable,
        capped=capped(
            asked.connection,
            ids,
            channel=plan.channel,
            purpose=asked.leave.purpose,
            caps=caps,
            day=asked.services.calendar.day_of(asked.moment),
        ),
    )


def _candidate(asked: _Asked, offer: Offer, channel: _Channel, currency: str) -> Candidate:
    ask = PermitAsk(
        purpose=asked.leave.purpose,
        channel=channel.plan.channel,
        data_classes=dict(asked.leave.data_classes)[offer.name],
        moment=asked.moment,
        grounds=grounds_of(asked.catalog, asked.segment, offer),
    )
    return Candidate(
        offer=offer,
        channel=channel.plan.channel,
        permits=asked.services.permits.permit_set(asked.connection, asked.requests.customer_ids, ask),
        reachable=channel.reachable,
        capped=channel.capped,
        margin=Money.parse(str(offer.definition.margin), currency).minor,
        cost=channel.plan.contact_cost,
        response_factor=channel.plan.response_factor,
    )
