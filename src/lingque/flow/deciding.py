"""A plan's stages up to the decision: audience, leave, choice. Writes nothing; planning and running both call it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lingque.catalog.model import Catalog, Offer
from lingque.core.clock import Instant
from lingque.core.money import Money
from lingque.decide.contracts import Candidate, Context, Decisions, Requests
from lingque.decide.decision import decide
from lingque.engage.contracts import AskLeave, ChannelPlan, Decide, SelectAudience, Stage
from lingque.flow.services import Services
from lingque.govern.contracts import PermitAsk


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
) -> Decided:
    """Carry out `SelectAudience`, `AskLeave` and `Decide` over the published snapshot, as of that moment."""
    select = next(stage for stage in stages if isinstance(stage, SelectAudience))
    leave = next(stage for stage in stages if isinstance(stage, AskLeave))
    choice = next(stage for stage in stages if isinstance(stage, Decide))

    tags = services.profile.tags_of(connection, select.as_of)
    requests = Requests(clock="planned", as_of=select.as_of, tags=_audience(tags, select.segment))
    candidates = [
        _candidate(services, connection, catalog.offers[name], use, requests, leave, choice.currency, moment)
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
    )
    decisions = decide(requests, candidates, context, session=services.session)
    return Decided(decisions=decisions, customers=tags.num_rows)


def _audience(tags: pa.Table, segment: str) -> pa.Table:
    return tags.filter(pc.fill_null(tags.column(segment), False))


def _candidate(
    services: Services,
    connection: Connection,
    offer: Offer,
    use: ChannelPlan,
    requests: Requests,
    leave: AskLeave,
    currency: str,
    moment: Instant,
) -> Candidate:
    ask = PermitAsk(
        purpose=leave.purpose,
        channel=use.channel,
        data_classes=dict(leave.data_classes)[offer.name],
        moment=moment,
    )
    ids = requests.customer_ids
    return Candidate(
        offer=offer,
        channel=use.channel,
        permits=services.permits.permit_set(connection, ids, ask),
        reachable=services.addresses.reachable(connection, ids, channel=use.channel),
        margin=Money.parse(str(offer.definition.margin), currency).minor,
        cost=use.contact_cost,
    )
