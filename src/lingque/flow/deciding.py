"""A plan's stages up to the decision: audience, leave, choice. Writes nothing; planning and running both call it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lingque.catalog.model import Catalog
from lingque.core.clock import Instant
from lingque.core.hashing import draw
from lingque.decide.allotting import allot
from lingque.decide.choosing import Choices
from lingque.decide.contracts import NOTHING, Context, Hours, Phase, Requests
from lingque.decide.decision import settle
from lingque.decide.decisions import Decisions
from lingque.decide.facts import TagTable
from lingque.decide.judging import Judgement, judge
from lingque.decide.menu import Menu
from lingque.engage.contracts import AskLeave, Decide, RunPilot, SelectAudience, ShareOut, Stage, WriteContacts
from lingque.flow.organising import within_organisation
from lingque.flow.proposing import Questions, Rows, menu_of, offered, what_is_left
from lingque.flow.services import Services

MADE_BY_PEOPLE = frozenset({"rm_call"})
"""Channels on which somebody of the bank makes the contact."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The decisions, the tags of whom they are about, and out of how many customers those were chosen."""

    decisions: Decisions
    audience: pa.Table
    customers: int


@dataclass(frozen=True, kw_only=True)
class Considered:
    """Everything about an audience but the choice: what was asked (`questions`, of the menu's `rows`) and how every
    candidate was judged."""

    judgement: Judgement
    context: Context
    questions: Questions
    rows: Rows
    audience: pa.Table
    customers: int

    def decided(self) -> Decided:
        """With the choice that this campaign makes by itself."""
        decisions = settle(self.judgement, self.context)
        return Decided(decisions=decisions, audience=self.audience, customers=self.customers)

    def given(self, chosen: Choices) -> Considered:
        """With nothing but these candidates (n,) to choose, which were given to the campaign."""
        return replace(self, judgement=allot(self.judgement, chosen), context=replace(self.context, allotted=True))


@dataclass(frozen=True, kw_only=True)
class Stages:
    """The stages that a decision stands on."""

    select: SelectAudience
    leave: AskLeave
    choice: Decide
    share: ShareOut | None
    pilot: RunPilot | None
    write: WriteContacts


def read_stages(stages: tuple[Stage, ...]) -> Stages:
    """Those of a plan."""
    return Stages(
        select=next(stage for stage in stages if isinstance(stage, SelectAudience)),
        leave=next(stage for stage in stages if isinstance(stage, AskLeave)),
        choice=next(stage for stage in stages if isinstance(stage, Decide)),
        share=next((stage for stage in stages if isinstance(stage, ShareOut)), None),
        pilot=next((stage for stage in stages if isinstance(stage, RunPilot)), None),
        write=next(stage for stage in stages if isinstance(stage, WriteContacts)),
    )


def decide_stages(
    services: Services,
    connection: Connection,
    catalog: Catalog,
    stages: tuple[Stage, ...],
    *,
    moment: Instant,
    phase: Phase = "once",
    allotment: pa.Table | None = None,
) -> Decided:
    """Carry out `SelectAudience`, `AskLeave` and `Decide` over the published snapshot, as of that moment.

    A pilot takes a share of the audience, and the same share of every channel's capacity; the roll-out takes the rest.
    `allotment`: who was given to the campaign with what (`customer_id`, `offer`, `channel`); None: it is planned alone.
    """
    considered = consider(services, connection, catalog, stages, moment=moment, phase=phase)
    if allotment is not None:
        considered = considered.given(_given(considered.judgement.menu, considered.audience, allotment))
    return considered.decided()


def consider(
    services: Services,
    connection: Connection,
    catalog: Catalog,
    stages: tuple[Stage, ...],
    *,
    moment: Instant,
    phase: Phase = "once",
) -> Considered:
    """The audience, and every candidate for everybody in it."""
    read = read_stages(stages)
    tags = within_organisation(
        services, connection, services.profile.tags_of(connection, read.select.as_of), read.select.organisation
    )
    audience = _of_phase(_audience(tags, read.select.segment), read.pilot, phase)
    ids = audience.column("customer_id").to_numpy()
    questions = Questions(
        services=services,
        connection=connection,
        catalog=catalog,
        segment=read.select.segment,
        purpose=read.leave.purpose,
        data_classes=dict(read.leave.data_classes),
        moment=moment,
    )
    menu, rows = menu_of(catalog, [name for name, _ in read.choice.offers], read.choice.channels, questions)
    reachable = questions.reachable(ids, rows.reaches)
    route_by = read.write.route_by
    for number, channel in enumerate(rows.reaches):
        if channel in MADE_BY_PEOPLE and route_by is not None:
            # who looks after nobody's customer cannot be told to call
            reachable[number] &= pc.is_valid(audience.column(route_by)).to_numpy()
    requests = Requests(
        clock="planned",
        as_of=read.select.as_of,
        customer_ids=ids,
        facts=TagTable(audience, services.session),
        permits=questions.permits(ids, rows.asks),
        reachable=reachable,
        capped=questions.capped(ids, rows.caps),
        recent=questions.recent(ids, rows.reaches, read.choice.channels),
        past=questions.past(ids, menu),
    )
    context = Context(
        moment=moment,
        # offers are valid on business days; a plan over a past snapshot is judged on the snapshot's day
        today=read.select.as_of,
        hold_out=read.choice.hold_out,
        salt=read.choice.salt,
        capacity={
            # what was given to a campaign is within its capacities, and its hours, as a whole
            use.channel: use.capacity if read.share else _capacity_of_phase(use.capacity, read.pilot, phase)
            for use in read.choice.channels
            if use.capacity is not None
        },
        left=what_is_left(connection, offered(menu)),
        exploration=read.choice.exploration,
        hours=[one if read.share else _hours_of_phase(one, read.pilot, phase) for one in read.choice.hours],
    )
    return Considered(
        judgement=judge(requests, menu, context, own=services.policies),
        context=context,
        questions=questions,
        rows=rows,
        audience=audience,
        customers=tags.num_rows,
    )


def _given(menu: Menu, audience: pa.Table, allotment: pa.Table) -> Choices:
    """(n,) of the audience the candidate of each, or `NOTHING`."""
    place = {(one.offer.name, one.channel): number for number, one in enumerate(menu.candidates)}
    pairs = zip(allotment.column("offer").to_pylist(), allotment.column("channel").to_pylist(), strict=True)
    candidate = np.array([place.get(pair, NOTHING) for pair in pairs], dtype=np.int32)
    ids = audience.column("customer_id").to_numpy()
    given = np.full(len(ids), NOTHING, dtype=np.int32)
    if len(candidate):
        of = allotment.column("customer_id").to_numpy()
        order = np.argsort(of)
        at = order[np.minimum(np.searchsorted(of, ids, sorter=order), len(of) - 1)]
        mine = of[at] == ids
        given[mine] = candidate[at[mine]]
    return given


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


def _hours_of_phase(hours: Hours, pilot: RunPilot | None, phase: Phase) -> Hours:
    """Everybody's time is shared like a channel's capacity."""
    return replace(
        hours,
        each=_capacity_of_phase(hours.each, pilot, phase),
        units={name: _capacity_of_phase(minutes, pilot, phase) for name, minutes in hours.units.items()},
    )
