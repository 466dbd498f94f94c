"""A plan's stages up to the decision: audience, leave, choice. Writes nothing; planning and running both call it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.money import Money
from lingque.decide.contracts import Candidate, Context, Decisions, Requests
from lingque.decide.decision import decide
from lingque.engage.contracts import AskLeave, Decide, SelectAudience, Stage
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
        _candidate(services, connection, catalog, requests, leave, choice, name, moment) for name, _ in choice.offers
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
    catalog: Catalog,
    requests: Requests,
    leave: AskLeave,
    choice: Decide,
    name: str,
    moment: Instant,
) -> Candidate:
    offer = catalog.offers[name]
    ask = PermitAsk(
        purpose=leave.purpose,
        channel=leave.channel,
        data_classes=dict(leave.data_classes)[name],
        moment=moment,
    )
    ids = requests.customer_ids
    return Candidate(
        offer=offer,
        channel=leave.channel,
        permits=services.permits.permit_set(connection, ids, ask),
        reachable=services.addresses.reachable(connection, ids, channel=leave.channel),
        margin=Money.parse(str(offer.definition.margin), choice.currency).minor,
        cost=choice.contact_cost,
    )
